//! backup, restore and verify: a namespace as a whole.

use std::path::{Path, PathBuf};

use proximadb_meta::archive::{check_location, verify as verify_archive};
use proximadb_meta::core::report::{BackupFormat, BackupOptions, RestoreOptions};
use proximadb_meta::core::{Error, ErrorKind};

use super::session::Session;
use crate::args::{self, Format};
use crate::exit::Result;
use crate::output::{Report, line};
use crate::stop::STOPPED;
use crate::talk::{Talk, collections};

pub(crate) async fn backup(s: &Session, location: &str, native: bool) -> Result<u8> {
    let mut options = BackupOptions::default();
    if native {
        options.format = BackupFormat::Native;
    }
    let n = s.catalog.count_collections(None).await?;
    s.say(format_args!("backing up {} to {location}", collections(n)));
    let b = s.catalog.backup(location, options).await?;
    if s.format == Format::Name {
        line(&b.id)?;
    } else {
        Report::new()
            .with("id", b.id)
            .with("location", b.location)
            .with("records", b.records)
            .with("bytes", b.bytes)
            .with("blake3", b.blake3)
            .with("snapshot", b.snapshot)
            .with("created_at", b.created_at.to_string())
            .print(s.format)?;
    }
    s.say(format_args!("backed up {}, {} bytes", collections(b.records), b.bytes));
    Ok(0)
}

pub(crate) struct Restore {
    id: String,
    location: String,
    options: RestoreOptions,
    yes: bool,
}

impl Restore {
    pub(crate) fn new(x: args::Restore, talk: &Talk) -> Result<Self> {
        if x.replace {
            talk.require_consent(x.yes, "restore --replace", "deletes what the namespace holds")?;
        }
        check_location(&x.location)?;
        let mut options = if x.replace { RestoreOptions::replacing() } else { RestoreOptions::default() };
        options.filter = super::filter(x.filter.as_deref())?;
        Ok(Self { id: x.id, location: x.location, options, yes: x.yes })
    }

    /// Reads the backup before there is a catalog: one that is missing or damaged must not leave a new, empty one behind. What
    /// has no archive in it may be in the store's own format, which the store alone can read.
    pub(crate) async fn rehearse(&self, store_may_have_own: bool) -> Result<()> {
        match verify_archive(&self.location, &self.id).await {
            Err(e) if e.kind() == ErrorKind::NotFound && store_may_have_own && self.directory().is_dir() => Ok(()),
            read => Ok(read.map(drop)?),
        }
    }

    fn directory(&self) -> PathBuf {
        Path::new(self.location.strip_prefix("file://").unwrap_or(&self.location)).join(&self.id)
    }

    pub(crate) async fn run(self, s: &Session) -> Result<u8> {
        if self.options.replace && !self.yes {
            // A namespace that a failed restore left behind cannot be counted; it can be replaced.
            let what = match s.catalog.count_collections(None).await {
                Ok(n) => format!("replace the namespace's {} by the backup {}?", collections(n), self.id),
                Err(_) => format!("replace what the namespace holds by the backup {}?", self.id),
            };
            match s.talk.ask(&what, &s.stop).await {
                None => return Ok(STOPPED),
                Some(false) => {
                    s.say("nothing was restored");
                    return Ok(1);
                }
                Some(true) => {}
            }
        }
        s.say(format_args!("restoring {} from {}", self.id, self.location));
        let r = s.catalog.restore(&self.id, &self.location, self.options).await?;
        if s.format.is_json() {
            Report::new().with("records", r.records).with("replaced", r.replaced).print(s.format)?;
        }
        s.say(format_args!("restored and verified {}, replaced {}", collections(r.records), r.replaced));
        Ok(0)
    }
}

/// Where a backup lies and what its id is: LOCATION/ID, or the two apart in either order.
fn place(x: &args::Verify) -> Result<(&str, &str)> {
    let is_id = |text: &str| uuid::Uuid::try_parse(text).is_ok();
    let found = match x.id.as_deref() {
        Some(id) if is_id(id) => Some((&*x.backup, id)),
        // As restore has them.
        Some(location) => is_id(&x.backup).then_some((location, &*x.backup)),
        None => match x.backup.trim_end_matches('/').rsplit_once('/') {
            Some((location, id)) => is_id(id).then_some((if location.is_empty() { "/" } else { location }, id)),
            None => is_id(&x.backup).then_some((".", &*x.backup)),
        },
    };
    found.ok_or_else(|| {
        Error::invalid("what is to be verified does not end with a backup's id")
            .with_hint("verify LOCATION/ID, or verify LOCATION ID; the id is the UUID that backup printed")
            .into()
    })
}

pub(crate) async fn verify(x: &args::Verify, format: Format, talk: &Talk) -> Result<u8> {
    let (location, id) = place(x)?;
    let v = verify_archive(location, id).await?;
    let m = v.manifest;
    talk.say(format_args!("verified {}, {} bytes in {} stored", collections(m.records), m.bytes, v.stored_bytes));
    Report::new()
        .with("id", m.id)
        .with("location", location)
        .with("format", m.format)
        .with("namespace", m.namespace)
        .with("created_at", m.created_at)
        .with("records", m.records)
        .with("bytes", m.bytes)
        .with("blake3", m.blake3)
        .with("parts", v.parts)
        .with("stored_bytes", v.stored_bytes)
        .with("compression", m.compression)
        .with("snapshot", m.snapshot)
        .print(format)?;
    Ok(0)
}
