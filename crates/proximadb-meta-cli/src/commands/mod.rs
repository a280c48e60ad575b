//! The commands.

mod demo;
mod edit;
mod import;
mod inspect;
mod list;

use std::sync::Arc;

use proximadb_meta::core::context::CallContext;
use proximadb_meta::core::{Error, ErrorKind, Filter, MetadataBackend, Namespace};

use crate::args::{Args, Command};
use crate::exit::Result;
use crate::output::line;

/// A connected catalog, bound to the namespace.
pub(crate) struct Session {
    pub(crate) args: Args,
    pub(crate) catalog: Arc<dyn MetadataBackend>,
}

impl Session {
    /// Talk: on stderr, unless it is not wanted.
    pub(crate) fn say(&self, text: impl std::fmt::Display) {
        if !self.args.quiet {
            eprintln!("{text}");
        }
    }
}

/// A reading command must not make an empty store where somebody mistyped a path.
fn refuse_missing_store(args: &Args) -> Result<()> {
    let writes = matches!(args.command, Command::Import { .. } | Command::Create { .. } | Command::Restore { .. });
    match args.uri.strip_prefix("file://") {
        Some(path) if !writes && !path.is_empty() && !std::path::Path::new(path).exists() => {
            Err(Error::new(ErrorKind::NotFound, format!("there is no catalog at {path}"))
                .with_hint("import, create and restore make one; --uri or PXMETA_URI names another")
                .into())
        }
        _ => Ok(()),
    }
}

fn filter(text: Option<&str>) -> Result<Option<Filter>> {
    Ok(text.map(Filter::parse).transpose()?)
}

pub(crate) async fn run(args: Args) -> Result<u8> {
    match &args.command {
        Command::Demo { count, seed, catalog } => return demo::run(*count, *seed, catalog.as_deref()).map(|()| 0),
        Command::Version => return line(format!("pxmeta {}", env!("CARGO_PKG_VERSION"))).map(|()| 0),
        Command::Backends => {
            for scheme in proximadb_meta::install()?.schemes() {
                line(format!("{scheme}://"))?;
            }
            return Ok(0);
        }
        _ => {}
    }
    let namespace = Namespace::new(&args.namespace)?;
    refuse_missing_store(&args)?;
    let backend = match proximadb_meta::connect(&args.uri).await {
        // Not reachable is what health is asked about.
        Err(e) if matches!(args.command, Command::Health) => return inspect::down(&e),
        other => other?,
    };
    let session = Session { catalog: backend.scoped(CallContext::in_namespace(namespace)), args };
    let result = dispatch(&session).await;
    let closed = backend.close().await;
    let code = result?;
    closed?;
    Ok(code)
}

async fn dispatch(s: &Session) -> Result<u8> {
    match &s.args.command {
        Command::Import { file, on_conflict, ack } => import::run(s, file, *on_conflict, *ack).await,
        Command::Export { file } => list::export(s, file.as_deref()).await,
        Command::Ls { filter: f, order_by, limit, after } => {
            list::ls(s, filter(f.as_deref())?, order_by, *limit, after.as_deref()).await
        }
        Command::Get { id, name } => list::get(s, id.as_deref(), name.as_deref()).await,
        Command::Count { filter: f } => list::count(s, filter(f.as_deref())?).await,
        Command::Explain { filter: f } => inspect::explain(s, Filter::parse(f)?).await,
        Command::Create { .. } => edit::create(s).await,
        Command::Set { id, changes } => edit::set(s, id, changes).await,
        Command::Rm { ids, filter: f, .. } => edit::rm(s, ids, filter(f.as_deref())?).await,
        Command::Stats => inspect::stats(s).await,
        Command::Health => inspect::health(s).await,
        Command::Backup { location } => inspect::backup(s, location).await,
        Command::Restore { id, location, replace } => inspect::restore(s, id, location, *replace).await,
        Command::Demo { .. } | Command::Version | Command::Backends => Ok(0),
    }
}
