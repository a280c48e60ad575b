//! backup and restore: a namespace as a whole.

use proximadb_meta::core::Error;
use proximadb_meta::core::report::{BackupOptions, RestoreOptions};

use super::session::Session;
use crate::args::{self, Format};
use crate::exit::Result;
use crate::output::{Report, line};
use crate::stop::STOPPED;
use crate::talk::{Talk, collections};

pub(crate) async fn backup(s: &Session, location: &str) -> Result<u8> {
    let n = s.catalog.count_collections(None).await?;
    s.say(format_args!("backing up {} to {location}", collections(n)));
    let b = s.catalog.backup(location, BackupOptions::default()).await?;
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
    replace: bool,
    yes: bool,
}

impl Restore {
    pub(crate) fn new(x: args::Restore, talk: &Talk) -> Result<Self> {
        if x.replace {
            talk.require_consent(x.yes, "restore --replace", "deletes what the namespace holds")?;
        }
        Ok(Self { id: x.id, location: x.location, replace: x.replace, yes: x.yes })
    }

    /// Restores into memory and forgets it: a backup that is missing or damaged must not leave a new, empty catalog behind.
    pub(crate) async fn rehearse(&self) -> Result<()> {
        let nowhere = proximadb_meta::connect("memory://").await?;
        let rehearsed = nowhere.restore(&self.id, &self.location, RestoreOptions::default()).await;
        // Without the words of where it was rehearsed.
        let plain = |e: Error| {
            let error = Error::new(e.kind(), e.message());
            e.hint().map_or_else(|| error.clone(), |hint| error.clone().with_hint(hint))
        };
        rehearsed.map(drop).map_err(|e| plain(e).into())
    }

    pub(crate) async fn run(self, s: &Session) -> Result<u8> {
        if self.replace && !self.yes {
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
        let options = if self.replace { RestoreOptions::replacing() } else { RestoreOptions::default() };
        s.say(format_args!("restoring {} from {}", self.id, self.location));
        let r = s.catalog.restore(&self.id, &self.location, options).await?;
        if s.format.is_json() {
            Report::new().with("records", r.records).with("replaced", r.replaced).print(s.format)?;
        }
        s.say(format_args!("restored and verified {}, replaced {}", collections(r.records), r.replaced));
        Ok(0)
    }
}
