//! Filters as SQL: which leaves SQLite answers, and the conditions for them. Values are bound, never written into the text.

use std::sync::Arc;

use proximadb_meta_core::driver::Push;
use proximadb_meta_core::filter::{ConfigValue, Leaf, Literal, Normal, Op, after_prefix};
use proximadb_meta_core::{Field, FieldKind, Namespace};

use crate::sql::{Arg, Sql};
use crate::words;

/// How much of a literal SQLite answers.
pub(crate) fn push(literal: &Literal) -> Push {
    match &literal.leaf {
        Leaf::Text { field, .. } | Leaf::StartsWith { field, .. } if field.kind() == FieldKind::Text => Push::Exact,
        Leaf::Number { field, .. } if field.kind() == FieldKind::Number => Push::Exact,
        Leaf::Time { field, .. } if field.kind() == FieldKind::Time => Push::Exact,
        Leaf::HasTag(_) | Leaf::Present(_) => Push::Exact,
        Leaf::Words(query) if words::is_indexed(query) => Push::Exact,
        Leaf::ConfigPresent(path) if json_path(path).is_some() => Push::Exact,
        Leaf::Config { path, value, .. } if json_path(path).is_some() => match value {
            // SQLite may read the last digit of a decimal fraction otherwise than we do.
            ConfigValue::Number(_) if literal.negated => Push::No,
            ConfigValue::Number(_) => Push::Superset,
            ConfigValue::Text(_) | ConfigValue::Bool(_) => Push::Exact,
        },
        _ => Push::No,
    }
}

/// Adds the condition of a filter that is made of pushed literals. The namespace is parameter 1.
pub(crate) fn condition(filter: &Normal, namespace: &Namespace, sql: &mut Sql) {
    Translator { namespace, sql, is_driven: false }.normal(filter, false);
}

struct Translator<'a> {
    namespace: &'a Namespace,
    sql: &'a mut Sql,
    /// Another condition of the conjunction finds few records: what is said now is only looked up for those.
    is_driven: bool,
}

impl Translator<'_> {
    fn normal(&mut self, filter: &Normal, is_choice: bool) {
        match filter {
            Normal::And(parts) => {
                self.is_driven |= parts.iter().any(finds_few);
                self.joined(parts, " AND ", "TRUE", is_choice);
            }
            Normal::Or(parts) => self.joined(parts, " OR ", "FALSE", true),
            Normal::Literal(literal) => match literal.opposite() {
                Some(leaf) => self.leaf(&leaf, is_choice),
                // An absent field makes the leaf unknown to SQL; its negation is true.
                None if literal.negated => {
                    // Nothing begins with what is not there.
                    let was_driven = std::mem::replace(&mut self.is_driven, true);
                    self.sql.words("(");
                    self.leaf(&literal.leaf, false);
                    self.sql.words(") IS NOT TRUE");
                    self.is_driven = was_driven;
                }
                None => self.leaf(&literal.leaf, is_choice),
            },
        }
    }

    fn joined(&mut self, parts: &[Normal], with: &str, empty: &str, is_choice: bool) {
        if parts.is_empty() {
            self.sql.words(empty);
            return;
        }
        self.sql.words("(");
        for (i, part) in parts.iter().enumerate() {
            self.sql.words(if i > 0 { with } else { "" });
            self.normal(part, is_choice);
        }
        self.sql.words(")");
    }

    /// `is_choice`: it stands in an `OR`, each part of which SQLite answers by an index of its own.
    fn leaf(&mut self, leaf: &Leaf, is_choice: bool) {
        match leaf {
            Leaf::HasTag(tag) => self.has_tag(tag, is_choice),
            Leaf::Words(query) => match words::expression(self.namespace, query, true) {
                Some(expression) => {
                    self.sql
                        .words("record IN (SELECT rowid FROM collection_words WHERE collection_words MATCH ")
                        .text(expression)
                        .words(")");
                }
                None => drop(self.sql.words("FALSE")),
            },
            other => self::leaf(other, self.sql),
        }
    }

    /// The first one is a set of ids to begin with; beside a condition that finds few records it is looked up for each.
    fn has_tag(&mut self, tag: &Arc<str>, is_choice: bool) {
        let begins = !self.is_driven;
        self.is_driven |= !is_choice;
        let (before, after) = if is_choice || begins {
            ("id IN (SELECT id FROM collection_tags WHERE namespace = ?1 AND tag = ", ")")
        } else {
            let before = "EXISTS (SELECT 1 FROM collection_tags AS t WHERE t.namespace = ?1 AND t.tag = ";
            (before, " AND t.id = collections.id)")
        };
        self.sql.words(before).text(tag.clone()).words(after);
    }
}

/// Whether an index finds few records for it, as a rule.
fn finds_few(part: &Normal) -> bool {
    let Normal::Literal(Literal { leaf, negated: false }) = part else { return false };
    match leaf {
        Leaf::Text { field, op: Op::Eq, .. } | Leaf::StartsWith { field, .. } => {
            matches!(field, Field::Id | Field::Name | Field::Owner)
        }
        Leaf::Words(_) => true,
        _ => false,
    }
}

/// How what matches comes together where indexes find it, few records as a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Gathered {
    /// In the order of ids.
    ById,
    /// Bit by bit, or in the order of words.
    Unordered,
}

/// Nothing where all records may have to be looked at.
pub(crate) fn gathered(filter: &Normal) -> Option<Gathered> {
    match filter {
        // One of them drives, and a set that is in order is the better one.
        Normal::And(parts) => parts.iter().filter_map(gathered).min(),
        Normal::Or(parts) => {
            (!parts.is_empty() && parts.iter().all(|p| gathered(p).is_some())).then_some(Gathered::Unordered)
        }
        Normal::Literal(Literal { leaf, negated: false }) => match leaf {
            Leaf::Text { field: Field::Id | Field::Name | Field::Owner, op: Op::Eq, .. } | Leaf::HasTag(_) => {
                Some(Gathered::ById)
            }
            Leaf::Words(_) => Some(Gathered::Unordered),
            _ => None,
        },
        Normal::Literal(_) => None,
    }
}

