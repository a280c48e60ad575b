//! wal: a log directory looked at from outside.

use std::path::PathBuf;

use proximadb_meta::core::config::MetadataBackendConfig;
use proximadb_meta::core::{Error, ErrorKind, MetadataBackendType};
use proximadb_meta::wal::inspect::{InUse, Inspection, Verification, inspect, verify};
use proximadb_meta::wal::salvage::{SalvageOptions, SalvageReport, salvage};
use serde::Serialize;

use crate::args::{Format, WalCommand};
use crate::exit::{DAMAGED, PARTIAL, Result};
use crate::output::{line, value};
use crate::text::visible;

pub(crate) fn run(what: &WalCommand, format: Format) -> Result<u8> {
    match what {
        WalCommand::Inspect { directory } => {
            let found = inspect(place(directory)?)?;
            print(&found, format, show_inspection)?;
            Ok(0)
        }
        WalCommand::Verify { directory } => {
            let found = verify(place(directory)?)?;
            print(&found, format, show_verification)?;
            Ok(if found.is_sound() { 0 } else { DAMAGED })
        }
        WalCommand::Salvage { directory, to, include_stale } => {
            let options = if *include_stale { SalvageOptions::including_stale() } else { SalvageOptions::default() };
            let saved = salvage(place(directory)?, to, options)?;
            print(&saved, format, show_salvage)?;
            Ok(if saved.complete { 0 } else { PARTIAL })
        }
    }
}

/// The directory of an argument: a path, or a `file://` URI.
fn place(text: &str) -> Result<PathBuf> {
    if !text.contains("://") {
        return Ok(text.into());
    }
    let config = MetadataBackendConfig::from_uri(text, proximadb_meta::install()?)?;
    if *config.backend_type() != MetadataBackendType::WAL {
        return Err(Error::invalid(format!("{}:// is no log directory", config.scheme()))
            .with_hint("file://PATH")
            .into());
    }
    Ok(config.location().into())
}

fn print<T: Serialize>(found: &T, format: Format, show: fn(&T) -> Result<()>) -> Result<()> {
    if !format.is_json() {
        return show(found);
    }
    let found = serde_json::to_value(found)
        .map_err(|e| Error::new(ErrorKind::Internal, "the report has no JSON").with_source(e))?;
    value(&found, format)
}

/// A word of a report, as JSON has it.
fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

/// What limits the word of a report: somebody writes to the directory.
fn show_company(in_use: InUse, changed: bool) -> Result<()> {
    if in_use == InUse::Yes {
        line("note       another process has it open: the end of the log may be in the middle of being written")?;
    }
    if changed {
        line("note       files changed while they were read, several times over: do it again")?;
    }
    Ok(())
}

fn show_inspection(found: &Inspection) -> Result<()> {
    line(format_args!("directory  {}", visible(&found.directory)))?;
    show_company(found.in_use, found.changed)?;
    for file in &found.files {
        let length = file.length.map_or_else(|| "-".to_owned(), |n| n.to_string());
        line(format_args!("{}  {}, {length} bytes", visible(&file.name), word(&file.role)))?;
        if let Some(h) = &file.header {
            line(format_args!("    format {}, number {}, seq {}, salt {}", h.format, h.number, h.seq, h.salt))?;
        }
        if let Some(f) = &file.frames {
            let seqs = match (f.first, f.last) {
                (Some(first), Some(last)) => format!("{first} to {last}"),
                _ => "none".to_owned(),
            };
            line(format_args!(
                "    frames {seqs}: {} units, {} marks, {} seals, {} turns, {} ends; durable to {}; good to byte {}",
                f.units, f.restoring, f.seals, f.turns, f.ends, f.durable_upto, f.good_end
            ))?;
            let namespaces = f.namespaces.len() as u64 + f.more_namespaces;
            line(format_args!(
                "    {} puts, {} deletes, {} counters in {namespaces} namespaces",
                f.puts, f.deletes, f.counters
            ))?;
            if f.zeros > 0 {
                line(format_args!("    then {} zeros, written ahead", f.zeros))?;
            }
            if let Some(rest) = &f.rest {
                line(format_args!(
                    "    then {} bytes: {}; {} whole frames in them",
                    rest.bytes,
                    visible(&rest.what),
                    rest.frames
                ))?;
            }
        }
        if let Some(trouble) = &file.trouble {
            line(format_args!("    {}", visible(trouble)))?;
        }
    }
    Ok(())
}

fn show_verification(v: &Verification) -> Result<()> {
    line(format_args!("verdict    {}", word(&v.verdict)))?;
    line(format_args!("directory  {}", visible(&v.directory)))?;
    line(format_args!("records    {} in {} namespaces, {} of them doubtful", v.records, v.namespaces, v.doubtful))?;
    line(format_args!("entries    to {}", v.last_seq))?;
    show_company(v.in_use, v.changed)?;
    for namespace in &v.restoring {
        line(format_args!("restoring  namespace {:?}", visible(namespace)))?;
    }
    if v.more_restoring > 0 {
        line(format_args!("restoring  and {} more", v.more_restoring))?;
    }
    for lost in &v.lost {
        line(format_args!("lost       entries {lost}"))?;
    }
    if let Some(t) = &v.torn_tail {
        line(format_args!(
            "torn tail  {}, byte {}: {} bytes from entry {} on; {}",
            t.file,
            t.offset,
            t.bytes,
            t.first,
            visible(&t.what)
        ))?;
    }
    for d in &v.damages {
        line(format_args!(
            "damage     {}, byte {}, {} bytes: {}; lost: {}",
            visible(&d.file),
            d.offset,
            d.bytes,
            visible(&d.what),
            d.lost
        ))?;
    }
    if v.more_damages > 0 {
        line(format_args!("damage     and {} more", v.more_damages))?;
    }
    for id in v.affected.iter().take(20) {
        line(format_args!("affected   {}/{}", visible(&id.namespace), visible(&id.id)))?;
    }
    let more = v.more_affected + v.affected.len().saturating_sub(20) as u64;
    if more > 0 {
        line(format_args!("affected   and {more} more"))?;
    }
    v.notes.iter().try_for_each(|n| line(format_args!("note       {}", visible(n))))
}

fn show_salvage(s: &SalvageReport) -> Result<()> {
    line(format_args!("written    {} records to {}, {} of them certain", s.written, visible(&s.to), s.certain))?;
    line(format_args!("complete   {}", s.complete))?;
    for d in &s.doubtful {
        line(format_args!(
            "doubtful   {}/{} as of entry {}: {}",
            visible(&d.namespace),
            visible(&d.id),
            d.as_of,
            d.fate.as_str()
        ))?;
    }
    for c in &s.conflicts {
        line(format_args!(
            "conflict   {}: {} has it now, {} was left out",
            visible(&c.name),
            visible(&c.kept),
            visible(&c.left_out)
        ))?;
    }
    if s.more_conflicts > 0 {
        line(format_args!("conflict   and {} more", s.more_conflicts))?;
    }
    show_verification(&s.source)
}
