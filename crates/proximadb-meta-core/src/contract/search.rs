//! Ranked search: the filter's split and the check of what came back, around the driver's ranking.

use super::Contract;
use crate::driver::{Driver, Search};
use crate::error::{Error, Result};
use crate::keywords::query_words;
use crate::page::{MAX_PAGE, Order};
use crate::search::{Ranked, SearchRequest};

use super::read::{DEFAULT_PAGE, RESIDUAL_CHUNK};

impl<D: Driver> Contract<D> {
    pub(super) async fn ranked(&self, request: SearchRequest) -> Result<Vec<Ranked>> {
        let limit = request.limit.unwrap_or(DEFAULT_PAGE);
        if !(1..=MAX_PAGE).contains(&limit) {
            return Err(Error::invalid(format!("limit is {limit}; it is at least 1 and at most {MAX_PAGE}")));
        }
        query_words(&request.query)?;
        let query = self.query(request.filter.as_ref(), Order::default())?;
        let mut found = Vec::new();
        let mut skip = 0;
        loop {
            let wanted = limit - found.len();
            let ask = if query.residual.is_some() { wanted.max(RESIDUAL_CHUNK) } else { wanted };
            let search = Search { query: request.query.clone(), filter: query.pushed.clone(), skip, limit: ask };
            let part = self.shared.driver.search(&query.call, search).await?;
            let is_last = part.len() < ask;
            skip += part.len();
            found.extend(part.into_iter().filter(|r| query.matches(&r.record)).take(wanted));
            if is_last || found.len() == limit {
                return Ok(found);
            }
        }
    }
}
