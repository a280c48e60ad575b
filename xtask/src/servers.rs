//! `cargo xtask servers`: the servers that tests need, each on a private port of the loopback and in a private directory.
//!
//! Talk goes to stderr; stdout is `export NAME='VALUE'` lines for `eval`. A server of one's own is used where its variable is
//! set; else the package managers of the machine give one. After `down` no process and no data is left, only the packages that
//! were installed for the next time, in `servers/packages` of cargo's target directory.

mod postgres;
mod process;
mod s3;
mod state;

use std::path::{Path, PathBuf};

use process::Process;
use state::State;

use crate::repo::metadata;

/// A server that tests can need.
pub(crate) struct Server {
    /// On the command line.
    name: &'static str,
    /// What it is, and of what it is a stand-in where it is one.
    what: &'static str,
    /// The variable that names a server of one's own.
    variable: &'static str,
    start: fn(&Place) -> Result<Started, String>,
}

/// Every server; the next backend adds a line and a file.
const SERVERS: &[Server] = &[
    Server { name: "s3", what: "moto, a stand-in for S3", variable: s3::VARIABLE, start: s3::start },
    Server {
        name: "postgres",
        what: "PostgreSQL, a primary and a standby",
        variable: postgres::VARIABLE,
        start: postgres::start,
    },
];

/// Where a server may put things.
struct Place {
    /// Its data and its log; gone after `down`.
    dir: PathBuf,
    /// Packages; they stay.
    packages: PathBuf,
    /// It outlives this process.
    detached: bool,
}

/// A server that runs.
struct Started {
    /// What `down` has to end.
    processes: Vec<Process>,
    /// Variables for the tests.
    exports: Vec<(String, String)>,
    /// What runs, with its version.
    version: String,
    /// Directories of it elsewhere; gone after `down` too.
    directories: Vec<PathBuf>,
}

const USAGE: &str = "servers takes up, down or status, and names; without a name it means all";

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let Some((what, names)) = arguments.split_first() else { return Err(USAGE.to_owned()) };
    let chosen = choose(names)?;
    match what.as_str() {
        "up" => {
            for server in chosen {
                let up = up(server, true)?;
                for (name, value) in &up.exports {
                    println!("export {name}={}", quoted(value));
                }
            }
            Ok(())
        }
        "down" => chosen.into_iter().try_for_each(|server| down(server.name)),
        "status" => chosen.into_iter().try_for_each(status),
        _ => Err(USAGE.to_owned()),
    }
}

fn choose(names: &[String]) -> Result<Vec<&'static Server>, String> {
    if names.is_empty() {
        return Ok(SERVERS.iter().collect());
    }
    let known = || SERVERS.iter().map(|s| s.name).collect::<Vec<_>>().join(", ");
    let find = |name: &String| SERVERS.iter().find(|s| s.name == name);
    names.iter().map(|n| find(n).ok_or_else(|| format!("there is no server {n:?}; there are: {}", known()))).collect()
}

/// Every server, as long as it is held.
pub(crate) struct Servers {
    pub(crate) exports: Vec<(String, String)>,
    /// Those that were not there before.
    mine: Vec<&'static str>,
}

impl Servers {
    /// Brings all of them up. One that cannot be is an error: what needs it must not be left out.
    pub(crate) fn up() -> Result<Self, String> {
        let mut all = Self { exports: Vec::new(), mine: Vec::new() };
        for server in SERVERS {
            let up = up(server, false)?;
            all.exports.extend(up.exports);
            if up.is_new {
                all.mine.push(server.name);
            }
        }
        Ok(all)
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        for name in &self.mine {
            if let Err(e) = down(name) {
                eprintln!("{e}");
            }
        }
    }
}

struct Up {
    exports: Vec<(String, String)>,
    is_new: bool,
}

fn up(server: &Server, detached: bool) -> Result<Up, String> {
    let (name, variable) = (server.name, server.variable);
    if let Ok(url) = std::env::var(variable) {
        eprintln!("{name}: the one that {variable} names");
        return Ok(Up { exports: vec![(variable.to_owned(), url)], is_new: false });
    }
    let root = root()?;
    let dir = root.join(name);
    if let Some(state) = State::read(&dir)? {
        if state.runs() {
            eprintln!("{name}: {} runs already", state.version);
            return Ok(Up { exports: state.exports, is_new: false });
        }
        // It ended without being told to.
        state.end(&dir)?;
    }
    eprintln!("{name}: starting {}", server.what);
    process::private_directory(&dir)?;
    let place = Place { dir: dir.clone(), packages: root.join("packages"), detached };
    let Started { processes, exports, version, directories } = (server.start)(&place).map_err(|e| {
        let e = format!("{name} cannot be started: {e}\nset {variable} to use a server of your own");
        let _ = std::fs::remove_dir_all(&dir);
        e
    })?;
    eprintln!("{name}: {version}");
    let state = State { processes, exports, version, directories };
    if let Err(e) = state.write(&dir) {
        // Nobody would find it again.
        return Err(match state.end(&dir) {
            Ok(()) => e,
            Err(left) => format!("{e}; and {left}"),
        });
    }
    Ok(Up { exports: state.exports, is_new: true })
}

fn down(name: &str) -> Result<(), String> {
    let dir = root()?.join(name);
    match State::read(&dir)? {
        Some(state) => {
            state.end(&dir)?;
            eprintln!("{name}: down");
        }
        None => eprintln!("{name}: was not up"),
    }
    Ok(())
}

fn status(server: &Server) -> Result<(), String> {
    let words = match (std::env::var(server.variable), State::read(&root()?.join(server.name))?) {
        (Ok(_), _) => format!("the one that {} names", server.variable),
        (_, Some(state)) if state.runs() => format!("up, {}", state.version),
        (_, Some(_)) => "ended by itself; servers down removes what it left".to_owned(),
        (_, None) => "down".to_owned(),
    };
    println!("{}: {words}", server.name);
    Ok(())
}

/// Outside of the repository's files, beside the build.
fn root() -> Result<PathBuf, String> {
    Ok(Path::new(metadata()?.target_directory.as_str()).join("servers"))
}

/// A word for a shell.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_and_values_quoted() {
        assert_eq!(choose(&[]).unwrap().len(), SERVERS.len());
        assert_eq!(choose(&["s3".to_owned()]).unwrap().len(), 1);
        assert!(choose(&["s4".to_owned()]).is_err_and(|e| e.contains("s3")));
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert!(run(&[]).is_err() && run(&["sideways".to_owned()]).is_err());
    }

    #[test]
    fn every_server_has_a_variable_that_overrides_it() {
        for server in SERVERS {
            assert_eq!(server.variable, format!("PXMETA_TEST_{}_URL", server.name.to_uppercase()));
        }
    }
}
