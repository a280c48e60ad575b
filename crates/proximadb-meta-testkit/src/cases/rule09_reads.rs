//! Rules 9 and 16: reads see every acknowledged write; namespaces never meet; data is there after a reopen.

use std::time::Duration;

use proximadb_meta_core::ErrorKind::{InvalidInput, VersionConflict};
use proximadb_meta_core::{CallContext, Filter, ListRequest, Namespace};

use crate::case::{Need, edited, rec_with, refused};

cases! { 9 rule09;
    fn a_read_sees_every_write(s) {
        let a = s.add("a").await?;
        same!(s.must("a").await?.dimension, 8);
        let b = s.db.update_collection(edited(&a, |r| r.dimension = 9)).await?;
        same!(s.must("a").await?.dimension, 9);
        s.db.update_collection(edited(&b, |r| r.dimension = 10)).await?;
        same!(s.must("a").await?.dimension, 10);
        s.db.delete_collection("a").await?;
        same!(s.db.get_collection("a").await?, None);
        s.add("a").await?;
        same!(s.must("a").await?.dimension, 8);
    }
    fn a_read_by_name_sees_every_write(s) {
        let a = s.add("a").await?;
        ensure!(s.db.get_collection_by_name("name-a").await?.is_some());
        s.db.update_collection(edited(&a, |r| r.dimension = 9)).await?;
        same!(s.db.get_collection_by_name("name-a").await?.map(|r| r.dimension), Some(9));
    }
    fn a_list_sees_every_write(s) {
        for i in 0..30 {
            s.add(&format!("{i:02}")).await?;
            same!(s.db.list_collections(None).await?.len(), i + 1);
        }
        s.db.delete_collection("07").await?;
        same!(s.db.count_collections(None).await?, 29);
    }
    fn another_handle_sees_every_write(s) {
        let other = s.db.scoped(CallContext::new());
        s.add("a").await?;
        ensure!(other.get_collection("a").await?.is_some());
        other.delete_collection("a").await?;
        same!(s.db.get_collection("a").await?, None);
    }
    fn a_scope_that_allows_staleness_works(s) {
        s.add("a").await?;
        let scope = s.db.scoped(CallContext::new().with_staleness(Duration::from_secs(5)).with_actor("test"));
        scope.get_collection("a").await?;
        scope.create_collection(rec_with("b", |_| ())).await?;
        s.must("b").await?;
    }
    fn namespaces_have_their_own_ids_and_names(s) {
        let (one, two) = (s.space("one")?, s.space("two")?);
        s.add("a").await?;
        one.create_collection(rec_with("a", |r| r.dimension = 1)).await?;
        two.create_collection(rec_with("a", |r| r.dimension = 2)).await?;
        same!(s.must("a").await?.dimension, 8);
        same!(one.get_collection("a").await?.map(|r| r.dimension), Some(1));
        same!(two.get_collection_by_name("name-a").await?.map(|r| r.dimension), Some(2));
        one.delete_collection("a").await?;
        ensure!(two.get_collection("a").await?.is_some() && s.db.get_collection("a").await?.is_some());
    }
    fn namespaces_list_their_own(s) {
        let one = s.space("one")?;
        s.add("a").await?;
        one.create_collection(rec_with("b", |_| ())).await?;
        one.create_collection(rec_with("c", |_| ())).await?;
        same!(s.matching("").await?, "a");
        same!(one.count_collections(None).await?, 2);
        same!(crate::case::ids(&one.list_collections(Some(Filter::parse("name != x")?)).await?), "b,c");
    }
    fn namespaces_do_not_share_prefixes(s) {
        let (t, t1) = (s.space("t")?, s.space("t1")?);
        t.create_collection(rec_with("1a", |_| ())).await?;
        same!(t1.get_collection("a").await?, None);
        same!(t1.count_collections(None).await?, 0);
        t1.create_collection(rec_with("a", |_| ())).await?;
        same!(crate::case::ids(&t.list_collections(None).await?), "1a");
    }
    fn namespaces_differ_by_bytes(s) {
        s.space("T")?.create_collection(rec_with("a", |_| ())).await?;
        for other in ["t", "T ", " T", "T%", ""] {
            same!(s.space(other)?.get_collection("a").await?, None);
        }
        refused(Namespace::new(&"x".repeat(65)), InvalidInput)?;
        refused(Namespace::new("a\0"), InvalidInput)?;
    }
    fn versions_of_namespaces_do_not_meet(s) {
        let one = s.space("one")?;
        let a = s.add("a").await?;
        one.create_collection(rec_with("a", |_| ())).await?;
        refused(one.update_collection((*a).clone()).await, VersionConflict)?;
    }
    fn a_page_of_another_namespace_is_refused(s) {
        for id in ["a", "b", "c"] {
            s.add(id).await?;
        }
        let page = s.db.list_page(ListRequest::new().with_limit(1)).await?;
        let Some(next) = page.next else { return Err(crate::case::Failure::new("three records, one a page, and no cursor")) };
        refused(s.space("one")?.list_page(ListRequest::new().with_limit(1).after(next)).await, InvalidInput)?;
    }
    [Need::Durable] fn everything_is_there_after_reopen(s) {
        let a = s.add("a").await?;
        s.add("b").await?;
        s.space("one")?.create_collection(rec_with("a", |r| r.dimension = 1)).await?;
        let a = s.db.update_collection(edited(&a, |r| r.tags = ["x"].into())).await?;
        let a2 = s.count("a", 3, 4).await?;
        s.db.delete_collection("b").await?;
        s.reopen().await?;
        same!(s.must("a").await?, a2);
        same!(s.matching("tags:x").await?, "a");
        same!(s.space("one")?.get_collection("a").await?.map(|r| r.dimension), Some(1));
        s.db.update_collection((*a).clone()).await?;
    }
    [Need::Durable] fn a_second_reopen_changes_nothing(s) {
        for i in 0..50 {
            s.add(&format!("{i:02}")).await?;
        }
        let before = s.db.list_collections(None).await?;
        s.reopen().await?;
        s.reopen().await?;
        same!(s.db.list_collections(None).await?, before);
    }
}
