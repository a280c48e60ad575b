//! export: every record as canonical NDJSON, to stdout or to a file that appears whole or not at all.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use proximadb_meta::core::{Error, ErrorKind, ListRequest};
use tempfile::NamedTempFile;

use super::ls::PAGE;
use super::session::Session;
use crate::args;
use crate::exit::{Failure, Result};
use crate::output::out_error;
use crate::stop::STOPPED;
use crate::talk::collections;

pub(crate) struct Export(Option<Target>);

struct Target {
    path: PathBuf,
    force: bool,
}

impl Export {
    pub(crate) fn new(x: args::Export) -> Result<Self> {
        let Some(path) = x.file.filter(|f| f != "-").map(PathBuf::from) else { return Ok(Self(None)) };
        match fs::symlink_metadata(&path) {
            Ok(found) if !found.is_file() => {
                Err(Error::invalid(format!("{} is not a regular file", path.display()))
                    .with_hint("name a file, or - for stdout"))?;
            }
            Ok(_) if !x.force => Err(exists(&path))?,
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(failed(&path, e)),
            _ => {}
        }
        Ok(Self(Some(Target { path, force: x.force })))
    }

    pub(crate) async fn run(self, s: &Session) -> Result<u8> {
        let Some(target) = self.0 else {
            let mut out = BufWriter::new(io::stdout());
            let Some(count) = records(s, &mut out, out_error).await? else { return Ok(STOPPED) };
            out.flush().map_err(out_error)?;
            s.say(format_args!("exported {}", collections(count)));
            return Ok(0);
        };
        let fail = |e| failed(&target.path, e);
        let directory = match target.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        // Removed when it is dropped before it has its name.
        let part = NamedTempFile::new_in(directory).map_err(fail)?;
        let mut out = BufWriter::new(part);
        let Some(count) = records(s, &mut out, fail).await? else { return Ok(STOPPED) };
        let part = out.into_inner().map_err(|e| fail(e.into_error()))?;
        part.as_file().sync_all().map_err(fail)?;
        let named = if target.force { part.persist(&target.path) } else { part.persist_noclobber(&target.path) };
        named.map_err(|e| match e.error.kind() {
            io::ErrorKind::AlreadyExists => exists(&target.path).into(),
            _ => fail(e.error),
        })?;
        fs::File::open(directory).and_then(|d| d.sync_all()).map_err(fail)?;
        s.say(format_args!("exported {} to {}", collections(count), target.path.display()));
        Ok(0)
    }
}

fn exists(path: &Path) -> Error {
    Error::new(ErrorKind::AlreadyExists, format!("{} exists", path.display())).with_hint("--force replaces it")
}

fn failed(path: &Path, e: io::Error) -> Failure {
    Failure::Io(format!("cannot write {}", path.display()), e)
}

/// Writes every record; how many, or `None` when a stop was asked for.
async fn records(s: &Session, out: &mut impl Write, fail: impl Fn(io::Error) -> Failure) -> Result<Option<u64>> {
    let mut request = ListRequest::new().with_limit(PAGE);
    let mut progress = s.talk.progress("exported");
    let mut written = 0;
    loop {
        let page = s.catalog.list_page(request.clone()).await?;
        for record in &page.records {
            writeln!(out, "{}", record.to_json()).map_err(&fail)?;
        }
        written += page.records.len() as u64;
        progress.at(written);
        request.cursor = page.next;
        if request.cursor.is_none() {
            return Ok(Some(written));
        }
        if s.stop.is_requested() {
            return Ok(None);
        }
    }
}
