//! Two open catalogs: what copy and diff work on.

use std::path::PathBuf;
use std::sync::Arc;

use proximadb_meta::core::config::OptionValue;
use proximadb_meta::core::context::CallContext;
use proximadb_meta::core::{Error, MetadataBackend, MetadataBackendType, Namespace, Result};

use super::session::Session;
use crate::address::Address;
use crate::args::{Format, Global};
use crate::stop::Stop;
use crate::talk::Talk;

/// Two addresses with their namespaces, checked and not yet opened.
pub(super) struct Pair {
    pub(super) from: Address,
    pub(super) to: Address,
    pub(super) from_namespace: Namespace,
    pub(super) to_namespace: Namespace,
    one_store: bool,
}

/// What both are opened with.
#[derive(Clone)]
pub(super) struct Manner {
    pub(super) format: Format,
    pub(super) talk: Talk,
    pub(super) stop: Stop,
}

/// Two open catalogs. The second may be another namespace of the first one's store.
pub(super) struct Opened {
    pub(super) from: Session,
    second: Option<Session>,
    pub(super) to: Arc<dyn MetadataBackend>,
}

impl Pair {
    /// Resolves both URIs. `to_namespace`: the second's where it is not the first's.
    pub(super) fn new(from: &str, to: &str, to_namespace: Option<&str>, global: &Global) -> Result<Self> {
        if global.uri.is_some() || global.config_file.is_some() {
            return Err(Error::invalid("--uri and --config-file name one catalog; this command takes two")
                .with_hint("give both URIs as arguments"));
        }
        let (from, to) = (Address::resolve(Some(from), None)?, Address::resolve(Some(to), None)?);
        let asked = global.namespace.as_deref();
        let (from_namespace, to_namespace) = (from.namespace(asked)?, to.namespace(to_namespace.or(asked))?);
        let one_store = !from.is_ephemeral() && place(&from) == place(&to);
        if one_store && from_namespace == to_namespace {
            return Err(Error::invalid("both arguments name one catalog in one namespace"));
        }
        Ok(Self { from, to, from_namespace, to_namespace, one_store })
    }

    /// Opens both for a plan: a second catalog that is not there is an empty one, and is not made.
    pub(super) async fn open_to_plan(&self, how: &Manner) -> Result<Opened> {
        if self.one_store || !self.to.would_be_new().await? {
            return self.open(false, how).await;
        }
        let from = self.first(how).await?;
        Ok(Opened { from, second: None, to: proximadb_meta::connect("memory://").await? })
    }

    async fn first(&self, how: &Manner) -> Result<Session> {
        Session::open(&self.from, self.from_namespace.clone(), false, how.format, how.talk, how.stop.clone()).await
    }

    /// Opens both. The second is made where it is missing, if that is what the command does.
    pub(super) async fn open(&self, makes: bool, how: &Manner) -> Result<Opened> {
        let from = self.first(how).await?;
        if self.one_store {
            let to = from.catalog.scoped(CallContext::in_namespace(self.to_namespace.clone()));
            return Ok(Opened { from, second: None, to });
        }
        let (talk, stop) = (how.talk, how.stop.clone());
        match Session::open(&self.to, self.to_namespace.clone(), makes, how.format, talk, stop).await {
            Ok(second) => Ok(Opened { from, to: second.catalog.clone(), second: Some(second) }),
            Err(e) => {
                from.close().await?;
                Err(e)
            }
        }
    }
}

impl Opened {
    /// Closes both, and gives the first error.
    pub(super) async fn close(self) -> Result<()> {
        let first = self.from.close().await;
        match self.second {
            Some(second) => first.and(second.close().await),
            None => first,
        }
    }
}

/// Where an address leads, by whatever scheme and name.
fn place(address: &Address) -> (MetadataBackendType, PathBuf, Vec<Option<&OptionValue>>) {
    let config = address.config();
    let location = PathBuf::from(config.location());
    let canonical = if address.is_path() { location.canonicalize().ok() } else { None };
    (config.backend_type().clone(), canonical.unwrap_or(location), address.locating_options())
}
