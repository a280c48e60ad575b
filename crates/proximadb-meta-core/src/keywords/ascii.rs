//! The words of ASCII text by UAX #29: what the rules of all of Unicode come to where there is nothing else, in one pass.

/// The words of a text of ASCII alone, as `unicode_words` gives them.
#[derive(Clone, Debug)]
pub(super) struct AsciiWords<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> AsciiWords<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }
}

/// Letters, digits and `_` hold together (WB5, WB8 to WB10, WB13a, WB13b).
fn holds(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

/// Whether a sign between two characters holds them together: WB6 and WB7 for letters, WB11 and WB12 for digits.
fn joins(before: u8, sign: u8, after: u8) -> bool {
    match sign {
        b'.' | b'\'' => (before.is_ascii_alphabetic() && after.is_ascii_alphabetic()) || are_digits(before, after),
        b':' => before.is_ascii_alphabetic() && after.is_ascii_alphabetic(),
        b',' | b';' => are_digits(before, after),
        _ => false,
    }
}

fn are_digits(a: u8, b: u8) -> bool {
    a.is_ascii_digit() && b.is_ascii_digit()
}

impl<'a> Iterator for AsciiWords<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let bytes = self.text.as_bytes();
        loop {
            let start = self.at + bytes.get(self.at..)?.iter().position(|b| holds(*b))?;
            let mut end = start;
            loop {
                end += bytes.get(end..)?.iter().take_while(|b| holds(**b)).count();
                match bytes.get(end - 1..end + 2) {
                    Some(&[before, sign, after]) if joins(before, sign, after) => end += 1,
                    _ => break,
                }
            }
            self.at = end;
            let word = self.text.get(start..end)?;
            // Underscores alone are no word.
            if word.bytes().any(|b| b.is_ascii_alphanumeric()) {
                return Some(word);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use unicode_segmentation::UnicodeSegmentation as _;

    use super::*;

    fn same(text: &str) {
        assert!(AsciiWords::new(text).eq(text.unicode_words()), "{text:?}");
    }

    #[test]
    fn every_text_of_three_characters() {
        for a in 0..128u8 {
            for b in 0..128 {
                for c in 0..128 {
                    let text = [a, b, c];
                    same(std::str::from_utf8(&text).unwrap());
                }
            }
        }
    }

    /// The characters that the rules tell apart, and one of each kind beside.
    #[test]
    fn every_text_of_six_characters_that_matter() {
        const KINDS: &[u8] = b"a1_.:,' ";
        let mut text = [0; 6];
        for n in 0..KINDS.len().pow(6) {
            let mut rest = n;
            for place in &mut text {
                *place = KINDS[rest % KINDS.len()];
                rest /= KINDS.len();
            }
            same(std::str::from_utf8(&text).unwrap());
        }
    }

    #[test]
    fn ends() {
        same("");
        same("a");
        same("_");
        same("a.");
        same(".a");
    }
}
