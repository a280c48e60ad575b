//! Filters as SQL: which leaves SQLite answers, and the conditions for them. Values are bound, never written into the text.

use std::sync::Arc;

use proximadb_meta_core::driver::Push;
use proximadb_meta_core::filter::{ConfigValue, Leaf, Literal, Normal, Op};
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
    Translator { namespace, sql }.normal(filter, false);
}

struct Translator<'a> {
    namespace: &'a Namespace,
    sql: &'a mut Sql,
}

impl Translator<'_> {
    fn normal(&mut self, filter: &Normal, is_choice: bool) {
        match filter {
            Normal::And(parts) => self.joined(parts, " AND ", "TRUE", is_choice),
            Normal::Or(parts) => self.joined(parts, " OR ", "FALSE", true),
            Normal::Literal(literal) => match flipped(literal) {
                Some(leaf) => self.leaf(&leaf, is_choice),
                // An absent field makes the leaf unknown to SQL; its negation is true.
                None if literal.negated => {
                    self.sql.words("(");
                    self.leaf(&literal.leaf, false);
                    self.sql.words(") IS NOT TRUE");
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

    /// Alone, or beside conditions that find fewer records: as a table to begin with, or to look into. In a choice: a set.
    fn has_tag(&mut self, tag: &Arc<str>, is_choice: bool) {
        let (before, after) = if is_choice {
            ("id IN (SELECT id FROM collection_tags WHERE namespace = ?1 AND tag = ", ")")
        } else {
            let before = "EXISTS (SELECT 1 FROM collection_tags AS t WHERE t.namespace = ?1 AND t.tag = ";
            (before, " AND t.id = collections.id)")
        };
        self.sql.words(before).text(tag.clone()).words(after);
    }
}

/// The negation of a comparison of a field that every record has is the opposite comparison: an index can serve it.
fn flipped(literal: &Literal) -> Option<Leaf> {
    let opposite = |op: Op| match op {
        Op::Eq => Op::Ne,
        Op::Ne => Op::Eq,
        Op::Lt => Op::Ge,
        Op::Le => Op::Gt,
        Op::Gt => Op::Le,
        Op::Ge => Op::Lt,
    };
    if !literal.negated {
        return None;
    }
    match literal.leaf.clone() {
        Leaf::Text { field, op, value } if !field.is_optional() => Some(Leaf::Text { field, op: opposite(op), value }),
        Leaf::Number { field, op, value } if !field.is_optional() => {
            Some(Leaf::Number { field, op: opposite(op), value })
        }
        Leaf::Time { field, op, value } if !field.is_optional() => Some(Leaf::Time { field, op: opposite(op), value }),
        _ => None,
    }
}

const fn operator(op: Op) -> &'static str {
    match op {
        Op::Eq => " = ",
        Op::Ne => " <> ",
        Op::Lt => " < ",
        Op::Le => " <= ",
        Op::Gt => " > ",
        Op::Ge => " >= ",
    }
}

fn compare(field: Field, op: Op, value: Arg, sql: &mut Sql) {
    // Whoever asks for a stretch of an indexed field usually asks for a short one: without a word about it SQLite would take
    // it for a quarter of the records, and rather go through all of them in the order of the list.
    let indexed = matches!(field, Field::Name | Field::Owner | Field::CreatedAt | Field::UpdatedAt | Field::ExpiresAt);
    let is_short = indexed && matches!(op, Op::Lt | Op::Le | Op::Gt | Op::Ge);
    sql.words(if is_short { "likelihood(" } else { "" });
    sql.words(field.name()).words(operator(op)).value(value);
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

/// The least text that is greater than every text with this prefix. The order of UTF-8 bytes is that of characters.
fn after_prefix(prefix: &str) -> Option<String> {
    let mut end: Vec<char> = prefix.chars().collect();
    while let Some(last) = end.pop() {
        let next = match last {
            '\u{d7ff}' => Some('\u{e000}'),
            last => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            end.push(next);
            return Some(end.into_iter().collect());
        }
    }
    None
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
            sql.words(") = 'integer' AND json_extract(config, ").text(path).words(")").words(operator(op));
            sql.value(Arg::Real(*x)).words("))");
        }
        ConfigValue::Text(text) => {
            let path = Arc::<str>::from(path);
            sql.words("(json_type(config, ")
                .text(path.clone())
                .words(") = 'text' AND json_extract(config, ")
                .text(path);
            sql.words(")").words(operator(op)).text(text.clone()).words(")");
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
    fn the_end_of_a_prefix() {
        for (prefix, end) in
            [("a", "b"), ("a\u{10ffff}", "b"), ("é", "ê"), ("x\u{d7ff}", "x\u{e000}"), ("a\u{7f}", "a\u{80}")]
        {
            assert_eq!(after_prefix(prefix).as_deref(), Some(end), "{prefix:?}");
        }
        assert_eq!(after_prefix("\u{10ffff}"), None);
    }

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
