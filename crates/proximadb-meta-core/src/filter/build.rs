//! Building filters in code, and the limits every filter keeps.

use std::ops::Not;
use std::sync::Arc;

use super::ast::{ConfigValue, Filter, Leaf, Op};
use crate::config::quote;
use crate::error::{Error, Result};
use crate::keywords::query_words;
use crate::record::{Field, FieldKind};
use crate::time::Timestamp;

/// Most leaves of a filter.
pub const MAX_LEAVES: usize = 64;
/// Deepest nesting of a filter.
pub const MAX_DEPTH: usize = 64;

impl Filter {
    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Self::And(Vec::new())
    }

    /// A text field equals.
    #[must_use]
    pub fn eq(field: Field, value: impl Into<Arc<str>>) -> Self {
        Self::text(field, Op::Eq, value)
    }

    /// A text field compared.
    #[must_use]
    pub fn text(field: Field, op: Op, value: impl Into<Arc<str>>) -> Self {
        Self::Leaf(Leaf::Text { field, op, value: value.into() })
    }

    /// A number field compared.
    #[must_use]
    pub fn number(field: Field, op: Op, value: i64) -> Self {
        Self::Leaf(Leaf::Number { field, op, value })
    }

    /// A time field compared.
    #[must_use]
    pub fn time(field: Field, op: Op, value: Timestamp) -> Self {
        Self::Leaf(Leaf::Time { field, op, value })
    }

    /// Has the tag.
    #[must_use]
    pub fn has_tag(tag: impl Into<Arc<str>>) -> Self {
        Self::Leaf(Leaf::HasTag(tag.into()))
    }

    /// The field is present.
    #[must_use]
    pub fn present(field: Field) -> Self {
        Self::Leaf(Leaf::Present(field))
    }

    /// A text field starts with.
    #[must_use]
    pub fn starts_with(field: Field, prefix: impl Into<Arc<str>>) -> Self {
        Self::Leaf(Leaf::StartsWith { field, prefix: prefix.into() })
    }

    /// All these words occur.
    #[must_use]
    pub fn words(query: impl Into<Arc<str>>) -> Self {
        Self::Leaf(Leaf::Words(query.into()))
    }

    /// A value in config compared.
    #[must_use]
    pub fn config<S: Into<Arc<str>>>(path: impl IntoIterator<Item = S>, op: Op, value: ConfigValue) -> Self {
        Self::Leaf(Leaf::Config { path: path.into_iter().map(Into::into).collect(), op, value })
    }

    /// This and that. Chains of `and` stay flat.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match self {
            Self::And(mut parts) if !parts.is_empty() => {
                parts.push(other);
                Self::And(parts)
            }
            first => Self::And(vec![first, other]),
        }
    }

    /// This or that. Chains of `or` stay flat.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match self {
            Self::Or(mut parts) if !parts.is_empty() => {
                parts.push(other);
                Self::Or(parts)
            }
            first => Self::Or(vec![first, other]),
        }
    }

    /// Checks limits and kinds: at most 64 leaves, 64 levels; each comparison fits its field.
    ///
    /// # Errors
    /// `InvalidInput` that names the leaf.
    pub fn validate(&self) -> Result<()> {
        let mut leaves = 0;
        self.check(0, &mut leaves)
    }

    fn check(&self, depth: usize, leaves: &mut usize) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(Error::invalid(format!("the filter is nested deeper than {MAX_DEPTH}")));
        }
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().try_for_each(|p| p.check(depth + 1, leaves)),
            Self::Not(inner) => inner.check(depth + 1, leaves),
            Self::Leaf(leaf) => {
                *leaves += 1;
                if *leaves > MAX_LEAVES {
                    return Err(Error::invalid(format!("the filter has more than {MAX_LEAVES} leaves")));
                }
                leaf.check()
            }
        }
    }
}

impl Not for Filter {
    type Output = Self;
    fn not(self) -> Self {
        Self::Not(Box::new(self))
    }
}

impl Leaf {
    fn check(&self) -> Result<()> {
        let kind = |field: Field, wanted: FieldKind| {
            if field.kind() == wanted {
                Ok(())
            } else {
                Err(Error::invalid(format!("{field} is not a {} field", kind_name(wanted))))
            }
        };
        match self {
            Self::Text { field, .. } | Self::StartsWith { field, .. } => kind(*field, FieldKind::Text),
            Self::Number { field, .. } => kind(*field, FieldKind::Number),
            Self::Time { field, value, .. } => {
                kind(*field, FieldKind::Time)?;
                value.validate(field.name())
            }
            Self::Words(query) if query_words(query).is_empty() => {
                Err(Error::invalid(format!("text({}) has no word to look for", quote(query))))
            }
            Self::Config { path, .. } | Self::ConfigPresent(path) if path.is_empty() => {
                Err(Error::invalid("a config path needs at least one key")
                    .with_hint("config:* asks whether there is any"))
            }
            Self::Config { op, value: ConfigValue::Bool(_), .. } if !matches!(op, Op::Eq | Op::Ne) => {
                Err(Error::invalid("truth values have no order").with_hint("= or !="))
            }
            Self::Config { value: ConfigValue::Number(x), .. } if !x.is_finite() => {
                Err(Error::invalid("a number in a filter must be finite"))
            }
            _ => Ok(()),
        }
    }
}

fn kind_name(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Text => "text",
        FieldKind::Number => "number",
        FieldKind::Time => "time",
        FieldKind::Set => "set",
        FieldKind::Json => "JSON",
    }
}
