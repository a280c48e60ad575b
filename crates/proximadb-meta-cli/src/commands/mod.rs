//! The commands: what can be refused without a catalog is refused first, then it is opened, used and closed.

mod archive;
mod backends;
mod completions;
mod copy;
mod create;
mod demo;
mod diff;
mod digest;
mod doctor;
mod export;
mod get;
mod import;
mod inspect;
mod ls;
mod pair;
mod rm;
mod schema;
mod search;
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
use pair::Manner;
use session::Session;

/// A command whose arguments were checked.
enum Job {
    Import(import::Import),
    Export(export::Export),
    Ls(ls::Ls),
    Search(search::Search),
    Get(get::Get),
    Create(create::Create),
    Set(set::Set),
    Rm(rm::Rm),
    Count(Option<Filter>),
    Stats,
    Health,
    Explain(Filter),
    Maintain,
    /// Where to, and whether in the store's own format.
    Backup(String, bool),
    Restore(archive::Restore),
    Digest(u8),
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
            Self::Set(_) | Self::Rm(_) | Self::Maintain => Effect::Changes,
            // What cannot be divided completes.
            Self::Backup(..) => Effect::Changes,
            _ => Effect::Reads,
        }
    }

    async fn run(self, s: &Session) -> Result<u8> {
        match self {
            Self::Import(x) => x.run(s).await,
            Self::Export(x) => x.run(s).await,
            Self::Ls(x) => x.run(s).await,
            Self::Search(x) => x.run(s).await,
            Self::Get(x) => x.run(s).await,
            Self::Create(x) => x.run(s).await,
            Self::Set(x) => x.run(s).await,
            Self::Rm(x) => x.run(s).await,
            Self::Count(filter) => inspect::count(s, filter).await,
            Self::Stats => inspect::stats(s).await,
            Self::Health => inspect::health(s).await,
            Self::Explain(filter) => inspect::explain(s, filter).await,
            Self::Maintain => inspect::maintain(s).await,
            Self::Backup(location, native) => archive::backup(s, &location, native).await,
            Self::Restore(x) => x.run(s).await,
            Self::Digest(depth) => digest::run(s, depth).await,
        }
    }
}

pub(crate) async fn run(args: Args, talk: Talk) -> Result<u8> {
    let format = format(&args)?;
    let stop =
        Stop::listen(talk).map_err(|e| crate::exit::Failure::Io("the signals cannot be taken over".to_owned(), e))?;
    let global = args.global;
    let place = || -> Result<_> {
        let address = Address::resolve(global.uri.as_deref(), global.config_file.as_deref())?;
        let namespace = address.namespace(global.namespace.as_deref())?;
        Ok((address, namespace))
    };
    let job = match args.command {
        Command::Demo(x) => return demo::run(&x, &stop),
        Command::Wal(x) => return wal::run(&x.what, format),
        Command::Completions(x) => return completions::run(&x),
        Command::Schema(x) => return schema::run(&x.what, &place()?.0, format, &talk, &stop).await,
        Command::Doctor => {
            let (address, namespace) = place()?;
            return tokio::select! {
                result = doctor::run(&address, namespace, format, talk, stop.clone()) => result,
                () = stop.requested() => Ok(STOPPED),
            };
        }
        Command::Verify(x) => {
            return tokio::select! {
                result = archive::verify(&x, format, &talk) => result,
                () = stop.requested() => Ok(STOPPED),
            };
        }
        Command::Version => return version::run(format),
        Command::Backends => return backends::run(format),
        Command::Copy(x) => return copy::Copy::new(x, &global)?.run(&Manner { format, talk, stop }).await,
        Command::Diff(x) => return diff::Diff::new(&x, &global)?.run(&Manner { format, talk, stop }).await,
        Command::Digest(x) => Job::Digest(x.depth),
        Command::Import(x) => Job::Import(import::Import::new(&x)?),
        Command::Export(x) => Job::Export(export::Export::new(x)?),
        Command::Ls(x) => Job::Ls(ls::Ls::new(&x)?),
        Command::Search(x) => Job::Search(search::Search::new(&x)?),
        Command::Get(x) => Job::Get(get::Get::new(x)),
        Command::Create(x) => Job::Create(create::Create::new(x)?),
        Command::Set(x) => Job::Set(set::Set::new(x)?),
        Command::Rm(x) => Job::Rm(rm::Rm::new(x, &talk)?),
        Command::Count(x) => Job::Count(filter(x.filter.as_deref())?),
        Command::Stats => Job::Stats,
        Command::Health => Job::Health,
        Command::Explain(x) => Job::Explain(Filter::parse(&x.filter)?),
        Command::Maintain => Job::Maintain,
        Command::Backup(x) => {
            check_location(&x.location)?;
            Job::Backup(x.location, x.native)
        }
        Command::Restore(x) => Job::Restore(archive::Restore::new(x, &talk)?),
    };
    let (address, namespace) = place()?;
    if let Job::Restore(x) = &job
        && address.would_be_new().await?
    {
        tokio::select! {
            rehearsed = x.rehearse(address.may_have_own_backups()) => rehearsed?,
            () = stop.requested() => return Ok(STOPPED),
        }
    }
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
    let has_yaml = known.contains(&Format::Json);
    if known.contains(&asked) || (asked == Format::Yaml && has_yaml) {
        return Ok(asked);
    }
    let known = known.iter().copied().chain(has_yaml.then_some(Format::Yaml));
    let list: Vec<&str> = known.map(Format::as_str).collect();
    Err(Error::invalid(format!("{} has no format {}", args.command.name(), asked.as_str()))
        .with_hint(format!("it has: {}", list.join(", ")))
        .into())
}

fn filter(text: Option<&str>) -> Result<Option<Filter>> {
    Ok(text.map(Filter::parse).transpose()?)
}
