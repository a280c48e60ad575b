//! Rule 12: text search by keywords, the same on every backend.

use crate::case::{CaseResult, Store, rec_with};

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
}
