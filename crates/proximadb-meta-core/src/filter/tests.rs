//! Tests of the filter: text form, meaning, normal form, split.

use super::*;
use crate::driver::Push;
use crate::record::CollectionMetadata;
use crate::word::DistanceMetric;
use crate::{ConfigJson, Detail};

fn record() -> CollectionMetadata {
    let mut r = CollectionMetadata::new("products", 768, DistanceMetric::COSINE);
    r.id = "p1".into();
    r.owner = Some("bob".into());
    r.tags = ["gpu", "prod"].into();
    r.config = ConfigJson::parse(r#"{"index":{"m":16,"on":true},"a.b":"x"}"#).unwrap();
    r
}

#[test]
fn meaning_table() {
    for (text, expected) in [
        ("", true),
        ("owner = bob", true),
        ("owner = Bob", false),
        ("owner != bob", false),
        ("owner != alice", true),
        ("description != x", false),
        ("NOT description = x", true),
        ("NOT description != x", true),
        ("description:*", false),
        ("owner:*", true),
        ("tags:gpu AND tags:prod", true),
        ("tags:gp", false),
        ("dimension >= 768 AND dimension < 769", true),
        ("dimension > -1", true),
        ("startsWith(name, \"prod\")", true),
        ("startsWith(description, \"\")", false),
        ("config.index.m >= 16", true),
        ("config.index.m = 16.0", true),
        ("config.index.m != \"16\"", false),
        ("config.index.on = true", true),
        ("config.\"a.b\" = \"x\"", true),
        ("config.index.m:*", true),
        ("config.nothing:*", false),
        ("(owner = alice OR tags:prod) AND NOT access_pattern = hot", true),
        ("created_at < 2026-11-24T08:00:00Z", true),
        ("created_at = 1970-01-01", true),
        ("text(\"PRODUCTS Bob\")", true),
        ("text(\"product\")", false),
    ] {
        let filter = Filter::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(filter.evaluate(&record()), expected, "{text}");
        assert_eq!(filter.normalize().evaluate(&record()), expected, "normal form of {text}");
        assert_eq!(Filter::parse(&filter.to_string()).unwrap(), filter, "{text} printed as {filter}");
    }
}

#[test]
fn errors_have_column_and_hint() {
    for (text, column, hint) in [
        ("onwer = bob", 1, "owner"),
        ("owner = bob AND tags:x OR tags:y", 24, "(a AND b) OR c"),
        ("owner == bob", 7, "write ="),
        ("tags = x", 6, "tags:x"),
        ("dimension = big", 13, ""),
        ("owner = \"bob", 9, "close it"),
        ("starsWith(name, \"x\")", 1, "startsWith"),
        ("(owner = bob", 13, ""),
        ("owner = bob)", 12, ""),
        ("config.x = bob", 12, "double quotes"),
        ("owner bob", 7, ""),
        ("é = 1", 1, "quotes"),
        ("created_at < yesterday", 14, "2026"),
    ] {
        let e = Filter::parse(text).unwrap_err();
        assert_eq!(e.detail(), Some(&Detail::Column(column)), "{text}: {e}");
        assert!(e.hint().unwrap_or_default().contains(hint), "{text}: {:?}", e.hint());
    }
}

#[test]
fn limits_hold_for_hostile_input() {
    assert!(Filter::parse(&"(".repeat(100_000)).is_err());
    assert!(Filter::parse(&"NOT ".repeat(60_000)).is_err());
    assert!(Filter::parse(&vec!["tags:x"; 64].join(" AND ")).is_ok());
    assert!(Filter::parse(&vec!["tags:x"; 65].join(" AND ")).is_err());
    assert!(Filter::words("...").validate().is_err());
}

/// A small deterministic generator: no two runs differ.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn filter(&mut self, depth: u64) -> Filter {
        match self.roll(if depth == 0 { 6 } else { 9 }) {
            0 => Filter::eq(crate::Field::Owner, ["bob", "alice", "q\"\\\n", ""][self.roll(4) as usize]),
            1 => Filter::has_tag(["gpu", "x y", "*"][self.roll(3) as usize]),
            2 => Filter::number(crate::Field::Dimension, Op::Ge, [768, 769, -1][self.roll(3) as usize]),
            3 => Filter::present([crate::Field::Owner, crate::Field::Description][self.roll(2) as usize]),
            4 => {
                Filter::config(["index", "m"], Op::Lt, ConfigValue::Number([16.0, 16.5, 1e300][self.roll(3) as usize]))
            }
            5 => Filter::starts_with(crate::Field::Name, ["prod", "", "z"][self.roll(3) as usize]),
            6 => !self.filter(depth - 1),
            n => {
                let parts = (0..self.roll(4)).map(|_| self.filter(depth - 1)).collect();
                if n == 7 { Filter::And(parts) } else { Filter::Or(parts) }
            }
        }
    }
}

#[test]
fn random_filters_print_normalise_and_split_without_changing_meaning() {
    let mut dice = Dice(7);
    let r = record();
    for round in 0..5_000 {
        let filter = dice.filter(3);
        if filter.validate().is_err() {
            continue;
        }
        let expected = filter.evaluate(&r);
        assert_eq!(Filter::parse(&filter.to_string()).unwrap(), filter, "round {round}: {filter}");
        let normal = filter.normalize();
        assert_eq!(normal.evaluate(&r), expected, "round {round}: {filter}");
        let salt = dice.roll(1 << 30);
        let parts = split(&normal, &|l| match (l.to_string().len() as u64 ^ salt) % 3 {
            0 => Push::Exact,
            1 => Push::Superset,
            _ => Push::No,
        });
        let pushed = parts.pushed.as_ref().is_none_or(|p| p.evaluate(&r));
        let residual = parts.residual.as_ref().is_none_or(|p| p.evaluate(&r));
        assert_eq!(pushed && residual, expected, "round {round}: {filter}");
        assert!(pushed || !expected, "round {round}: the pushed part under-selects {filter}");
    }
}
