//! "Did you mean": the nearest of a list of names.

/// A hint for a wrong name: the nearest known one if any is near, then the list.
#[must_use]
pub fn did_you_mean<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let list = known.join(", ");
    match nearest(wrong, known) {
        Some(best) => format!("did you mean {best:?}? Known: {list}"),
        None => format!("known: {list}"),
    }
}

/// The known name that is near enough to be meant: about one letter in four may be wrong.
#[must_use]
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A name that is much longer than any known one is near to none, and comparing takes the product of both lengths. A character
    // has at most four bytes.
    let possible = known.into_iter().filter(|k| wrong.len() <= 4 * (k.len() + 1 + k.len() / 4));
    let near = possible.map(|k| (strsim::damerau_levenshtein(wrong, k), k));
    near.filter(|(distance, k)| *distance <= 1 + k.len().min(wrong.len()) / 4).min().map(|(_, best)| best)
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    #[test]
    fn names_the_nearest_and_lists_all() {
        assert_eq!(did_you_mean("onwer", ["name", "owner"]), "did you mean \"owner\"? Known: name, owner");
        assert_eq!(did_you_mean("zzz", ["name", "owner"]), "known: name, owner");
        assert_eq!(did_you_mean(&"owner".repeat(1 << 20), ["name", "owner"]), "known: name, owner");
    }
}
