//! The commands: what can be refused without a catalog is refused first, then it is opened, used and closed.

mod archive;
mod backends;
mod create;
mod demo;
mod export;
mod get;
mod import;
mod inspect;
mod ls;
mod rm;
mod session;
mod set;
mod version;
mod wal;

use proximadb_meta::archive::check_location;
use proximadb_meta::core::{Error, Filter};

use crate::address::Address;
use crate::args::{Args, Command, Format};
use crate::exit::Result;
use crate::stop::{STOPPED, Stop};
use crate::talk::Talk;
use session::Session;

/// A command whose arguments were checked.
enum Job {
    Import(import::Import),
    Export(export::Export),
    Ls(ls::Ls),
    Get(get::Get),
    Create(create::Create),
    Set(set::Set),
    Rm(rm::Rm),
    Count(Option<Filter>),
    Stats,
    Health,
    Explain(Filter),
    Backup(String),
    Restore(archive::Restore),
}

/// What a command leaves behind.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// Nothing: it can be dropped at any time, and it must not make a catalog.
    Reads,
    /// Changes to a catalog that is there.
    Changes,
    /// A catalog, where there was none.
    Makes,
}

impl Job {
    fn effect(&self) -> Effect {
        match self {
            Self::Import(_) | Self::Create(_) | Self::Restore(_) => Effect::Makes,
            Self::Set(_) | Self::Rm(_) => Effect::Changes,
            // What cannot be divided completes.
            Self::Backup(_) => Effect::Changes,
            _ => Effect::Reads,
        }
    }

    async fn run(self, s: &Session) -> Result<u8> {
        match self {
            Self::Import(x) => x.run(s).await,
            Self::Export(x) => x.run(s).await,
            Self::Ls(x) => x.run(s).await,
            Self::Get(x) => x.run(s).await,
            Self::Create(x) => x.run(s).await,
            Self::Set(x) => x.run(s).await,
            Self::Rm(x) => x.run(s).await,
            Self::Count(filter) => inspect::count(s, filter).await,
            Self::Stats => inspect::stats(s).await,
            Self::Health => inspect::health(s).await,
            Self::Explain(filter) => inspect::explain(s, filter).await,
            Self::Backup(location) => archive::backup(s, &location).await,
            Self::Restore(x) => x.run(s).await,
        }
    }
}

pub(crate) async fn run(args: Args, talk: Talk) -> Result<u8> {
    let format = format(&args)?;
    let stop =
        Stop::listen(talk).map_err(|e| crate::exit::Failure::Io("the signals cannot be taken over".to_owned(), e))?;
    let job = match args.command {
        Command::Demo(x) => return demo::run(&x, &stop),
        Command::Wal(x) => return wal::run(&x.what, format),
        Command::Verify(x) => {
            return tokio::select! {
                result = archive::verify(&x, format, &talk) => result,
                () = stop.requested() => Ok(STOPPED),
            };
        }
        Command::Version => return version::run(format),
        Command::Backends => return backends::run(format),
        Command::Import(x) => Job::Import(import::Import::new(&x)?),
        Command::Export(x) => Job::Export(export::Export::new(x)?),
        Command::Ls(x) => Job::Ls(ls::Ls::new(&x)?),
        Command::Get(x) => Job::Get(get::Get::new(x)),
        Command::Create(x) => Job::Create(create::Create::new(x)?),
        Command::Set(x) => Job::Set(set::Set::new(x)?),
        Command::Rm(x) => Job::Rm(rm::Rm::new(x, &talk)?),
        Command::Count(x) => Job::Count(filter(x.filter.as_deref())?),
        Command::Stats => Job::Stats,
        Command::Health => Job::Health,
        Command::Explain(x) => Job::Explain(Filter::parse(&x.filter)?),
        Command::Backup(x) => {
            check_location(&x.location)?;
            Job::Backup(x.location)
        }
        Command::Restore(x) => Job::Restore(archive::Restore::new(x, &talk)?),
    };
    let address = Address::resolve(args.global.uri.as_deref(), args.global.config_file.as_deref())?;
    let namespace = address.namespace(args.global.namespace.as_deref())?;
    let effect = job.effect();
    let is_health = matches!(job, Job::Health);
    let session = tokio::select! {
        opened = Session::open(&address, namespace, effect == Effect::Makes, format, talk, stop.clone()) => opened,
        () = stop.requested() => return Ok(STOPPED),
    };
    let session = match session {
        // Whether it can be opened is what health is asked.
        Err(e) if is_health => return inspect::down(format, &e),
        other => other?,
    };
    let result = if effect == Effect::Reads {
        tokio::select! {
            result = job.run(&session) => result,
            () = stop.requested() => Ok(STOPPED),
        }
    } else {
        job.run(&session).await
    };
    let closed = session.close().await;
    let code = result?;
    closed?;
    Ok(code)
}

/// The format asked for, if the command has it; its default if none is asked for.
fn format(args: &Args) -> Result<Format> {
    let known = args.command.formats();
    let default = known.first().copied().unwrap_or(Format::Table);
    let asked = args.global.output.unwrap_or(default);
    if known.contains(&asked) {
        return Ok(asked);
    }
    let list: Vec<&str> = known.iter().map(|f| f.as_str()).collect();
    Err(Error::invalid(format!("{} has no format {}", args.command.name(), asked.as_str()))
        .with_hint(format!("it has: {}", list.join(", ")))
        .into())
}

fn filter(text: Option<&str>) -> Result<Option<Filter>> {
    Ok(text.map(Filter::parse).transpose()?)
}
