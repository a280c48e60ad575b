//! Two open catalogs: what copy and diff work on.

use std::path::PathBuf;
use std::sync::Arc;

use proximadb_meta::core::context::CallContext;
use proximadb_meta::core::{Error, MetadataBackend, Namespace, Result};

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
        let one_store = !from.is_volatile() && place(&from) == place(&to);
        if one_store && from_namespace == to_namespace {
            return Err(Error::invalid("both arguments name one catalog in one namespace"));
        }
        Ok(Self { from, to, from_namespace, to_namespace, one_store })
    }

    /// Opens both. The second is made where it is missing, if that is what the command does.
    pub(super) async fn open(&self, makes: bool, how: &Manner) -> Result<Opened> {
        let open = |address, namespace: &Namespace, makes| {
            let (talk, stop) = (how.talk, how.stop.clone());
            Session::open(address, namespace.clone(), makes, how.format, talk, stop)
        };
        let from = open(&self.from, &self.from_namespace, false).await?;
        if self.one_store {
            let to = from.catalog.scoped(CallContext::in_namespace(self.to_namespace.clone()));
            return Ok(Opened { from, second: None, to });
        }
        match open(&self.to, &self.to_namespace, makes).await {
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

/// Where an address leads, by whatever name.
fn place(address: &Address) -> (String, PathBuf) {
    let config = address.config();
    let path = PathBuf::from(config.location());
    (config.scheme().to_owned(), path.canonicalize().unwrap_or(path))
}
