//! ls: records in an order, page by page.

use proximadb_meta::core::{Cursor, Error, ListRequest, Order};

use super::session::Session;
use crate::args;
use crate::exit::Result;
use crate::output::Printer;

/// Records a page.
pub(super) const PAGE: usize = 500;

pub(crate) struct Ls {
    request: ListRequest,
    limit: Option<u64>,
}

impl Ls {
    pub(crate) fn new(x: &args::Ls) -> Result<Self> {
        if x.limit == Some(0) {
            return Err(Error::invalid("--limit is at least 1").into());
        }
        let mut request = ListRequest::new().with_order(Order::parse(&x.order_by)?);
        request.filter = super::filter(x.filter.as_deref())?;
        request.cursor = x.after.as_deref().map(Cursor::from_text);
        Ok(Self { request, limit: x.limit })
    }

    pub(crate) async fn run(self, s: &Session) -> Result<u8> {
        let mut request = self.request;
        let mut printer = Printer::new(s.format);
        let mut left = self.limit.unwrap_or(u64::MAX);
        loop {
            let most = usize::try_from(left).map_or(PAGE, |n| n.min(PAGE));
            let page = s.catalog.list_page(request.clone().with_limit(most)).await?;
            tracing::debug!(records = page.records.len(), more = page.next.is_some(), "page");
            left = left.saturating_sub(page.records.len() as u64);
            printer.records(&page.records)?;
            request.cursor = page.next;
            if left == 0 || request.cursor.is_none() {
                break;
            }
            if s.stop.is_requested() {
                return Ok(crate::stop::STOPPED);
            }
        }
        let printed = printer.finish(request.cursor.as_ref())?;
        if s.format == crate::args::Format::Table {
            s.say(crate::talk::collections(printed));
        }
        if let Some(next) = request.cursor {
            s.say(format_args!("next: {next}"));
        }
        Ok(0)
    }
}
