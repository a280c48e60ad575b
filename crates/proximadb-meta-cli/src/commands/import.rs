//! Import: lines of NDJSON in atomic batches, each line's fate counted.

use std::io::{BufRead, Write as _};
use std::sync::Arc;

use proximadb_meta::core::{Clock as _, CollectionMetadata, Error, ErrorKind, Field, Operation, PutIf, SystemClock};
use serde_json::json;

use super::Session;
use crate::args::{Format, OnConflict};
use crate::exit::{Failure, Result};
use crate::output::{line, out_error};

/// Records of one batch, made durable together.
const BATCH: usize = 500;
/// No record's line is longer: a record has at most 256 KiB of canonical JSON, at most six-fold with escapes.
const MAX_LINE: u64 = 2 * 1024 * 1024;

#[derive(Default)]
struct Totals {
    created: u64,
    overwritten: u64,
    skipped: u64,
    failed: u64,
}

struct Import<'a> {
    session: &'a Session,
    on_conflict: OnConflict,
    ack: bool,
    totals: Totals,
}

pub(crate) async fn run(s: &Session, file: &str, on_conflict: OnConflict, ack: bool) -> Result<u8> {
    let input: Box<dyn BufRead> = if file == "-" {
        Box::new(std::io::BufReader::new(std::io::stdin()))
    } else {
        let opened = std::fs::File::open(file).map_err(|e| Failure::Io(format!("cannot open {file}"), e))?;
        Box::new(std::io::BufReader::with_capacity(1 << 16, opened))
    };
    let mut import = Import { session: s, on_conflict, ack, totals: Totals::default() };
    let result = import.all(input).await;
    let t = &import.totals;
    s.say(format!("created {}, overwrote {}, skipped {}, failed {}", t.created, t.overwritten, t.skipped, t.failed));
    if matches!(s.args.output, Format::Json | Format::Ndjson) {
        line(json!({"created": t.created, "skipped": t.skipped, "failed": t.failed, "overwritten": t.overwritten}))?;
    }
    result
}

impl Import<'_> {
    async fn all(&mut self, mut input: Box<dyn BufRead>) -> Result<u8> {
        let mut batch = Vec::with_capacity(BATCH);
        let mut text = Vec::new();
        for number in 1u64.. {
            text.clear();
            let read = std::io::Read::take(&mut input, MAX_LINE)
                .read_until(b'\n', &mut text)
                .map_err(|e| Failure::Io(format!("cannot read line {number}"), e))?;
            if read == 0 {
                break;
            }
            match record(&text) {
                Ok(None) => {}
                Ok(Some(r)) => batch.push((number, r)),
                Err(e) => {
                    // What came before is kept; nothing of this line is.
                    self.write(std::mem::take(&mut batch)).await?;
                    self.totals.failed += 1;
                    return Err(e.context(format!("line {number}")).into());
                }
            }
            if batch.len() == BATCH {
                self.write(std::mem::take(&mut batch)).await?;
            }
        }
        self.write(batch).await?;
        Ok(0)
    }

    /// Writes a batch as one atomic unit; where a record is refused, the ones before it go first and the rest after.
    async fn write(&mut self, mut batch: Vec<(u64, CollectionMetadata)>) -> Result<()> {
        let when = if self.on_conflict == OnConflict::Overwrite { PutIf::Any } else { PutIf::Absent };
        while !batch.is_empty() {
            let existing = if when == PutIf::Any { self.existing(&batch).await? } else { Vec::new() };
            let operations = batch.iter().map(|(_, r)| Operation::Put { record: r.clone(), when }).collect();
            match self.session.catalog.batch_operations(operations).await {
                Ok(_) => {
                    let overwritten = existing.iter().filter(|x| **x).count() as u64;
                    self.totals.overwritten += overwritten;
                    self.totals.created += batch.len() as u64 - overwritten;
                    return self.acknowledge(&batch);
                }
                Err(e) if e.kind() == ErrorKind::Unsupported && batch.len() > 1 => {
                    let rest = batch.split_off(batch.len() / 2);
                    Box::pin(self.write(std::mem::replace(&mut batch, rest))).await?;
                }
                Err(e) => {
                    let Some(index) = e.index().filter(|i| *i < batch.len()) else {
                        self.totals.failed += batch.len() as u64;
                        return Err(e.into());
                    };
                    let mut rest = batch.split_off(index);
                    let (number, refused) = rest.remove(0);
                    Box::pin(self.write(std::mem::replace(&mut batch, rest))).await?;
                    if e.kind() == ErrorKind::AlreadyExists && self.on_conflict == OnConflict::Skip {
                        self.totals.skipped += 1;
                        continue;
                    }
                    self.totals.failed += 1;
                    return Err(e.without_index().context(format!("line {number}, id {:?}", refused.id)).into());
                }
            }
        }
        Ok(())
    }

    async fn existing(&self, batch: &[(u64, CollectionMetadata)]) -> Result<Vec<bool>> {
        let mut seen = std::collections::HashSet::new();
        let mut existing = Vec::with_capacity(batch.len());
        for (_, r) in batch {
            existing.push(!seen.insert(&r.id) || self.session.catalog.get_collection(&r.id).await?.is_some());
        }
        Ok(existing)
    }

    fn acknowledge(&self, batch: &[(u64, CollectionMetadata)]) -> Result<()> {
        if !self.ack {
            return Ok(());
        }
        let mut out = std::io::stdout().lock();
        batch.iter().try_for_each(|(_, r)| writeln!(out, "{}", r.id)).and_then(|()| out.flush()).map_err(out_error)
    }
}

/// A line as a record; `None` for a blank line. What the line does not say of times, version and id is stamped here.
fn record(bytes: &[u8]) -> proximadb_meta::core::Result<Option<CollectionMetadata>> {
    if bytes.len() as u64 >= MAX_LINE {
        return Err(Error::invalid(format!("longer than {MAX_LINE} bytes")));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|e| Error::invalid(format!("not UTF-8 at column {}", e.valid_up_to() + 1)))?
        .trim();
    if text.is_empty() {
        return Ok(None);
    }
    let (mut r, seen) = CollectionMetadata::from_json_fields(text)?;
    let now = SystemClock.now();
    if !seen.contains(&Field::Id) {
        r.id = Arc::from(uuid::Uuid::now_v7().to_string());
    }
    if !seen.contains(&Field::CreatedAt) {
        r.created_at = now;
    }
    if !seen.contains(&Field::UpdatedAt) {
        r.updated_at = r.created_at.max(now);
    }
    proximadb_meta::core::limits::check_record(&r)?;
    Ok(Some(r))
}
