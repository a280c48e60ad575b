//! The checks of one source file.

/// Most lines of a file.
const MAX_LINES: usize = 1000;

/// What must not be in a source file, and why. Put together here, so that this file does not hold it either.
const FORBIDDEN: &[(&str, &str)] = &[
    (concat!("#[", "ignore"), "an ignored test: make it run, or leave it out"),
    (concat!("todo", "!("), "unfinished work"),
    (concat!("unimplemented", "!("), "unfinished work"),
    (concat!("TO", "DO"), "unfinished work"),
    (concat!("FIX", "ME"), "unfinished work"),
    (concat!("```", "ignore"), "an example that is not compiled"),
];

/// What is wrong with a file.
pub(super) fn check(path: &str, text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if !text.starts_with("//! ") {
        wrong.push(format!("{path} does not begin with a //! sentence"));
    }
    let lines = text.lines().count();
    if lines > MAX_LINES {
        wrong.push(format!("{path} has {lines} lines; the limit is {MAX_LINES}"));
    }
    for (n, line) in text.lines().enumerate() {
        for (word, why) in FORBIDDEN {
            if line.contains(word) {
                wrong.push(format!("{path}:{} has {word}: {why}", n + 1));
            }
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_file_passes() {
        assert!(check("a.rs", "//! What it is for.\n\nfn a() {}\n").is_empty());
    }

    #[test]
    fn every_forbidden_word_is_caught_with_its_line() {
        for (word, _) in FORBIDDEN {
            let wrong = check("a.rs", &format!("//! What it is for.\n// {word} later\n"));
            assert_eq!(wrong.len(), 1, "{word}");
            assert!(wrong[0].starts_with("a.rs:2 "), "{wrong:?}");
        }
    }

    #[test]
    fn a_missing_first_sentence_and_a_long_file_are_caught() {
        assert_eq!(check("a.rs", "fn a() {}\n").len(), 1);
        assert_eq!(check("a.rs", "//!\nfn a() {}\n").len(), 1);
        assert_eq!(check("a.rs", &format!("//! Long.\n{}", "\n".repeat(MAX_LINES))).len(), 1);
        assert!(check("a.rs", &format!("//! Long.\n{}", "\n".repeat(MAX_LINES - 1))).is_empty());
    }
}
