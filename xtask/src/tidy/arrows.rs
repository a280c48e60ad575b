//! The tables of arrows between our crates.

type Table = [(&'static str, &'static [&'static str])];

/// What the table allows a crate; `None`: it is not in it.
pub(super) fn row(table: &Table, name: &str) -> Option<&'static [&'static str]> {
    table.iter().find(|(n, _)| *n == name).map(|(_, allowed)| *allowed)
}

/// The dependencies that are not allowed.
pub(super) fn forbidden(name: &str, dependencies: &[&str], allowed: &[&str]) -> Vec<String> {
    let bad = dependencies.iter().filter(|d| !allowed.contains(d));
    bad.map(|d| format!("{name} must not depend on {d} (xtask/src/tidy.rs has the arrows)")).collect()
}

/// Rows of crates that are not there.
pub(super) fn stale_rows(table: &Table, names: &[&str]) -> Vec<String> {
    let stale = table.iter().filter(|(n, _)| !names.contains(n));
    stale.map(|(n, _)| format!("the table of arrows (xtask/src/tidy.rs) has {n}, which is no crate")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &Table = &[("core", &[]), ("backend", &["core"])];

    #[test]
    fn an_arrow_up_is_caught() {
        let allowed = row(TABLE, "core").unwrap();
        assert_eq!(forbidden("core", &["backend"], allowed).len(), 1);
        assert!(forbidden("backend", &["core"], row(TABLE, "backend").unwrap()).is_empty());
        assert!(row(TABLE, "stranger").is_none());
    }

    #[test]
    fn a_row_without_a_crate_is_caught() {
        assert!(stale_rows(TABLE, &["core", "backend"]).is_empty());
        assert_eq!(stale_rows(TABLE, &["core"]).len(), 1);
    }
}
