//! Filters as SQL: which leaves PostgreSQL answers, and the conditions for them. Values are bound, never written into the text.

use std::sync::Arc;

use proximadb_meta_core::driver::Push;
use proximadb_meta_core::filter::{ConfigValue, Leaf, Literal, Normal, Op, after_prefix};
use proximadb_meta_core::keywords::query_words;
use proximadb_meta_core::{Field, FieldKind};

use crate::sql::{Arg, Sql};

/// How much of a literal PostgreSQL answers.
pub(crate) fn push(literal: &Literal) -> Push {
    match &literal.leaf {
        Leaf::Text { field, .. } | Leaf::StartsWith { field, .. } if field.kind() == FieldKind::Text => Push::Exact,
        Leaf::Number { field, .. } if field.kind() == FieldKind::Number => Push::Exact,
        Leaf::Time { field, .. } if field.kind() == FieldKind::Time => Push::Exact,
        Leaf::HasTag(_) | Leaf::Present(_) | Leaf::Words(_) | Leaf::ConfigPresent(_) => Push::Exact,
        Leaf::Config { .. } => Push::Exact,
        _ => Push::No,
    }
}

/// Adds the condition of a filter that is made of pushed literals.
pub(crate) fn condition(filter: &Normal, sql: &mut Sql) {
    match filter {
        Normal::And(parts) => joined(parts, " AND ", "TRUE", sql),
        Normal::Or(parts) => joined(parts, " OR ", "FALSE", sql),
        Normal::Literal(literal) => {
            let negated = literal.negated;
            match literal.opposite() {
                Some(leaf) => self::leaf(&leaf, sql),
                // An absent field makes the leaf unknown to SQL; its negation is true.
                None if negated => {
                    sql.words("(");
                    self::leaf(&literal.leaf, sql);
                    sql.words(") IS NOT TRUE");
                }
                None => self::leaf(&literal.leaf, sql),
            }
        }
    }
}

fn joined(parts: &[Normal], with: &str, empty: &str, sql: &mut Sql) {
    if parts.is_empty() {
        sql.words(empty);
        return;
    }
    sql.words("(");
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            sql.words(with);
        }
        condition(part, sql);
    }
    sql.words(")");
}

fn compare(field: Field, op: Op, value: Arg, sql: &mut Sql) {
    sql.words(field.name()).words(" ").words(op.sign()).words(" ").value(value);
}

fn leaf(leaf: &Leaf, sql: &mut Sql) {
    match leaf {
        Leaf::Text { field, op, value } => compare(*field, *op, Arg::Text(value.clone()), sql),
        Leaf::Number { field, op, value } => compare(*field, *op, Arg::Integer(*value), sql),
        Leaf::Time { field, op, value } => compare(*field, *op, Arg::Time(*value), sql),
        Leaf::HasTag(tag) => {
            sql.words("tags @> ").value(Arg::Texts(vec![tag.to_string()]));
        }
        Leaf::Present(field) => present(*field, sql),
        Leaf::StartsWith { field, prefix } => starts_with(*field, prefix, sql),
        Leaf::Words(query) => match query_words(query) {
            Ok(words) => drop(sql.words("keywords @> ").value(Arg::Texts(words))),
            // A query that is refused matches nothing.
            Err(_) => drop(sql.words("FALSE")),
        },
        Leaf::Config { path, op, value } => config(path, *op, value, sql),
        Leaf::ConfigPresent(path) => {
            at_path(path, json_path(path), sql);
        }
        // Never pushed.
        _ => drop(sql.words("TRUE")),
    }
}

fn present(field: Field, sql: &mut Sql) {
    match field {
        Field::Tags => sql.words("tags <> '{}'"),
        Field::Config => sql.words("config <> '{}'"),
        Field::Retention => sql.words("retention_days IS NOT NULL"),
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

/// Equality is containment, the rest a path with a condition. Numbers are decimals there; the shortest decimals of two doubles
/// are equal and ordered as the doubles are.
fn config(keys: &[Arc<str>], op: Op, value: &ConfigValue, sql: &mut Sql) {
    let (kind, value) = match value {
        ConfigValue::Number(x) => ("number", json(x)),
        ConfigValue::Text(text) => ("string", json(&**text)),
        ConfigValue::Bool(b) => ("boolean", json(b)),
    };
    if op == Op::Eq {
        let object = keys.iter().rev().fold(value, |inner, key| format!("{{{}:{inner}}}", json(&**key)));
        sql.words("config_index @> ").value(Arg::Jsonb(object));
        return;
    }
    let path = json_path(keys);
    // Null is unlike everything there; here it is of another type.
    let path = format!("{path} ? (@.type() == \"{kind}\" && @ {op} {value})");
    at_path(keys, path, sql);
}

/// A condition on a path. The index knows which records have the outermost key; the path itself it does not answer.
fn at_path(keys: &[Arc<str>], path: String, sql: &mut Sql) {
    sql.words("(");
    if let Some(first) = keys.first() {
        sql.words("config_index ? ").text(first.clone()).words(" AND ");
    }
    sql.words("config_index @? ").value(Arg::JsonPath(path)).words(")");
}

/// The path of keys as PostgreSQL writes it. Strict: it does not look into lists by itself.
fn json_path(keys: &[Arc<str>]) -> String {
    let mut path = "strict $".to_owned();
    for key in keys {
        path.push('.');
        path.push_str(&json(&**key));
    }
    path
}

/// JSON of a text, a number or a truth value, which cannot fail. The strings of JSON are strings of paths too.
fn json(value: &(impl serde::Serialize + ?Sized)) -> String {
    serde_json::to_string(value).unwrap_or_default()
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
        let value = ConfigValue::Text(hostile.into());
        let more = [
            Leaf::HasTag(hostile.into()),
            Leaf::Words(hostile.into()),
            Leaf::Config { path: path.clone(), op: Op::Eq, value: value.clone() },
            Leaf::Config { path: path.clone(), op: Op::Lt, value },
            Leaf::ConfigPresent(path),
        ];
        for leaf in leaves.chain(more) {
            for negated in [false, true] {
                let mut sql = Sql::default();
                condition(&Normal::Literal(Literal { leaf: leaf.clone(), negated }), &mut sql);
                assert!(!sql.as_str().contains("1=1") && sql.as_str().contains("$1"), "{}", sql.as_str());
            }
        }
    }

    #[test]
    fn a_path_cannot_be_left() {
        let path: Arc<[Arc<str>]> = [Arc::<str>::from("a\"b\\"), "".into(), "\u{1}".into()].into();
        let mut sql = Sql::default();
        config(&path, Op::Ge, &ConfigValue::Text("\") || (true".into()), &mut sql);
        let wanted = r#"strict $."a\"b\\".""."\u0001" ? (@.type() == "string" && @ >= "\") || (true")"#;
        let mut expected = Sql::default();
        expected.words("(config_index ? ").text("a\"b\\").words(" AND config_index @? ");
        expected.value(Arg::JsonPath(wanted.to_owned())).words(")");
        assert_eq!(format!("{sql:?}"), format!("{expected:?}"));
    }
}
