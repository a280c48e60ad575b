//! The filter's abstract syntax and its normal form.

use std::sync::Arc;

use crate::record::Field;
use crate::time::Timestamp;

/// Which records. Built by the functions of this type, by [`Filter::parse`](super::Filter::parse), or by hand; displayed in
/// its text form, which parses back to the same filter.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// All of them match. Empty: everything.
    And(Vec<Filter>),
    /// One of them matches. Empty: nothing.
    Or(Vec<Filter>),
    /// It does not match.
    Not(Box<Filter>),
    /// A test of one field.
    Leaf(Leaf),
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// `=`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
}

/// A value compared with a field of config.
#[derive(Clone, Debug, PartialEq)]
pub enum ConfigValue {
    /// A finite number; numbers compare as doubles.
    Number(f64),
    /// A text; texts compare by bytes.
    Text(Arc<str>),
    /// A truth value; only `=` and `!=`.
    Bool(bool),
}

/// One test of one field. On an absent field (or, in config, a value of another type) every leaf is false; `NOT` of it is true.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Leaf {
    /// A [`FieldKind::Text`](crate::FieldKind::Text) field against a text, by bytes.
    Text {
        /// The field.
        field: Field,
        /// The comparison.
        op: Op,
        /// The text.
        value: Arc<str>,
    },
    /// A [`FieldKind::Number`](crate::FieldKind::Number) field against a whole number.
    Number {
        /// The field.
        field: Field,
        /// The comparison.
        op: Op,
        /// The number.
        value: i64,
    },
    /// A [`FieldKind::Time`](crate::FieldKind::Time) field against an instant.
    Time {
        /// The field.
        field: Field,
        /// The comparison.
        op: Op,
        /// The instant.
        value: Timestamp,
    },
    /// The record has this tag: `tags:x`.
    HasTag(Arc<str>),
    /// The field is present: `owner:*`. Tags are present when there is one, config when it is not `{}`.
    Present(Field),
    /// A text field starts with this: `startsWith(name, "x")`.
    StartsWith {
        /// The field.
        field: Field,
        /// The beginning; empty matches every present field.
        prefix: Arc<str>,
    },
    /// All these words occur in name, description, owner or tags: `text("a b")`. See [`keywords`](crate::keywords).
    Words(Arc<str>),
    /// A value in config, by the path of its keys: `config.index.m >= 16`.
    Config {
        /// The keys, outermost first; at least one.
        path: Arc<[Arc<str>]>,
        /// The comparison.
        op: Op,
        /// The value.
        value: ConfigValue,
    },
    /// Config has something at this path: `config.index.m:*`.
    ConfigPresent(Arc<[Arc<str>]>),
}

/// A leaf or its negation.
#[derive(Clone, Debug, PartialEq)]
pub struct Literal {
    /// The test.
    pub leaf: Leaf,
    /// Whether its answer is turned round.
    pub negated: bool,
}

/// A filter with its negations moved to the leaves: what drivers see.
#[derive(Clone, Debug, PartialEq)]
pub enum Normal {
    /// All of them. Empty: everything.
    And(Vec<Normal>),
    /// One of them. Empty: nothing.
    Or(Vec<Normal>),
    /// A leaf or its negation.
    Literal(Literal),
}
