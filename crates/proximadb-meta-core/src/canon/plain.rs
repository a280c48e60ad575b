//! Knows canonical text of the common kind when it sees it: one pass, nothing built.
//!
//! Plain is: an object, in it keys and strings of printable ASCII without escapes, whole numbers of at most 15 digits. Other text
//! may be canonical as well; the long way finds out.

use crate::limits::MAX_CONFIG_DEPTH;

/// Most digits that are surely inside +-(2^53-1).
const SAFE_DIGITS: usize = 15;

/// Whether the text is an object in its canonical form, for sure.
pub(super) fn is_plain_object(text: &str) -> bool {
    let mut rest = text.as_bytes();
    rest.first() == Some(&b'{') && value(&mut rest, 1).is_some() && rest.is_empty()
}

/// Takes a byte that must come.
fn take(rest: &mut &[u8], wanted: u8) -> Option<()> {
    let (first, after) = rest.split_first()?;
    (*first == wanted).then(|| *rest = after)
}

fn value(rest: &mut &[u8], depth: usize) -> Option<()> {
    match rest.first()? {
        b'{' if depth <= MAX_CONFIG_DEPTH => object(rest, depth),
        b'[' if depth <= MAX_CONFIG_DEPTH => array(rest, depth),
        b'"' => string(rest).map(drop),
        b't' => word(rest, b"true"),
        b'f' => word(rest, b"false"),
        b'n' => word(rest, b"null"),
        _ => integer(rest),
    }
}

fn object(rest: &mut &[u8], depth: usize) -> Option<()> {
    take(rest, b'{')?;
    if take(rest, b'}').is_some() {
        return Some(());
    }
    let mut before: Option<&[u8]> = None;
    loop {
        let key = string(rest)?;
        if before.is_some_and(|b| b >= key) {
            return None;
        }
        before = Some(key);
        take(rest, b':')?;
        value(rest, depth + 1)?;
        if take(rest, b',').is_none() {
            return take(rest, b'}');
        }
    }
}

fn array(rest: &mut &[u8], depth: usize) -> Option<()> {
    take(rest, b'[')?;
    if take(rest, b']').is_some() {
        return Some(());
    }
    loop {
        value(rest, depth + 1)?;
        if take(rest, b',').is_none() {
            return take(rest, b']');
        }
    }
}

fn string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    take(rest, b'"')?;
    let end = rest.iter().position(|b| !matches!(b, b' '..=b'~') || matches!(b, b'"' | b'\\'))?;
    let (inside, after) = rest.split_at(end);
    *rest = after;
    take(rest, b'"')?;
    Some(inside)
}

fn word(rest: &mut &[u8], wanted: &[u8]) -> Option<()> {
    *rest = rest.strip_prefix(wanted)?;
    Some(())
}

fn integer(rest: &mut &[u8]) -> Option<()> {
    let negative = take(rest, b'-').is_some();
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    if digits == 0 || digits > SAFE_DIGITS || (rest.first() == Some(&b'0') && (negative || digits > 1)) {
        return None;
    }
    *rest = rest.get(digits..)?;
    // What goes on as a fraction or an exponent is refused by whoever comes next: neither may follow a value.
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::canonicalize;
    use super::*;

    /// A random value as text, mostly plain, in any of the ways that JSON allows.
    fn random(pick: &mut dyn FnMut(usize) -> usize, depth: usize) -> String {
        let string = |pick: &mut dyn FnMut(usize) -> usize| {
            let parts = ["a", "b", "key", " ", "\\n", "\\u0041", "é", "\\\"", "~", "\u{7f}", "{", ","];
            let most = if pick(3) == 0 { parts.len() } else { 3 };
            format!("\"{}\"", (0..pick(4)).map(|_| parts[pick(most)]).collect::<String>())
        };
        match pick(if depth > 3 { 6 } else { 9 }) {
            0 => ["true", "false", "null"][pick(3)].to_owned(),
            1 => string(pick),
            2 => {
                ["0", "-0", "7", "-31", "1.5", "1e3", "-2.0", "999999999999999", "9007199254740991"][pick(9)].to_owned()
            }
            3 => pick(100_000).to_string(),
            4 => "{}".to_owned(),
            5 => "[]".to_owned(),
            6 => {
                let items: Vec<String> = (0..pick(4)).map(|_| random(pick, depth + 1)).collect();
                format!("[{}]", items.join([",", ", "][pick(2)]))
            }
            n => {
                let member = |_| format!("{}:{}", string(pick), random(pick, depth + 1));
                let members: Vec<String> = (0..n).map(member).collect();
                format!("{{{}}}", members.join(","))
            }
        }
    }

    #[test]
    fn what_is_plain_is_its_own_canonical_text_and_common_text_is_plain() {
        let mut n = 1u64;
        let mut pick = |below: usize| {
            n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (n >> 33) as usize % below
        };
        let (mut plain, mut changed_plain) = (0, 0);
        for _ in 0..20_000 {
            let text = format!("{{\"x\":{}}}", random(&mut pick, 0));
            let Ok(canonical) = canonicalize(&text, "config") else {
                assert!(!is_plain_object(&text), "{text}");
                continue;
            };
            assert!(!is_plain_object(&text) || text == canonical, "{text}");
            if is_plain_object(&canonical) {
                plain += 1;
            } else {
                let odd = |c: char| c == '\\' || c == '.' || !matches!(c, ' '..='~');
                assert!(canonical.contains(odd) || canonical.contains("9007199254740991"), "{canonical}");
            }
            let mut bytes = canonical.into_bytes();
            let at = pick(bytes.len());
            match pick(3) {
                0 => bytes[at] = b" \"\\{}[]:,0-9.e+tfn\x7f"[pick(19)],
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, b" \"{}[]:,01-.e"[pick(12)]),
            }
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            if is_plain_object(&changed) {
                changed_plain += 1;
                assert_eq!(canonicalize(&changed, "config").unwrap(), changed);
            }
        }
        assert!(plain > 10_000 && changed_plain > 500, "{plain} {changed_plain}");
    }

    #[test]
    fn the_limits_are_those_of_the_long_way() {
        let nest = |n: usize| format!("{}{}", "{\"a\":".repeat(n - 1) + "{}", "}".repeat(n - 1));
        assert!(is_plain_object(&nest(16)) && canonicalize(&nest(16), "config").is_ok());
        assert!(!is_plain_object(&nest(17)) && canonicalize(&nest(17), "config").is_err());
        for other in ["", "{", "1", "[]", "{}x", "{\"a\":1,}", "{\"a\":01}", "{\"b\":1,\"a\":1}", "{\"a\":1,\"a\":1}"] {
            assert!(!is_plain_object(other), "{other}");
        }
        assert!(is_plain_object("{}"));
    }
}
