//! Writing batches: each one atomic, durable when it is answered, planned again when somebody else was faster.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use proximadb_meta::core::{Detail, Error, ErrorKind, Field, MetadataBackend, Outcome};

use super::Totals;
use super::line::Line;
use super::plan::{Fate, Plan};
use crate::args::OnConflict;
use crate::exit::Failure;

/// How often a batch is planned again because somebody else changed what it is about.
const MAX_RACES: u32 = 64;

/// Where and how lines are written.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) catalog: Arc<dyn MetadataBackend>,
    pub(super) how: OnConflict,
    /// Lines that the backend takes at once, as far as it said no to more.
    pub(super) most: usize,
}

/// What became of lines that belong together.
#[derive(Default)]
pub(super) struct Written {
    pub(super) totals: Totals,
    /// Of the records that are durable now, in the order of the lines.
    pub(super) ids: Vec<Arc<str>>,
    /// Why the lines that are not in the totals were not written.
    pub(super) failure: Option<Failure>,
    /// As the target's.
    pub(super) most: usize,
}

/// Writes the lines in as few atomic batches as possible. When this fails, the lines before the one at fault are written, and
/// nothing of it or after it.
pub(super) async fn write(target: Target, lines: Vec<Line>) -> Written {
    let mut written = Written { most: target.most, ..Written::default() };
    written.failure = written.all(&target, lines.into()).await.err().map(Failure::Catalog);
    written
}

impl Written {
    async fn all(&mut self, target: &Target, mut lines: VecDeque<Line>) -> Result<(), Error> {
        let mut races = 0;
        let mut at_fault: Option<Error> = None;
        while !lines.is_empty() {
            let plan = Plan::over(&*target.catalog, &lines, target.how, self.most).await?;
            let Some(error) = self.apply(&*target.catalog, &plan, &mut lines).await else { continue };
            let operations = plan.operations.len();
            let line = error.index().and_then(|i| plan.line_of.get(i)).and_then(|at| Some((*at, lines.get(*at)?)));
            match line {
                None if error.kind() == ErrorKind::Unsupported && operations > 1 => self.most = plan.fates.len() / 2,
                None => {
                    self.totals.failed += operations as u64;
                    return Err(error.without_index().context(place_of(&lines, &plan)));
                }
                Some((at, _)) if target.how == OnConflict::Skip && error.kind() == ErrorKind::AlreadyExists => {
                    // A line before it in the batch, or somebody else meanwhile, took the id or the name.
                    lines.remove(at);
                    self.totals.skipped += 1;
                }
                Some((_, line)) if races < MAX_RACES && is_race(target.how, &error, line) => races += 1,
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
                Err(error)
            }
        }
    }

    /// Applies the plan. On success its lines are counted and gone; else the refusal is given back.
    async fn apply(&mut self, catalog: &dyn MetadataBackend, plan: &Plan, lines: &mut VecDeque<Line>) -> Option<Error> {
        let start = Instant::now();
        let outcomes = match catalog.batch_operations(plan.operations.clone()).await {
            Ok(outcomes) => outcomes,
            Err(e) => return Some(e),
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
        self.ids.extend(outcomes.iter().filter_map(Outcome::record).map(|r| r.id.clone()));
        None
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
