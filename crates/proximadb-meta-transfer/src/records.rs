//! The records of a catalog by id, page by page, with a look ahead.

use std::collections::VecDeque;
use std::sync::Arc;

use proximadb_meta_core::filter::Op;
use proximadb_meta_core::{CollectionMetadata, Cursor, Field, Filter, ListRequest, MetadataBackend, Result};

pub(crate) type Record = Arc<CollectionMetadata>;
pub(crate) type Catalog = Arc<dyn MetadataBackend>;

/// Records a page: the most that a backend gives at once.
const PAGE: usize = proximadb_meta_core::page::MAX_PAGE;

/// Every matching record in ascending order of the ids. Holds one page.
pub(crate) struct Records {
    catalog: Catalog,
    filter: Option<Filter>,
    /// Records up to this id are left out.
    after: Option<Arc<str>>,
    cursor: Option<Cursor>,
    page: VecDeque<Record>,
    ended: bool,
    read: u64,
}

impl Records {
    pub(crate) fn new(catalog: &Catalog, filter: Option<&Filter>) -> Self {
        Self {
            catalog: catalog.clone(),
            filter: filter.cloned(),
            after: None,
            cursor: None,
            page: VecDeque::new(),
            ended: false,
            read: 0,
        }
    }

    /// Begins behind an id.
    pub(crate) fn after(mut self, id: Option<Arc<str>>) -> Self {
        let Some(id) = id else { return self };
        let behind = Filter::text(Field::Id, Op::Gt, id.clone());
        let both = self.filter.clone().map_or(behind.clone(), |f| f.and(behind));
        // A filter that has no room for one more test is applied alone, and what comes before is dropped here.
        if both.validate().is_ok() {
            self.filter = Some(both);
        }
        self.after = Some(id);
        self
    }

    /// Records that the catalog gave out so far.
    pub(crate) fn read(&self) -> u64 {
        self.read
    }

    /// The next record, which stays.
    pub(crate) async fn peek(&mut self) -> Result<Option<&Record>> {
        self.fill().await?;
        Ok(self.page.front())
    }

    /// The next record.
    pub(crate) async fn next(&mut self) -> Result<Option<Record>> {
        self.fill().await?;
        Ok(self.page.pop_front())
    }

    async fn fill(&mut self) -> Result<()> {
        while self.page.is_empty() && !self.ended {
            let mut request = ListRequest::new().with_limit(PAGE);
            request.filter.clone_from(&self.filter);
            request.cursor = self.cursor.take();
            let page = self.catalog.list_page(request).await?;
            self.read += page.records.len() as u64;
            self.page.extend(page.records.into_iter().filter(|r| self.after.as_ref().is_none_or(|a| r.id > *a)));
            self.ended = page.next.is_none();
            self.cursor = page.next;
        }
        Ok(())
    }

    /// Takes the record of an id, having dropped those before it.
    pub(crate) async fn at(&mut self, id: &str) -> Result<Option<Record>> {
        while let Some(record) = self.peek().await? {
            match (*record.id).cmp(id) {
                std::cmp::Ordering::Less => drop(self.next().await?),
                std::cmp::Ordering::Equal => return self.next().await,
                std::cmp::Ordering::Greater => break,
            }
        }
        Ok(None)
    }
}
