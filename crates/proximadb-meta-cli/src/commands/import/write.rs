//! Writing batches: each one atomic, acknowledged when durable, planned again when somebody else was faster.

use std::collections::VecDeque;
use std::io::Write as _;
use std::time::Instant;

use proximadb_meta::core::{Detail, Error, ErrorKind, Field, Outcome};

use super::Totals;
use super::line::Line;
use super::plan::{Fate, Plan};
use crate::args::OnConflict;
use crate::commands::session::Session;
use crate::exit::Result;
use crate::output::out_error;

/// How often a batch is planned again because somebody else changed what it is about.
const MAX_RACES: u32 = 64;

pub(super) struct Writer<'a> {
    session: &'a Session,
    how: OnConflict,
    ack: bool,
    pub(super) totals: Totals,
    /// Lines that the backend takes at once, as far as it said no to more.
    most: usize,
}

impl<'a> Writer<'a> {
    pub(super) fn new(session: &'a Session, how: OnConflict, ack: bool) -> Self {
        Self { session, how, ack, totals: Totals::default(), most: usize::MAX }
    }

    /// Writes the lines in as few atomic batches as possible. When this fails, the lines before the one at fault are
    /// written, and nothing of it or after it.
    pub(super) async fn write(&mut self, lines: Vec<Line>) -> Result<()> {
        let mut lines = VecDeque::from(lines);
        let mut races = 0;
        let mut at_fault: Option<Error> = None;
        while !lines.is_empty() {
            let plan = Plan::over(&*self.session.catalog, &lines, self.how, self.most).await?;
            let Some(error) = self.apply(&plan, &mut lines).await? else { continue };
            let operations = plan.operations.len();
            let line = error.index().and_then(|i| plan.line_of.get(i)).and_then(|at| Some((*at, lines.get(*at)?)));
            match line {
                None if error.kind() == ErrorKind::Unsupported && operations > 1 => self.most = plan.fates.len() / 2,
                None => {
                    self.totals.failed += operations as u64;
                    return Err(error.without_index().context(place_of(&lines, &plan)).into());
                }
                Some((at, _)) if self.how == OnConflict::Skip && error.kind() == ErrorKind::AlreadyExists => {
                    // A line before it in the batch, or somebody else meanwhile, took the id or the name.
                    lines.remove(at);
                    self.totals.skipped += 1;
                }
                Some((_, line)) if races < MAX_RACES && is_race(self.how, &error, line) => races += 1,
                Some((at, line)) => {
                    // The lines before it are still to be written; then the error is told.
                    let place = format!("line {}, id {:?}", line.number, line.record.id);
                    at_fault = Some(error.without_index().context(place));
                    lines.truncate(at);
                }
            }
        }
        match at_fault {
            None => Ok(()),
            Some(error) => {
                self.totals.failed += 1;
                Err(error.into())
            }
        }
    }

    /// Applies the plan. On success its lines are counted, acknowledged and gone; else the refusal is given back.
    async fn apply(&mut self, plan: &Plan, lines: &mut VecDeque<Line>) -> Result<Option<Error>> {
        let start = Instant::now();
        let outcomes = match self.session.catalog.batch_operations(plan.operations.clone()).await {
            Ok(outcomes) => outcomes,
            Err(e) => return Ok(Some(e)),
        };
        tracing::debug!(lines = plan.fates.len(), elapsed_us = start.elapsed().as_micros(), "wrote a batch");
        for fate in &plan.fates {
            match fate {
                Fate::Create => self.totals.created += 1,
                Fate::Overwrite => self.totals.overwritten += 1,
                Fate::Skip => self.totals.skipped += 1,
                Fate::Expired => {
                    self.totals.skipped += 1;
                    self.totals.expired += 1;
                }
            }
        }
        lines.drain(..plan.fates.len().min(lines.len()));
        if self.ack {
            let mut out = std::io::stdout().lock();
            outcomes
                .iter()
                .filter_map(Outcome::record)
                .try_for_each(|r| writeln!(out, "{}", r.id))
                .and_then(|()| out.flush())
                .map_err(out_error)?;
        }
        Ok(None)
    }
}

/// Whether the refusal means that what was read to plan an overwrite is no longer so.
fn is_race(how: OnConflict, e: &Error, line: &Line) -> bool {
    how == OnConflict::Overwrite
        && match e.kind() {
            ErrorKind::NotFound | ErrorKind::VersionConflict => true,
            ErrorKind::AlreadyExists => !line.says(Field::Id) || matches!(e.detail(), Some(Detail::IdTaken(_))),
            _ => false,
        }
}

fn place_of(lines: &VecDeque<Line>, plan: &Plan) -> String {
    let number = |at: Option<&usize>| at.and_then(|at| lines.get(*at)).map_or(0, |l| l.number);
    format!("lines {} to {}", number(plan.line_of.first()), number(plan.line_of.last()))
}

#[cfg(test)]
mod tests {
    use proximadb_meta::core::{CollectionMetadata, DistanceMetric};

    use super::*;

    const UPDATE: &str = r#"{"name":"n","dimension":3,"distance_metric":"c","owner":"import"}"#;
    const COPY: &str = r#"{"name":"n","dimension":3,"distance_metric":"c","owner":"import","vector_count":7}"#;
    const BY_ID: &str = r#"{"id":"i","name":"n","dimension":3,"distance_metric":"c","owner":"import"}"#;

    #[tokio::test]
    async fn an_overwrite_of_what_somebody_changed_meanwhile_is_refused_and_planned_again() {
        for (text, there, changed) in [
            (UPDATE, true, "renamed"),
            (COPY, true, "renamed"),
            (BY_ID, true, "deleted"),
            (COPY, true, "deleted"),
            (UPDATE, false, "created"),
            (BY_ID, false, "created"),
        ] {
            let catalog = proximadb_meta::connect("memory://").await.unwrap();
            let mut stored = CollectionMetadata::new("n", 3, DistanceMetric::COSINE);
            stored.id = "i".into();
            if there {
                stored = (*catalog.create_collection(stored.clone()).await.unwrap()).clone();
            }
            let lines = VecDeque::from([Line::parse(1, text.as_bytes()).unwrap().unwrap()]);
            let plan = Plan::over(&*catalog, &lines, OnConflict::Overwrite, 9).await.unwrap();
            match changed {
                "renamed" => {
                    stored.name = "other".into();
                    drop(catalog.update_collection(stored).await.unwrap());
                }
                "deleted" => assert!(catalog.delete_collection("i").await.unwrap()),
                _ => drop(catalog.create_collection(stored).await.unwrap()),
            }
            let e = catalog.batch_operations(plan.operations).await.unwrap_err();
            assert!(e.index() == Some(0) && is_race(OnConflict::Overwrite, &e, &lines[0]), "{text} {changed}: {e}");
            let plan = Plan::over(&*catalog, &lines, OnConflict::Overwrite, 9).await.unwrap();
            catalog.batch_operations(plan.operations).await.unwrap();
            let now = catalog.get_collection_by_name("n").await.unwrap().unwrap();
            assert_eq!(now.owner.as_deref(), Some("import"), "{text} {changed}");
            if changed == "renamed" {
                let other = catalog.get_collection_by_name("other").await.unwrap().unwrap();
                assert_eq!((&*other.id, &other.owner), ("i", &None), "the renamed record is not touched");
            }
        }
    }
}
