//! Numbers for readers, and the table of verdicts.

use crate::verdict::Verdict;

/// Three digits or more, with separators.
pub(crate) fn number(x: f64) -> String {
    let digits = match x.abs() {
        x if x >= 100.0 || x == 0.0 => 0,
        x if x >= 10.0 => 1,
        x if x >= 1.0 => 2,
        x if x >= 0.1 => 3,
        _ => 4,
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

fn optional(x: Option<f64>) -> String {
    x.map(number).unwrap_or_default()
}

/// The table of verdicts in Markdown. `goals_only`: those that have one.
pub(crate) fn table(verdicts: &[Verdict], goals_only: bool) -> String {
    let head =
        "| row | | ours | best peer | | ratio | goal | met | limit |\n|---|---|---:|---|---:|---:|---|---|---:|\n";
    let mut text = head.to_owned();
    for v in verdicts.iter().filter(|v| v.goal.is_some() || !goals_only) {
        let met = match v.met {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "",
        };
        let cells = [
            format!("`{}`", v.row),
            format!("{}, {}", v.metric, v.unit),
            optional(v.ours),
            v.best_peer.clone().unwrap_or_default(),
            optional(v.best),
            optional(v.ratio),
            v.goal.clone().unwrap_or_default(),
            met.to_owned(),
            optional(v.limit),
        ];
        text += &format!("| {} |\n", cells.join(" | "));
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
}
