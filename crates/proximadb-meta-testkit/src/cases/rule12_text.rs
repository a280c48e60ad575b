//! Rule 12: text search by keywords, the same on every backend.

use proximadb_meta_core::ErrorKind::{InvalidInput, Unsupported};
use proximadb_meta_core::{Filter, Ranked, SearchRequest, Timestamp};

use crate::case::{CaseResult, Need, START, Store, rec_with, refused};

async fn fill(s: &Store) -> CaseResult {
    for (id, name, description) in [
        ("a", "Product Images", "straße und wetter"),
        ("b", "images", "can't e-mail"),
        ("c", "imagesize", "ﬁne ＡＢＣ"),
    ] {
        s.db.create_collection(rec_with(id, |r| {
            r.name = name.into();
            r.description = Some(description.into());
            r.owner = Some("Team-Search".into());
            r.tags = [format!("tag{id}")].into();
        }))
        .await?;
    }
    Ok(())
}

async fn check(s: &Store, table: &[(&str, &str)]) -> CaseResult {
    fill(s).await?;
    for (words, expected) in table {
        let found = s.matching(&format!("text({words:?})")).await?;
        ensure!(found == *expected, "text({words:?}): {found} should be {expected}");
    }
    Ok(())
}

/// The ids in the order of the ranking, which must be that of the scores.
fn ranking(found: &[Ranked]) -> CaseResult<String> {
    ensure!(found.is_sorted_by(|a, b| a.score >= b.score), "not the best first: {found:?}");
    Ok(found.iter().map(|r| &*r.record.id).collect::<Vec<_>>().join(","))
}

cases! { 12 rule12;
    fn whole_words_match(s) {
        check(s, &[("images", "a,b"), ("image", ""), ("imagesize", "c"), ("product", "a")]).await?;
    }
    fn all_words_must_occur(s) {
        check(s, &[("product images", "a"), ("images wetter", "a"), ("images size", "")]).await?;
    }
    fn words_are_folded_and_normalised(s) {
        check(s, &[("STRASSE", "a"), ("fine", "c"), ("abc", "c"), ("PRODUCT", "a")]).await?;
    }
    fn owner_and_tags_are_searched(s) {
        check(s, &[("team", "a,b,c"), ("search tagb", "b"), ("taga", "a")]).await?;
    }
    fn negated_text(s) {
        fill(s).await?;
        same!(s.matching("NOT text(\"images\")").await?, "c");
    }
    [Need::NoRankedText] fn ranked_search_not_declared_is_refused(s) {
        refused(s.db.search(SearchRequest::new("images")).await, Unsupported)?;
    }
    [Need::RankedText] fn ranked_search_finds_one_of_the_words(s) {
        fill(s).await?;
        let found = s.db.search(SearchRequest::new("IMAGES wetter")).await?;
        same!(ranking(&found)?, "a,b");
        same!(found.first().map(|r| r.record.clone()), Some(s.must("a").await?));
        same!(ranking(&s.db.search(SearchRequest::new("nowhere")).await?)?, "");
        same!(s.db.search(SearchRequest::new("team")).await?.len(), 3);
        refused(s.db.search(SearchRequest::new("...")).await, InvalidInput)?;
    }
    [Need::RankedText] fn ranked_search_keeps_filter_and_limit(s) {
        fill(s).await?;
        let search = SearchRequest::new("team images");
        same!(s.db.search(search.clone().with_limit(2)).await?.len(), 2);
        same!(ranking(&s.db.search(search.clone().with_filter(Filter::parse("tags:tagc")?)).await?)?, "c");
        let residual = Filter::parse("NOT tags:tagc AND NOT config.m > 7 AND NOT name = \"images\"")?;
        same!(ranking(&s.db.search(search.clone().with_filter(residual).with_limit(1)).await?)?, "a");
        for limit in [0, 1001] {
            refused(s.db.search(search.clone().with_limit(limit)).await, InvalidInput)?;
        }
    }
    [Need::RankedText] fn ranked_search_sees_what_is_live_in_its_namespace(s) {
        fill(s).await?;
        let end = Timestamp::from_micros(START.as_micros() + 1000);
        s.db.create_collection(rec_with("d", |r| (r.name, r.expires_at) = ("images too".into(), Some(end)))).await?;
        s.space("other")?.create_collection(rec_with("e", |r| r.name = "images".into())).await?;
        same!(s.db.search(SearchRequest::new("images")).await?.len(), 3);
        s.clock.set(end);
        s.db.delete_collection("b").await?;
        same!(ranking(&s.db.search(SearchRequest::new("images")).await?)?, "a");
        same!(ranking(&s.space("other")?.search(SearchRequest::new("images")).await?)?, "e");
    }
}
