//! What a run of `cargo test` printed, counted: passed, failed, ignored with reasons, seconds a test binary.

use std::collections::BTreeMap;

/// The counts so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
    /// How often each reason was given, by test binary.
    pub(crate) reasons: BTreeMap<String, BTreeMap<String, u64>>,
    /// Seconds of each test binary.
    pub(crate) seconds: Vec<(String, f64)>,
    binary: String,
}

impl Tally {
    /// Takes one line. `name` turns the path of a test binary into words.
    pub(crate) fn line(&mut self, line: &str, name: impl Fn(&str) -> Option<String>) {
        if let Some(binary) = line.trim_start().strip_prefix("Running ").and_then(in_parentheses) {
            self.binary = name(binary).unwrap_or_else(|| binary.to_owned());
        } else if let Some(package) = line.trim_start().strip_prefix("Doc-tests ") {
            self.binary = format!("{package} documentation");
        } else if line.starts_with("test result:") {
            self.passed += count(line, "passed");
            self.failed += count(line, "failed");
            self.ignored += count(line, "ignored");
            self.seconds.push((self.binary.clone(), seconds(line)));
        } else if let Some(reason) = reason(line) {
            *self.reasons.entry(self.binary.clone()).or_default().entry(reason).or_default() += 1;
        }
    }

    /// `12 passed, 0 failed`, with the skipped ones where there are any.
    pub(crate) fn closing_line(&self) -> String {
        let skipped = if self.ignored > 0 { format!(", {} skipped", self.ignored) } else { String::new() };
        format!("{} passed, {} failed{skipped}", self.passed, self.failed)
    }

    /// Every reason for an ignored case, one line a test binary.
    pub(crate) fn ignored_lines(&self) -> Vec<String> {
        let words = |reasons: &BTreeMap<String, u64>| {
            reasons.iter().map(|(reason, n)| format!("{reason} ({n})")).collect::<Vec<_>>().join("; ")
        };
        self.reasons.iter().map(|(binary, reasons)| format!("{binary}: {}", words(reasons))).collect()
    }
}

fn in_parentheses(text: &str) -> Option<&str> {
    text.rsplit_once('(')?.1.strip_suffix(')')
}

/// The number in front of a word: `12 passed;`.
fn count(line: &str, word: &str) -> u64 {
    let words: Vec<&str> = line.split([' ', ';']).collect();
    words.windows(2).find(|w| w.get(1) == Some(&word)).and_then(|w| w.first()?.parse().ok()).unwrap_or(0)
}

/// `finished in 1.25s`.
fn seconds(line: &str) -> f64 {
    line.rsplit_once("finished in ").and_then(|(_, s)| s.trim_end().strip_suffix('s')?.parse().ok()).unwrap_or(0.0)
}

/// Why a case is ignored: `test [no explain] rule13::x ... ignored`, or `test x ... ignored, why`.
fn reason(line: &str) -> Option<String> {
    let (case, how) = line.strip_prefix("test ")?.rsplit_once("... ")?;
    let said = how.strip_prefix("ignored")?;
    let given = said.strip_prefix(", ").or_else(|| case.strip_prefix('[')?.split_once(']').map(|(kind, _)| kind));
    Some(given.unwrap_or("no reason given").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
     Running tests/conformance.rs (target/debug/deps/conformance-12ab)

running 3 tests
test                     rule01::a ... ok
test [no backup]         rule17::b ... ignored
test [no backup]         rule17::c ... ignored
test plain ... ignored, needs a moon

test result: ok. 1 passed; 0 failed; 3 ignored; 0 measured; 0 filtered out; finished in 0.25s

   Doc-tests core
test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s
";

    #[test]
    fn it_counts_every_binary_and_every_reason() {
        let mut tally = Tally::default();
        for line in OUTPUT.lines() {
            tally.line(line, |path| path.contains("conformance-12ab").then(|| "x conformance".to_owned()));
        }
        assert_eq!(tally.closing_line(), "3 passed, 1 failed, 3 skipped");
        assert_eq!(tally.ignored_lines(), ["x conformance: needs a moon (1); no backup (2)"]);
        assert_eq!(tally.seconds, [("x conformance".to_owned(), 0.25), ("core documentation".to_owned(), 1.0)]);
    }

    #[test]
    fn nothing_skipped_is_not_said() {
        let mut tally = Tally::default();
        tally.line("test result: ok. 5 passed; 0 failed; 0 ignored; finished in 0.1s", |_| None);
        assert_eq!(tally.closing_line(), "5 passed, 0 failed");
    }
}
