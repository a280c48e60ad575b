//! What drivers need that put a filter into the words of their store.

use super::ast::{Leaf, Literal, Op};

impl Op {
    /// As it is written: `=`, `!=`, `<`, `<=`, `>`, `>=`.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
        }
    }

    /// The comparison that holds exactly where this one does not.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Eq => Self::Ne,
            Self::Ne => Self::Eq,
            Self::Lt => Self::Ge,
            Self::Le => Self::Gt,
            Self::Gt => Self::Le,
            Self::Ge => Self::Lt,
        }
    }
}

impl Literal {
    /// The negation of a comparison, as the opposite comparison: an index can serve it. `None` for what is not negated, for what
    /// is no comparison, and for a field that may be absent: there both are false.
    #[must_use]
    pub fn opposite(&self) -> Option<Leaf> {
        if !self.negated {
            return None;
        }
        match self.leaf.clone() {
            Leaf::Text { field, op, value } if !field.is_optional() => {
                Some(Leaf::Text { field, op: op.opposite(), value })
            }
            Leaf::Number { field, op, value } if !field.is_optional() => {
                Some(Leaf::Number { field, op: op.opposite(), value })
            }
            Leaf::Time { field, op, value } if !field.is_optional() => {
                Some(Leaf::Time { field, op: op.opposite(), value })
            }
            _ => None,
        }
    }
}

/// The least text that is greater than every text with this prefix, by UTF-8 bytes (whose order is that of characters); `None`
/// where there is none. With it `startsWith` is a stretch of an ordered index.
#[must_use]
pub fn after_prefix(prefix: &str) -> Option<String> {
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

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::*;
    use crate::{Field, Timestamp};

    const OPS: [Op; 6] = [Op::Eq, Op::Ne, Op::Lt, Op::Le, Op::Gt, Op::Ge];

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
    fn the_opposite_holds_where_the_comparison_does_not() {
        for op in OPS {
            for order in [Ordering::Less, Ordering::Equal, Ordering::Greater] {
                assert_ne!(op.accepts(order), op.opposite().accepts(order), "{op} {order:?}");
            }
        }
    }

    #[test]
    fn only_the_negated_comparison_of_what_is_always_there_has_an_opposite() {
        let leaves = |op| {
            let value = Timestamp::default();
            let always = [
                Leaf::Text { field: Field::Name, op, value: "x".into() },
                Leaf::Number { field: Field::Dimension, op, value: 3 },
                Leaf::Time { field: Field::CreatedAt, op, value },
            ];
            let not = [
                Leaf::Text { field: Field::Owner, op, value: "x".into() },
                Leaf::Time { field: Field::ExpiresAt, op, value },
                Leaf::HasTag("x".into()),
            ];
            (always, not)
        };
        for op in OPS {
            let ((always, not), (opposite, _)) = (leaves(op), leaves(op.opposite()));
            for (leaf, opposite) in always.into_iter().zip(opposite) {
                assert_eq!(Literal { leaf: leaf.clone(), negated: true }.opposite(), Some(opposite));
                assert_eq!(Literal { leaf, negated: false }.opposite(), None);
            }
            for leaf in not {
                assert_eq!(Literal { leaf, negated: true }.opposite(), None);
            }
        }
    }
}
