//! Lists, counts and explanations: the filter's split, the residual check, paging.

use std::sync::Arc;

use super::Contract;
use crate::context::Call;
use crate::driver::{Driver, Scan, Scanned};
use crate::error::{Error, Result};
use crate::filter::{Filter, Normal, split};
use crate::page::{Cursor, ListRequest, MAX_PAGE, Order, Page, Position};
use crate::record::CollectionMetadata;
use crate::report::Explain;

/// Records a page when the request does not say.
pub(super) const DEFAULT_PAGE: usize = 100;
/// A scan with a residual asks for at least this many, since some will not match.
pub(super) const RESIDUAL_CHUNK: usize = 64;

pub(super) struct Query {
    pub(super) call: Call,
    pub(super) pushed: Option<Arc<Normal>>,
    pub(super) residual: Option<Normal>,
    order: Order,
    explain: bool,
}

impl Query {
    pub(super) fn matches(&self, record: &CollectionMetadata) -> bool {
        !record.is_expired(self.call.now) && self.residual.as_ref().is_none_or(|r| r.evaluate(record))
    }
}

impl<D: Driver> Contract<D> {
    pub(super) fn query(&self, filter: Option<&Filter>, order: Order) -> Result<Query> {
        if !self.shared.driver.capabilities().orders.contains(&order.field()) {
            return Err(Error::unsupported(format!("this backend cannot order a list by {}", order.field())));
        }
        let call = self.call();
        let Some(filter) = filter else {
            return Ok(Query { call, pushed: None, residual: None, order, explain: false });
        };
        filter.validate()?;
        let parts = split(&filter.normalize(), &|literal| self.shared.driver.push(literal));
        Ok(Query { call, pushed: parts.pushed, residual: parts.residual, order, explain: false })
    }

    async fn part(&self, query: &Query, after: Option<Position>, limit: usize) -> Result<Scanned> {
        let scan = Scan { filter: query.pushed.clone(), order: query.order, after, limit, explain: query.explain };
        self.shared.driver.scan(&query.call, scan).await
    }

    pub(super) async fn page(&self, request: ListRequest) -> Result<Page> {
        let limit = request.limit.unwrap_or(DEFAULT_PAGE);
        if !(1..=MAX_PAGE).contains(&limit) {
            return Err(Error::invalid(format!("limit is {limit}; it is at least 1 and at most {MAX_PAGE}")));
        }
        let (filter, order) = (request.filter.as_ref(), request.order);
        let query = self.query(filter, order)?;
        let namespace = query.call.namespace.as_str();
        let mut after = request.cursor.map(|c| c.open(namespace, filter, order)).transpose()?;
        let mut records = Vec::with_capacity(limit);
        loop {
            let wanted = limit - records.len();
            let ask = if query.residual.is_some() { wanted.max(RESIDUAL_CHUNK) } else { wanted };
            let part = self.part(&query, after.take(), ask).await?;
            let mut rest = part.records.into_iter();
            records.extend(rest.by_ref().filter(|r| query.matches(r)).take(wanted));
            if let Some(last) = records.last().filter(|_| records.len() == limit) {
                let more = part.next.is_some() || rest.len() > 0;
                let next = more.then(|| Cursor::seal(&Position::after(last, order), namespace, filter, order));
                return Ok(Page::new(records, next));
            }
            after = part.next;
            if after.is_none() {
                return Ok(Page::new(records, None));
            }
        }
    }

    /// Visits every matching record in order; says how many the store examined, and how it found them.
    async fn each(
        &self,
        query: &Query,
        mut visit: impl FnMut(Arc<CollectionMetadata>) + Send,
    ) -> Result<(u64, Arc<str>)> {
        let mut after = None;
        let mut examined = 0;
        loop {
            let part = self.part(query, after, MAX_PAGE).await?;
            examined += part.examined;
            part.records.into_iter().filter(|r| query.matches(r)).for_each(&mut visit);
            after = part.next;
            if after.is_none() {
                return Ok((examined, part.access));
            }
        }
    }

    pub(super) async fn list_all(&self, filter: Option<Filter>) -> Result<Vec<Arc<CollectionMetadata>>> {
        let query = self.query(filter.as_ref(), Order::default())?;
        let mut records = Vec::new();
        self.each(&query, |r| records.push(r)).await?;
        Ok(records)
    }

    pub(super) async fn count(&self, filter: Option<Filter>) -> Result<u64> {
        let query = self.query(filter.as_ref(), Order::default())?;
        let mut matched = 0;
        self.each(&query, |_| matched += 1).await?;
        Ok(matched)
    }

    pub(super) async fn explain_list(&self, request: ListRequest) -> Result<Explain> {
        let mut query = self.query(request.filter.as_ref(), request.order)?;
        query.explain = true;
        let mut matched = 0;
        let (examined, access) = self.each(&query, |_| matched += 1).await?;
        let pushed = query.pushed.as_ref().map(|p| p.to_string());
        let residual = query.residual.as_ref().map(ToString::to_string);
        Ok(Explain::new(pushed, residual, access, examined, matched))
    }
}
