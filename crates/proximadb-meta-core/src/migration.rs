//! The steps by which the layout of a store is made: a list in a backend crate, of which a store keeps what it went through.

use crate::report::PendingMigration;

/// One step. A released one is never changed: what it made is out there, with the checksum of its text.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Its number: they are counted from 1.
    pub version: u32,
    /// Its name.
    pub name: &'static str,
    /// Its statements, each with a semicolon at the end of its last line; a line that begins with `--` is a comment.
    pub text: &'static str,
}

impl Migration {
    /// BLAKE3 of its text, hexadecimal: what a store keeps of it.
    #[must_use]
    pub fn checksum(&self) -> String {
        blake3::hash(self.text.as_bytes()).to_hex().to_string()
    }

    /// Whether it is what a store says it went through.
    #[must_use]
    pub fn is(&self, version: i64, checksum: &str) -> bool {
        version == i64::from(self.version) && checksum == self.checksum()
    }

    /// What a store that lacks it is told, with the steps of a plan.
    #[must_use]
    pub fn pending(&self, steps: Vec<String>) -> PendingMigration {
        PendingMigration::new(u64::from(self.version), self.name, self.checksum(), steps)
    }
}

/// The statements of a migration's text, without semicolons and comments.
#[must_use]
pub fn statements(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
    let text = lines.join("\n");
    text.split(";\n").map(|s| s.trim().trim_end_matches(';').to_owned()).filter(|s| !s.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "-- A shelf.\n\nCREATE TABLE shelf (\n    -- Of wood; usually.\n    rows INTEGER, name TEXT DEFAULT ';'\n);\nCREATE INDEX i ON shelf (name);\n";

    #[test]
    fn a_text_is_its_statements() {
        let wanted =
            ["CREATE TABLE shelf (\n    rows INTEGER, name TEXT DEFAULT ';'\n)", "CREATE INDEX i ON shelf (name)"];
        assert_eq!(statements(TEXT), wanted);
        assert_eq!(statements(TEXT.trim_end()), wanted, "also without the last line feed");
        assert!(statements("-- Nothing.\n").is_empty());
    }

    #[test]
    fn only_the_same_text_under_the_same_number_is_the_step() {
        let step = Migration { version: 3, name: "shelf", text: TEXT };
        let other = Migration { text: "DROP TABLE shelf;\n", ..step };
        assert!(step.is(3, &step.checksum()));
        assert!(!step.is(2, &step.checksum()) && !step.is(3, &other.checksum()));
        let pending = step.pending(statements(TEXT));
        assert_eq!((pending.version, &*pending.name, pending.steps.len()), (3, "shelf", 2));
        assert_eq!(pending.checksum, step.checksum());
    }
}
