//! Rule 10: keyset paging.

use proximadb_meta_core::ErrorKind::{InvalidInput, Unsupported};
use proximadb_meta_core::{Cursor, Field, Filter, ListRequest, Order};

use crate::case::{CaseResult, Failure, Need, Store, ids, rec_with, refused};

/// Twelve records whose ids, names and times sort differently; times have ties.
async fn fill(s: &Store) -> CaseResult {
    for i in 0..12_u32 {
        let name = format!("n{:02}", (i * 5) % 12);
        s.db.create_collection(rec_with(&format!("{i:02}"), |r| {
            r.name = name.as_str().into();
            r.owner = (i % 2 == 0).then(|| "bob".into());
        }))
        .await?;
        s.clock.advance(if i % 3 == 2 { 1 } else { 0 });
    }
    for id in ["03", "01", "11"] {
        let r = s.must(id).await?;
        s.clock.advance(1);
        s.db.update_collection((*r).clone()).await?;
    }
    Ok(())
}

async fn check_order(s: &Store, field: Field) -> CaseResult {
    fill(s).await?;
    for order in [Order::by(field)?, Order::by(field)?.reversed()] {
        let mut expected = s.db.list_collections(None).await?;
        expected.sort_by(|a, b| {
            let key = match field {
                Field::Name => a.name.cmp(&b.name),
                Field::CreatedAt => a.created_at.cmp(&b.created_at),
                Field::UpdatedAt => a.updated_at.cmp(&b.updated_at),
                _ => std::cmp::Ordering::Equal,
            }
            .then_with(|| a.id.cmp(&b.id));
            if order.is_descending() { key.reverse() } else { key }
        });
        same!(expected.len(), 12);
        for limit in [1, 2, 5, 12, 13] {
            let pages = s.pages(ListRequest::new().with_order(order).with_limit(limit)).await?;
            same!(ids(&pages), ids(&expected));
        }
    }
    Ok(())
}

async fn a_cursor(s: &Store, request: ListRequest) -> CaseResult<Cursor> {
    let page = s.db.list_page(request).await?;
    page.next.ok_or_else(|| Failure::new("a list of more than one page has no cursor"))
}

cases! { 10 rule10;
    fn pages_by_id_show_each_record_once(s) {
        check_order(s, Field::Id).await?;
    }
    [Need::Order(Field::Name)] fn pages_by_name_show_each_record_once(s) {
        check_order(s, Field::Name).await?;
    }
    [Need::Order(Field::CreatedAt)] fn pages_by_created_at_show_each_record_once(s) {
        check_order(s, Field::CreatedAt).await?;
    }
    [Need::Order(Field::UpdatedAt)] fn pages_by_updated_at_show_each_record_once(s) {
        check_order(s, Field::UpdatedAt).await?;
    }
    fn an_order_not_declared_is_refused(s) {
        let declared = s.db.capabilities().orders;
        ensure!(declared.contains(&Field::Id));
        for field in Order::FIELDS {
            if !declared.contains(&field) {
                refused(s.db.list_page(ListRequest::new().with_order(Order::by(field)?)).await, Unsupported)?;
            }
        }
    }
    fn an_empty_list_ends_at_once(s) {
        let page = s.db.list_page(ListRequest::new()).await?;
        ensure!(page.records.is_empty() && page.next.is_none());
    }
    fn a_limit_out_of_range_is_refused(s) {
        for limit in [0, 1001, usize::MAX] {
            refused(s.db.list_page(ListRequest::new().with_limit(limit)).await, InvalidInput)?;
        }
        s.db.list_page(ListRequest::new().with_limit(1000)).await?;
    }
    fn filtered_pages_show_each_match_once(s) {
        fill(s).await?;
        let request = ListRequest::new().with_filter(Filter::parse("owner = bob")?).with_limit(2);
        same!(ids(&s.pages(request).await?), "00,02,04,06,08,10");
    }
    fn a_cursor_of_another_filter_is_refused(s) {
        fill(s).await?;
        let next = a_cursor(s, ListRequest::new().with_limit(2)).await?;
        let other = ListRequest::new().with_limit(2).with_filter(Filter::parse("owner = bob")?);
        refused(s.db.list_page(other.after(next)).await, InvalidInput)?;
    }
    fn a_cursor_of_another_order_is_refused(s) {
        fill(s).await?;
        let next = a_cursor(s, ListRequest::new().with_limit(2)).await?;
        let other = ListRequest::new().with_limit(2).with_order(Order::default().reversed());
        refused(s.db.list_page(other.after(next)).await, InvalidInput)?;
    }
    fn a_made_up_cursor_is_refused(s) {
        fill(s).await?;
        let next = a_cursor(s, ListRequest::new().with_limit(2)).await?;
        let cut: String = next.as_str().chars().take(8).collect();
        for text in ["", "x", "AAAA", "0", cut.as_str(), "💥"] {
            refused(s.db.list_page(ListRequest::new().after(Cursor::from_text(text))).await, InvalidInput)?;
        }
    }
    fn a_cursor_survives_as_text_and_with_another_limit(s) {
        fill(s).await?;
        let next = a_cursor(s, ListRequest::new().with_limit(2)).await?;
        let request = ListRequest::new().with_limit(7).after(Cursor::from_text(next.as_str()));
        same!(ids(&s.pages(request).await?), "02,03,04,05,06,07,08,09,10,11");
    }
    fn the_record_at_the_cursor_may_be_deleted(s) {
        fill(s).await?;
        let next = a_cursor(s, ListRequest::new().with_limit(3)).await?;
        s.db.delete_collection("02").await?;
        s.db.delete_collection("03").await?;
        same!(ids(&s.pages(ListRequest::new().after(next)).await?), "04,05,06,07,08,09,10,11");
    }
    fn a_record_created_ahead_is_seen_and_behind_is_not(s) {
        fill(s).await?;
        let next = a_cursor(s, ListRequest::new().with_limit(10)).await?;
        s.add("105").await?;
        s.add("000").await?;
        same!(ids(&s.pages(ListRequest::new().after(next)).await?), "10,105,11");
    }
    fn more_records_than_one_page_holds(s) {
        for i in 0..230 {
            s.add(&format!("{i:03}")).await?;
        }
        same!(s.db.list_collections(None).await?.len(), 230);
        same!(s.pages(ListRequest::new()).await?.len(), 230);
        same!(s.db.count_collections(None).await?, 230);
    }
}
