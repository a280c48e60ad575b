//! The name of a new backend, and what is derived from it.

/// Longest name: what makes line lengths and crate names unwieldy.
const MAX_BYTES: usize = 32;

/// A checked name: small letters and digits, joined by single hyphens.
#[derive(Debug)]
pub(super) struct Name(String);

impl Name {
    /// # Errors
    /// What is wrong with the name, and an example.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let is_word = |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let begins_well = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        if text.len() > MAX_BYTES {
            return Err(format!("{text:?} has {} bytes; a name has at most {MAX_BYTES}", text.len()));
        }
        if begins_well && text.split('-').all(is_word) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!("{text:?} is not a name: small letters, digits and single hyphens, a letter first, as in my-store"))
    }

    /// `proximadb-meta-my-store`.
    pub(super) fn package(&self) -> String {
        format!("proximadb-meta-{}", self.0)
    }

    /// `MyStore`.
    fn type_name(&self) -> String {
        let capital = |word: &str| {
            let (first, rest) = word.split_at(1);
            first.to_ascii_uppercase() + rest
        };
        self.0.split('-').map(capital).collect()
    }

    /// Puts the name into a template.
    pub(super) fn fill(&self, template: &str) -> String {
        template
            .replace("{{name}}", &self.0)
            .replace("{{scheme}}", &self.0)
            .replace("{{package}}", &self.package())
            .replace("{{crate}}", &self.package().replace('-', "_"))
            .replace("{{Type}}", &self.type_name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_gives_package_crate_and_type() {
        let name = Name::parse("my-store2").unwrap();
        assert_eq!(
            name.fill("{{package}} {{crate}} {{Type}}"),
            "proximadb-meta-my-store2 proximadb_meta_my_store2 MyStore2"
        );
        assert_eq!(name.fill("use x::{{{Type}}Plugin, a};"), "use x::{MyStore2Plugin, a};");
    }

    #[test]
    fn other_names_are_refused() {
        for bad in ["", "My", "my_store", "-my", "my-", "my--store", "2b", "../x", "ä", "a b", &"x".repeat(33)] {
            assert!(Name::parse(bad).is_err(), "{bad:?}");
        }
    }
}
