//! Wrong reads: single records, lists, pages, counts.

use std::sync::Arc;

use proximadb_meta_core::ErrorKind::InvalidInput;
use proximadb_meta_core::{Filter, ListRequest, Order, Page, Result, Timestamp};

use super::{Bug, Buggy, DOUBLE, Record};
use crate::rewrite;

impl Buggy {
    /// What a reader gets to see of a record.
    pub(super) fn shown(&self, r: Record) -> Option<Record> {
        match self.bug {
            Bug::ExpiryEarly if r.expires_at.is_some_and(|at| self.clock.now().saturating_add(1) >= at) => None,
            Bug::RacyName if r.name.contains(DOUBLE) => {
                let mut copy = (*r).clone();
                copy.name = r.name.split(DOUBLE).next().unwrap_or_default().into();
                Some(Arc::new(copy))
            }
            Bug::TimesToMillis => {
                let mut copy = (*r).clone();
                let cut = |t: Timestamp| Timestamp::from_micros(t.as_micros() / 1000 * 1000);
                (copy.created_at, copy.updated_at) = (cut(copy.created_at), cut(copy.updated_at));
                Some(Arc::new(copy))
            }
            _ => Some(r),
        }
    }

    fn filter(&self, filter: Option<Filter>) -> Option<Filter> {
        let f = filter?;
        Some(match self.bug {
            Bug::NotOnAbsentField => rewrite::not_wants_presence(f),
            Bug::NullLogic => rewrite::three_valued(f, false),
            Bug::NeOnAbsentField => rewrite::leaves(f, rewrite::ne_is_not_eq),
            Bug::TruncatedConfigNumber => rewrite::leaves(f, rewrite::truncate_numbers),
            Bug::PrefixIsPattern => rewrite::leaves(f, rewrite::prefix_is_pattern),
            Bug::FoldedTag => rewrite::leaves(f, rewrite::fold_tag),
            _ => f,
        })
    }

    pub(super) fn id<'a>(&self, id: &'a str) -> &'a str {
        if self.is(Bug::TrimmedId) { id.trim() } else { id }
    }

    pub(super) async fn get(&self, id: &str) -> Result<Option<Record>> {
        let key = self.key(id);
        let found = self.inner.get_collection(self.id(id)).await?;
        if self.is(Bug::StaleRead) {
            return Ok(self.memory().cached.entry(key).or_insert(found).clone());
        }
        if self.strikes(Bug::StaleByOne, 3)
            && let Some(r) = self.memory().previous.get(&key)
        {
            return Ok(Some(r.clone()));
        }
        if found.is_none() && self.is(Bug::ExpiryLate) {
            let now = self.clock.now();
            return Ok(self.memory().shadow.get(&key).filter(|r| r.expires_at == Some(now)).cloned());
        }
        Ok(found.and_then(|r| self.shown(r)))
    }

    pub(super) async fn get_by_name(&self, name: &str) -> Result<Option<Record>> {
        let found = self.inner.get_collection_by_name(name).await?;
        if self.is(Bug::StaleName) && found.is_none() {
            return Ok(self.memory().previous.remove(&self.key(name)));
        }
        Ok(found.and_then(|r| self.shown(r)))
    }

    pub(super) async fn list(&self, filter: Option<Filter>) -> Result<Vec<Record>> {
        let mut all = self.inner.list_collections(self.filter(filter)).await?;
        if self.is(Bug::ListCutShort) {
            all.truncate(100);
        }
        Ok(all.into_iter().filter_map(|r| self.shown(r)).collect())
    }

    pub(super) async fn page(&self, mut request: ListRequest) -> Result<Page> {
        request.filter = self.filter(request.filter.take());
        if self.is(Bug::DescendingIgnored) && request.order.is_descending() {
            request.order = Order::by(request.order.field())?;
        }
        let cursor = request.cursor.as_ref().map(|c| c.as_str().to_owned());
        let mut page = match self.inner.list_page(request.clone()).await {
            Err(e) if self.is(Bug::ForeignCursorAccepted) && e.kind() == InvalidInput && cursor.is_some() => {
                request.cursor = None;
                self.inner.list_page(request).await?
            }
            other => other?,
        };
        if let (Some(next), Some(last)) = (&page.next, page.records.last()) {
            let (next, last) = (next.as_str().to_owned(), last.clone());
            self.memory().ends.insert(next, last);
        }
        if let Some(cursor) = cursor {
            if self.is(Bug::SkippedPageRow) && !page.records.is_empty() {
                page.records.remove(0);
            }
            let end = self.memory().ends.get(&cursor).cloned().filter(|_| self.is(Bug::DoubledPageRow));
            if let Some(end) = end {
                page.records.insert(0, end);
            }
        }
        page.records = page.records.into_iter().filter_map(|r| self.shown(r)).collect();
        Ok(page)
    }

    pub(super) async fn count(&self, filter: Option<Filter>) -> Result<u64> {
        let filter = self.filter(filter).filter(|_| !self.is(Bug::CountIgnoresFilter));
        self.inner.count_collections(filter).await
    }
}
