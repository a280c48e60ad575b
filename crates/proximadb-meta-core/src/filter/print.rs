//! The text form of filters. What is printed parses back to the same filter.

use std::fmt::{self, Display, Formatter, Write as _};
use std::sync::Arc;

use super::ast::{ConfigValue, Filter, Leaf, Literal, Normal, Op};
use super::lex::is_bare_word;

impl Display for Op {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.sign())
    }
}

impl Display for Filter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(parts) => join(f, parts, "AND"),
            Self::Or(parts) => join(f, parts, "OR"),
            Self::Not(inner) => {
                f.write_str("NOT ")?;
                nested(f, &**inner, is_group(inner))
            }
            Self::Leaf(leaf) => leaf.fmt(f),
        }
    }
}

/// `AND()` and `AND(x)`: groups that have no infix form.
fn join(f: &mut Formatter<'_>, parts: &[Filter], word: &str) -> fmt::Result {
    if parts.len() < 2 {
        f.write_str(word)?;
        f.write_char('(')?;
        parts.iter().try_for_each(|p| p.fmt(f))?;
        return f.write_char(')');
    }
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            write!(f, " {word} ")?;
        }
        nested(f, part, is_group(part))?;
    }
    Ok(())
}

fn is_group(filter: &Filter) -> bool {
    matches!(filter, Filter::And(parts) | Filter::Or(parts) if parts.len() >= 2)
}

fn nested(f: &mut Formatter<'_>, inner: &dyn Display, group: bool) -> fmt::Result {
    if group { write!(f, "({inner})") } else { inner.fmt(f) }
}

impl Display for Normal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        as_filter(self).fmt(f)
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.negated {
            f.write_str("NOT ")?;
        }
        self.leaf.fmt(f)
    }
}

fn as_filter(normal: &Normal) -> Filter {
    match normal {
        Normal::And(parts) => Filter::And(parts.iter().map(as_filter).collect()),
        Normal::Or(parts) => Filter::Or(parts.iter().map(as_filter).collect()),
        Normal::Literal(l) if l.negated => Filter::Not(Box::new(Filter::Leaf(l.leaf.clone()))),
        Normal::Literal(l) => Filter::Leaf(l.leaf.clone()),
    }
}

impl Display for Leaf {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { field, op, value } => write!(f, "{field} {op} {}", quoted(value)),
            Self::Number { field, op, value } => write!(f, "{field} {op} {value}"),
            Self::Time { field, op, value } => write!(f, "{field} {op} \"{value}\""),
            Self::HasTag(tag) => write!(f, "tags:{}", quoted(tag)),
            Self::Present(field) => write!(f, "{field}:*"),
            Self::StartsWith { field, prefix } => write!(f, "startsWith({field}, {})", quoted(prefix)),
            Self::Words(query) => write!(f, "text({})", quoted(query)),
            Self::Config { path, op, value } => {
                path_text(f, path)?;
                match value {
                    ConfigValue::Number(x) => write!(f, " {op} {x:?}"),
                    ConfigValue::Text(x) => write!(f, " {op} {}", quoted(x)),
                    ConfigValue::Bool(x) => write!(f, " {op} {x}"),
                }
            }
            Self::ConfigPresent(path) => {
                path_text(f, path)?;
                f.write_str(":*")
            }
        }
    }
}

fn path_text(f: &mut Formatter<'_>, path: &[Arc<str>]) -> fmt::Result {
    f.write_str("config")?;
    for key in path {
        if is_bare_word(key) && !key.contains('.') { write!(f, ".{key}")? } else { write!(f, ".{}", quoted(key))? }
    }
    Ok(())
}

/// A text in quotes with the escapes that the lexer knows.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