fn compare(field: Field, op: Op, value: Arg, sql: &mut Sql) {
    // Whoever asks for a stretch of an indexed field usually asks for a short one: without a word about it SQLite would take
    // it for a quarter of the records, and rather go through all of them in the order of the list.
    let indexed = matches!(field, Field::Name | Field::Owner | Field::CreatedAt | Field::UpdatedAt | Field::ExpiresAt);
    let is_short = indexed && matches!(op, Op::Lt | Op::Le | Op::Gt | Op::Ge);
    sql.words(if is_short { "likelihood(" } else { "" });
    sql.words(field.name()).words(" ").words(op.sign()).words(" ").value(value);
    sql.words(if is_short { ", 0.01)" } else { "" });
}

fn leaf(leaf: &Leaf, sql: &mut Sql) {
    match leaf {
        Leaf::Text { field, op, value } => compare(*field, *op, Arg::Text(value.clone()), sql),
        Leaf::Number { field, op, value } => compare(*field, *op, Arg::Integer(*value), sql),
        Leaf::Time { field, op, value } => compare(*field, *op, Arg::Integer(value.as_micros()), sql),
        Leaf::Present(field) => present(*field, sql),
        Leaf::StartsWith { field, prefix } => starts_with(*field, prefix, sql),
        Leaf::Config { path, op, value } => config(path, *op, value, sql),
        Leaf::ConfigPresent(path) => match json_path(path) {
            Some(path) => drop(sql.words("json_type(config, ").text(path).words(") IS NOT NULL")),
            None => drop(sql.words("FALSE")),
        },
        // Never pushed.
        _ => drop(sql.words("TRUE")),
    }
}

fn present(field: Field, sql: &mut Sql) {
    match field {
        Field::Tags => sql.words("tags <> '[]'"),
        Field::Config => sql.words("config <> '{}'"),
        field if field.is_optional() => sql.words(field.name()).words(" IS NOT NULL"),
        _ => sql.words("TRUE"),
    };
}

fn starts_with(field: Field, prefix: &Arc<str>, sql: &mut Sql) {
    let name = field.name();
    if prefix.is_empty() {
        sql.words(name).words(" IS NOT NULL");
        return;
    }
    sql.words("(").words(name).words(" >= ").text(prefix.clone());
    if let Some(end) = after_prefix(prefix) {
        sql.words(" AND ").words(name).words(" < ").text(end);
    }
    sql.words(")");
}

fn config(path: &[Arc<str>], op: Op, value: &ConfigValue, sql: &mut Sql) {
    let Some(path) = json_path(path) else {
        sql.words("FALSE");
        return;
    };
    match value {
        ConfigValue::Number(x) => {
            let path = Arc::<str>::from(path);
            sql.words("(json_type(config, ")
                .text(path.clone())
                .words(") = 'real' OR (json_type(config, ")
                .text(path.clone());
            sql.words(") = 'integer' AND json_extract(config, ").text(path).words(") ").words(op.sign()).words(" ");
            sql.value(Arg::Real(*x)).words("))");
        }
        ConfigValue::Text(text) => {
            let path = Arc::<str>::from(path);
            sql.words("(json_type(config, ")
                .text(path.clone())
                .words(") = 'text' AND json_extract(config, ")
                .text(path);
            sql.words(") ").words(op.sign()).words(" ").text(text.clone()).words(")");
        }
        ConfigValue::Bool(wanted) => {
            let accepted = [false, true].into_iter().filter(|found| op.accepts(found.cmp(wanted)));
            let names: Vec<&str> = accepted.map(|found| if found { "'true'" } else { "'false'" }).collect();
            sql.words("json_type(config, ").text(path).words(") IN (").words(&names.join(", ")).words(")");
        }
    }
}

/// The path of keys as SQLite writes it; nothing for keys that it cannot write.
fn json_path(keys: &[Arc<str>]) -> Option<String> {
    let mut path = "$".to_owned();
    for key in keys {
        if key.is_empty() || key.chars().any(|c| matches!(c, '"' | '\\') || c.is_control()) {
            return None;
        }
        path.push_str(".\"");
        path.push_str(key);
        path.push('"');
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_never_in_the_text() {
        let hostile = "x' OR 1=1 --";
        let fields = Field::ALL.iter().filter(|f| f.kind() == FieldKind::Text);
        let leaves = fields.flat_map(|&field| {
            let (value, prefix) = (Arc::<str>::from(hostile), Arc::<str>::from(hostile));
            [Leaf::Text { field, op: Op::Eq, value }, Leaf::StartsWith { field, prefix }]
        });
        let path: Arc<[Arc<str>]> = [Arc::<str>::from(hostile)].into();
        let more = [
            Leaf::HasTag(hostile.into()),
            Leaf::Words(hostile.into()),
            Leaf::Config { path: path.clone(), op: Op::Eq, value: ConfigValue::Text(hostile.into()) },
            Leaf::ConfigPresent(path),
        ];
        for leaf in leaves.chain(more) {
            for negated in [false, true] {
                let literal = Literal { leaf: leaf.clone(), negated };
                assert_ne!(push(&literal), Push::No, "{leaf:?}");
                let mut sql = Sql::default();
                condition(&Normal::Literal(literal), &Namespace::default(), &mut sql);
                assert!(!sql.as_str().contains("1=1"), "{}", sql.as_str());
            }
        }
    }
}
