//! Numbers for readers.

/// Three digits or more, with separators.
pub(crate) fn number(x: f64) -> String {
    let digits = match x.abs() {
        x if x >= 100.0 || x == 0.0 => 0,
        x if x >= 10.0 => 1,
        x if x >= 1.0 => 2,
        x if x >= 0.1 => 3,
        x if x >= 0.001 => 4,
        _ => 6,
    };
    let text = format!("{x:.digits$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut separated = String::new();
    for (place, digit) in whole.char_indices() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) && !separated.ends_with('-') {
            separated.push(',');
        }
        separated.push(digit);
    }
    separated + rest
}

/// Nothing where there is none.
pub(crate) fn optional(x: Option<f64>) -> String {
    x.map(number).unwrap_or_default()
}

/// A table in Markdown; the columns whose heads begin with `>` are numbers.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let words: Vec<&str> = head.iter().map(|h| h.trim_start_matches('>')).collect();
    let rule: Vec<&str> = head.iter().map(|h| if h.starts_with('>') { "---:" } else { "---" }).collect();
    let mut text = format!("| {} |\n|{}|\n", words.join(" | "), rule.join("|"));
    for row in rows {
        text += &format!("| {} |\n", row.join(" | "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_separators() {
        let cases = [
            (0.0, "0"),
            (0.000_012_34, "0.000012"),
            (0.01234, "0.0123"),
            (0.1234, "0.123"),
            (1.234, "1.23"),
            (12.34, "12.3"),
            (123.4, "123"),
            (1_234.0, "1,234"),
            (1_234_567.0, "1,234,567"),
            (-1_234.0, "-1,234"),
            (-123_456.0, "-123,456"),
        ];
        for (x, text) in cases {
            assert_eq!(number(x), text);
        }
    }

    #[test]
    fn tables_are_aligned_by_their_heads() {
        let text = table(&["a", ">b"], &[vec!["x".into(), "1".into()]]);
        assert_eq!(text, "| a | b |\n|---|---:|\n| x | 1 |\n");
    }
}
