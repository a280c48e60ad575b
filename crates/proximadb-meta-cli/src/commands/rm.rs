//! rm: records deleted in atomic batches, by id or by filter.

use std::sync::Arc;

use proximadb_meta::core::{Filter, ListRequest, Operation, Outcome};
use serde_json::json;

use super::ls::PAGE;
use super::session::Session;
use crate::args::{self, Format};
use crate::exit::{PARTIAL, Result};
use crate::output::{Report, line};
use crate::stop::STOPPED;
use crate::talk::{Talk, collections};

pub(crate) struct Rm {
    what: What,
    yes: bool,
}

enum What {
    Ids(Vec<Arc<str>>),
    Matching(Filter),
}

#[derive(Default)]
struct Done {
    deleted: u64,
    missing: Vec<Arc<str>>,
}

impl Rm {
    pub(crate) fn new(x: args::Rm, talk: &Talk) -> Result<Self> {
        let what = match x.filter {
            Some(text) => {
                talk.require_consent(x.yes, "rm --filter", "deletes every record that matches")?;
                What::Matching(Filter::parse(&text)?)
            }
            None => What::Ids(x.ids.into_iter().map(Arc::from).collect()),
        };
        Ok(Self { what, yes: x.yes })
    }

    pub(crate) async fn run(self, s: &Session) -> Result<u8> {
        let mut done = Done::default();
        let result = match self.what {
            What::Ids(ids) => done.ids(s, &ids).await,
            What::Matching(filter) => {
                if !self.yes {
                    let n = s.catalog.count_collections(Some(filter.clone())).await?;
                    match s.talk.ask(&format!("delete {} that match {filter}?", collections(n)), &s.stop).await {
                        None => return Ok(STOPPED),
                        Some(false) => {
                            s.say("nothing was deleted");
                            return Ok(1);
                        }
                        Some(true) => {}
                    }
                }
                done.matching(s, filter).await
            }
        };
        s.say(format_args!("deleted {}", collections(done.deleted)));
        if s.format.is_json() {
            let missing: Vec<&str> = done.missing.iter().map(|id| &**id).collect();
            Report::new().with("deleted", done.deleted).with("missing", json!(missing)).print(s.format)?;
        }
        match result {
            // What was not deleted must not look deleted because nobody reads the ids any more.
            Err(e) if e.is_broken_pipe() => Ok(PARTIAL),
            result => result,
        }
    }
}

impl Done {
    async fn ids(&mut self, s: &Session, ids: &[Arc<str>]) -> Result<u8> {
        for chunk in ids.chunks(PAGE) {
            if s.stop.is_requested() {
                return Ok(STOPPED);
            }
            self.delete(s, chunk).await?;
        }
        for id in &self.missing {
            s.say(format_args!("not there: {id}"));
        }
        Ok(match (self.missing.len(), self.deleted) {
            (0, _) => 0,
            (_, 0) => 3,
            _ => PARTIAL,
        })
    }

    async fn matching(&mut self, s: &Session, filter: Filter) -> Result<u8> {
        let mut request = ListRequest::new().with_filter(filter).with_limit(PAGE);
        loop {
            let page = s.catalog.list_page(request.clone()).await?;
            let ids: Vec<Arc<str>> = page.records.iter().map(|r| r.id.clone()).collect();
            self.delete(s, &ids).await?;
            // What somebody else deleted meanwhile is as gone as it should be.
            self.missing.clear();
            request.cursor = page.next;
            if request.cursor.is_none() {
                return Ok(0);
            }
            if s.stop.is_requested() {
                return Ok(STOPPED);
            }
        }
    }

    async fn delete(&mut self, s: &Session, ids: &[Arc<str>]) -> Result<()> {
        let operations = ids.iter().map(|id| Operation::Delete { id: id.clone() }).collect();
        let outcomes = s.catalog.batch_operations(operations).await?;
        tracing::debug!(operations = ids.len(), "deleted a batch");
        let (gone, missing): (Vec<_>, Vec<_>) =
            ids.iter().zip(outcomes).partition(|(_, outcome)| *outcome == Outcome::Deleted(true));
        // Counted before it is printed: what is gone is gone also where nobody reads the ids.
        self.deleted += gone.len() as u64;
        self.missing.extend(missing.into_iter().map(|(id, _)| id.clone()));
        if s.format == Format::Name {
            gone.into_iter().try_for_each(|(id, _)| line(id))?;
        }
        Ok(())
    }
}
