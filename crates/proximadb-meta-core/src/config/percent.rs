//! Percent-encoding: `%20` for a blank, in option names and values of a connection string and in paths.

use crate::error::{Error, ErrorKind, Result};

/// Decodes `%XX`. Everything else stands for itself, `+` too.
///
/// # Errors
/// `Config` for a `%` without two hexadecimal digits, or when the result is not UTF-8. The text is not repeated: it may be a
/// secret.
pub fn percent_decode(text: &str) -> Result<String> {
    if !text.contains('%') {
        return Ok(text.to_owned());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        if b != b'%' {
            out.push(b);
            continue;
        }
        match (bytes.next().and_then(digit), bytes.next().and_then(digit)) {
            (Some(high), Some(low)) => out.push(high * 16 + low),
            _ => {
                return Err(Error::new(ErrorKind::Config, "a % is not followed by two hexadecimal digits")
                    .with_hint("write a % that stands for itself as %25"));
            }
        }
    }
    String::from_utf8(out).map_err(|_| {
        Error::new(ErrorKind::Config, "the percent-encoded bytes are not UTF-8")
            .with_hint("encode each byte of the character's UTF-8 form: ä is %C3%A4")
    })
}

/// Encodes what would mean something else in a connection string: `%`, `?`, `&`, `=`, `#`, `,`, blanks and control characters.
#[must_use]
pub fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() && (c.is_ascii_control() || matches!(c, '%' | '?' | '&' | '=' | '#' | ',' | ' ')) {
            out.push_str(&format!("%{:02X}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

fn digit(b: u8) -> Option<u8> {
    char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        for text in ["", "plain", "my data", "100%", "a?b&c=d#e,f", "ä€😀", "tab\tnul\0", "+"] {
            assert_eq!(percent_decode(&percent_encode(text)).unwrap(), text);
        }
        assert_eq!(percent_encode("my data/100%"), "my%20data/100%25");
        assert_eq!(percent_decode("%C3%a4+%2B").unwrap(), "ä++");
    }

    #[test]
    fn broken_sequences_are_refused_without_repeating_them() {
        for text in ["%", "%z", "%zz", "%2", "%2g", "a%", "100%hunter2", "%FF", "%C3", "%C3%28", "%+1", "%%2"] {
            let e = percent_decode(text).unwrap_err();
            assert_eq!(e.kind(), ErrorKind::Config, "{text}");
            assert!(!format!("{e:?}").contains("hunter2"));
        }
    }
}
