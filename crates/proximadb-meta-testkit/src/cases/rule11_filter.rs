//! Rule 11: what a filter means, the same whatever the store answers by itself.

use proximadb_meta_core::ErrorKind::InvalidInput;
use proximadb_meta_core::{AccessPattern, ConfigJson, Filter, Retention};

use crate::case::{CaseResult, START, Store, rec_with, refused};

/// Four records: `a` has everything, `b` and `c` some, `d` nothing optional.
async fn fill(s: &Store) -> CaseResult {
    let config = |text: &str| ConfigJson::parse(text);
    let (one, two, three) = (
        config(r#"{"deep":{"flag":true},"m":16,"ratio":2.5,"s":"x_y"}"#)?,
        config(r#"{"deep":{"flag":false},"m":"16","ratio":2}"#)?,
        config(r#"{"m":-3,"ratio":2.75,"s":null}"#)?,
    );
    s.db.create_collection(rec_with("a", |r| {
        r.owner = Some("bob".into());
        r.description = Some("fast index".into());
        r.tags = ["gpu", "prod"].into();
        r.access_pattern = AccessPattern::Hot;
        r.retention = Some(Retention { retain_days: 9, auto_delete: false });
        r.expires_at = Some(START.saturating_add(1_000_000));
        r.config = one;
        r.dimension = 768;
    }))
    .await?;
    s.clock.advance(10);
    s.db.create_collection(rec_with("b", |r| {
        r.owner = Some("Bob".into());
        r.tags = ["gpu"].into();
        r.config = two;
        r.name = "nameXb".into();
    }))
    .await?;
    s.clock.advance(10);
    s.db.create_collection(rec_with("c", |r| {
        r.description = Some("100% sure".into());
        r.config = three;
        r.name = "name_c%".into();
        r.dimension = 1536;
    }))
    .await?;
    s.add("d").await?;
    Ok(())
}

async fn check(s: &Store, table: &[(&str, &str)]) -> CaseResult {
    fill(s).await?;
    for (filter, expected) in table {
        let found = s.matching(filter).await?;
        ensure!(found == *expected, "{filter}: {found} should be {expected}");
    }
    Ok(())
}

cases! { 11 rule11;
    fn text_compares_by_bytes(s) {
        check(s, &[("owner = bob", "a"), ("owner = Bob", "b"), ("owner != bob", "b"), ("owner < a", "b"),
            ("owner >= Bob", "a,b"), ("id > b", "c,d"), ("id <= b", "a,b"), ("access_pattern = hot", "a")]).await?;
    }
    fn an_absent_field_makes_a_leaf_false(s) {
        check(s, &[("owner = x", ""), ("owner != x", "a,b"), ("owner < zzz", "a,b"), ("expires_at > 2000-01-01", "a"),
            ("startsWith(owner, \"\")", "a,b"), ("description != x", "a,c")]).await?;
    }
    fn not_of_an_absent_field_is_true(s) {
        check(s, &[("NOT owner = bob", "b,c,d"), ("NOT owner != bob", "a,c,d"), ("NOT description:*", "b,d"),
            ("NOT expires_at > 2000-01-01", "b,c,d"), ("NOT startsWith(owner, \"b\")", "b,c,d")]).await?;
    }
    fn not_of_a_group_is_two_valued(s) {
        check(s, &[("NOT (owner = bob AND dimension = 768)", "b,c,d"), ("NOT (owner = bob OR owner = Bob)", "c,d"),
            ("NOT NOT owner = bob", "a"), ("NOT (NOT owner = bob)", "a"),
            ("NOT (owner != bob AND description != x)", "a,b,c,d"), ("NOT (owner = Bob OR NOT owner:*)", "a")]).await?;
    }
    fn presence(s) {
        check(s, &[("owner:*", "a,b"), ("tags:*", "a,b"), ("description:*", "a,c"), ("retention:*", "a"),
            ("expires_at:*", "a"), ("config:*", "a,b,c"), ("id:*", "a,b,c,d"), ("NOT tags:*", "c,d")]).await?;
    }
    fn tags_are_elements(s) {
        check(s, &[("tags:gpu", "a,b"), ("tags:prod", "a"), ("tags:GPU", ""), ("tags:gp", ""), ("NOT tags:gpu", "c,d"),
            ("tags:gpu AND NOT tags:prod", "b")]).await?;
    }
    fn numbers_compare(s) {
        check(s, &[("dimension = 768", "a"), ("dimension != 768", "b,c,d"), ("dimension >= 768", "a,c"),
            ("dimension < 9", "b,d"), ("version = 1", "a,b,c,d"), ("dimension > -5", "a,b,c,d"), ("vector_count > 0", "")]).await?;
    }
    fn times_compare_to_the_microsecond(s) {
        let at = START.saturating_add(10);
        check(s, &[(&format!("created_at = {at}"), "b"), (&format!("created_at < {at}"), "a"),
            (&format!("created_at > {at}"), "c,d"), (&format!("updated_at >= {at}"), "b,c,d")]).await?;
    }
    fn prefixes_are_not_patterns(s) {
        check(s, &[("startsWith(name, \"name\")", "a,b,c,d"), ("startsWith(name, \"name_\")", "c"),
            ("startsWith(name, \"name_c%\")", "c"), ("startsWith(name, \"%\")", ""), ("startsWith(name, \"Name\")", ""),
            ("startsWith(description, \"100%\")", "c"), ("startsWith(name, \"\")", "a,b,c,d")]).await?;
    }
    fn config_numbers_compare_as_doubles(s) {
        check(s, &[("config.m = 16", "a"), ("config.m < 0", "c"), ("config.m != 16", "c"), ("config.ratio = 2.5", "a"),
            ("config.ratio >= 2.5", "a,c"), ("config.ratio > 2.6", "c"), ("config.ratio < 2.5", "b"),
            ("config.ratio = 2", "b"), ("NOT config.m = 16", "b,c,d")]).await?;
    }
    fn config_texts_and_truths(s) {
        check(s, &[("config.m = \"16\"", "b"), ("config.s = \"x_y\"", "a"), ("config.deep.flag = true", "a"),
            ("config.deep.flag != true", "b"), ("NOT config.deep.flag = true", "b,c,d"), ("config.s != \"z\"", "a")]).await?;
    }
    fn config_presence(s) {
        check(s, &[("config.m:*", "a,b,c"), ("config.deep.flag:*", "a,b"), ("config.s:*", "a,c"), ("config.no:*", ""),
            ("NOT config.deep:*", "c,d")]).await?;
    }
    fn groups(s) {
        check(s, &[("owner = bob AND tags:gpu", "a"), ("owner = Bob OR dimension = 1536", "b,c"),
            ("(owner = bob OR owner = Bob) AND dimension = 8", "b"), ("tags:gpu AND NOT config.m = 16", "b"),
            ("id = a OR (id = b AND owner = bob) OR id = d", "a,d")]).await?;
    }
    fn empty_groups(s) {
        fill(s).await?;
        same!(s.db.count_collections(Some(Filter::And(vec![]))).await?, 4);
        same!(s.db.count_collections(Some(Filter::Or(vec![]))).await?, 0);
        same!(s.db.count_collections(Some(!Filter::And(vec![]))).await?, 0);
    }
    fn sixty_four_leaves_and_no_more(s) {
        fill(s).await?;
        let leaf = |i: usize| Filter::eq(proximadb_meta_core::Field::Id, if i == 63 { "c".to_owned() } else { i.to_string() });
        same!(s.db.count_collections(Some(Filter::Or((0..64).map(leaf).collect()))).await?, 1);
        refused(s.db.list_collections(Some(Filter::Or((0..65).map(leaf).collect()))).await, InvalidInput)?;
        let mut deep = leaf(63);
        for _ in 0..70 {
            deep = !deep;
        }
        refused(s.db.count_collections(Some(deep)).await, InvalidInput)?;
    }
    fn filters_follow_updates(s) {
        fill(s).await?;
        let a = s.must("a").await?;
        s.db.update_collection(crate::case::edited(&a, |r| { r.owner = Some("eve".into()); r.tags = ["x"].into(); })).await?;
        same!(s.matching("owner = bob").await?, "");
        same!(s.matching("owner = eve AND tags:x").await?, "a");
        same!(s.matching("tags:gpu").await?, "b");
        s.db.delete_collection("a").await?;
        same!(s.matching("owner = eve").await?, "");
    }
}
