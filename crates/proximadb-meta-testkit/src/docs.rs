//! Whether a backend's documents tell the truth: every error text that `docs/troubleshooting.md` quotes is one of the sources, every
//! option is told in `docs/setup.md`.
//!
//! The first has a section a kind of error, named by it (``## `Locked` ``), and tables of three columns: the text in
//! backticks, with `...` for what varies, its cause, what to do. Sections with other headings may have such tables too.

use std::collections::BTreeSet;
use std::path::Path;

use proximadb_meta_core::config::OptionSpec;

/// Checks a document against the `.rs` files below some directories; how many texts it quotes.
///
/// # Errors
/// In words: a quoted text that no string of the sources says, a section named by something that looks like a kind and is
/// none, a row without a cause or without what to do, a document without rows, a directory that cannot be read.
pub fn check_troubleshooting(document: &str, sources: &[&Path]) -> Result<usize, String> {
    let mut said = BTreeSet::new();
    for directory in sources {
        collect(directory, &mut said)?;
    }
    let mut wrong: Vec<String> =
        kinds(document).filter(|k| !said.contains(*k)).map(|k| format!("no kind: {k}")).collect();
    let rows = rows(document);
    for row in &rows {
        match row.as_slice() {
            [text, cause, remedy] if !cause.is_empty() && !remedy.is_empty() => {
                let quoted = text.trim_matches('`');
                if quoted.len() + 2 != text.len() || !said.contains(quoted) {
                    wrong.push(format!("no source says: {text}"));
                }
            }
            other => wrong.push(format!("not a text, a cause and what to do: {other:?}")),
        }
    }
    match (wrong.is_empty(), rows.len()) {
        (true, 0) => Err("the document quotes nothing".to_owned()),
        (true, n) => Ok(n),
        _ => Err(wrong.join("\n")),
    }
}

/// The strings of Rust sources as the document would quote them: `...` for each placeholder.
///
/// # Errors
/// A directory that cannot be read, in words.
pub fn texts_of(directory: &Path) -> Result<BTreeSet<String>, String> {
    let mut said = BTreeSet::new();
    collect(directory, &mut said)?;
    Ok(said)
}

/// Checks that a document has a row for each option, with its default: ``| `name` | default |``, `-` where there is none.
///
/// # Errors
/// The rows that it lacks.
pub fn check_options(document: &str, options: &[OptionSpec]) -> Result<(), String> {
    let row = |option: &OptionSpec| format!("| `{}` | {} |", option.name, option.default.unwrap_or("-"));
    let missing: Vec<String> = options.iter().map(row).filter(|row| !document.contains(row)).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("no row begins so: {}", missing.join("  "))) }
}

/// The code of a source without its tests, each run of white space as one blank and none behind a parenthesis: a call that was broken
/// over several lines reads as one that was not.
///
/// # Errors
/// A file that cannot be read, in words.
pub fn code_of(path: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    // What the tests below a source say is nobody's error.
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    Ok(text.split_whitespace().collect::<Vec<_>>().join(" ").replace("( ", "("))
}

fn kinds(document: &str) -> impl Iterator<Item = &str> {
    document.lines().filter_map(|l| l.strip_prefix("## `")?.strip_suffix('`'))
}

/// The cells of the rows whose first one is code.
fn rows(document: &str) -> Vec<Vec<&str>> {
    let rows = document.lines().filter(|l| l.starts_with("| `"));
    rows.map(|l| l.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

fn collect(directory: &Path, said: &mut BTreeSet<String>) -> Result<(), String> {
    let failed = |e: std::io::Error| format!("{}: {e}", directory.display());
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            collect(&path, said)?;
        } else if path.extension().is_some_and(|x| x == "rs") {
            said.extend(strings(&std::fs::read_to_string(&path).map_err(failed)?));
        }
    }
    Ok(())
}

/// The string literals of a source, outside comments.
fn strings(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find(['"', '/', '\'']) {
        let after = rest.get(at..).unwrap_or_default();
        rest = if let Some(text) = after.strip_prefix('"') {
            let (literal, end) = literal(text);
            found.push(literal);
            end
        } else if after.starts_with("//") {
            after.split_once('\n').map_or("", |(_, next)| next)
        } else if let Some(next) = after.strip_prefix("'\"'").or_else(|| after.strip_prefix("'\\\"'")) {
            // The character, which begins no string.
            next
        } else {
            after.get(1..).unwrap_or_default()
        };
    }
    found
}

/// A literal up to its closing quote, and what follows that.
fn literal(text: &str) -> (String, &str) {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => match chars.next() {
                // The line goes on below, without its indentation.
                Some('\n') => chars = chars.as_str().trim_start().chars(),
                Some(escaped) => out.push(escaped),
                None => break,
            },
            '{' if chars.as_str().starts_with('{') => out.extend(chars.next()),
            '{' => {
                out.push_str("...");
                chars = chars.as_str().split_once('}').map_or("", |(_, after)| after).chars();
            }
            '}' if chars.as_str().starts_with('}') => out.extend(chars.next()),
            c => out.push(c),
        }
    }
    (out, chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_those_of_the_code() {
        let source = "// a \"comment\"\nlet q = '\"'; let r = '\\\"'; f(\"one {x:?} \\\"two\\\" \\\n      three\", \"{{}}\"); 'a: loop {}";
        assert_eq!(strings(source), ["one ... \"two\" three", "{}"]);
        assert_eq!(strings("\"open"), ["open"]);
    }

    #[test]
    fn options_have_their_rows() {
        let options = [OptionSpec::bool("a", "").with_default("true"), OptionSpec::text("b", "")];
        assert_eq!(check_options("| `a` | true | x |\n| `b` | - | y |", &options), Ok(()));
        assert!(
            check_options("| `a` | false | x |\n| `b` | - | y |", &options).unwrap_err().ends_with(": | `a` | true |")
        );
    }

    #[test]
    fn code_is_in_one_line_and_without_tests() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.rs");
        std::fs::write(&path, "f(\n    \"one\",\n    2,\n);\n#[cfg(test)]\nmod tests {\n f(\"two\") }\n").unwrap();
        assert_eq!(code_of(&path), Ok("f(\"one\", 2, );".to_owned()));
        assert!(code_of(&dir.path().join("b.rs")).unwrap_err().contains("b.rs"));
    }

    #[test]
    fn a_document_is_held_against_its_sources() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("deep")).unwrap();
        std::fs::write(dir.path().join("deep/a.rs"), "\"Locked\"; \"{n} is taken\"").unwrap();
        let check = |document: &str| check_troubleshooting(document, &[dir.path()]);
        let good = "# x\n\n## `Locked`\n\n| Text | Cause | What to do |\n|---|---|---|\n| `... is taken` | x | y |\n";
        assert_eq!(check(good), Ok(1));
        assert!(check(&good.replace("Locked", "Lokced")).unwrap_err().contains("no kind: Lokced"));
        assert!(check(&good.replace("is taken", "is gone")).unwrap_err().contains("`... is gone`"));
        assert!(check(&good.replace(" | y", "")).unwrap_err().contains("what to do"));
        assert!(check("## `Locked`\n").unwrap_err().contains("nothing"));
        assert!(check_troubleshooting(good, &[Path::new("/no/such/place")]).unwrap_err().contains("/no/such/place"));
    }
}
