//! What is known of a server that was started, in the file `state` of its directory.

use std::path::{Path, PathBuf};

use super::process::Process;

const FILE: &str = "state";

/// A server that was started.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) processes: Vec<Process>,
    pub(super) exports: Vec<(String, String)>,
    pub(super) version: String,
    pub(super) directories: Vec<PathBuf>,
}

impl State {
    /// What was written; `None` where nothing is.
    pub(super) fn read(dir: &Path) -> Result<Option<Self>, String> {
        let path = dir.join(FILE);
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                parse(&text).map(Some).ok_or_else(|| format!("{} is not understood; remove it", path.display()))
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(format!("{}: {e}", path.display())),
        }
    }

    pub(super) fn write(&self, dir: &Path) -> Result<(), String> {
        crate::repo::write(&dir.join(FILE), &self.text())
    }

    fn text(&self) -> String {
        let mut text = format!("version {}\n", self.version);
        for p in &self.processes {
            text.push_str(&format!("process {} {}\n", p.pid, p.marker));
        }
        for directory in &self.directories {
            text.push_str(&format!("directory {}\n", directory.display()));
        }
        for (name, value) in &self.exports {
            text.push_str(&format!("export {name} {value}\n"));
        }
        text
    }

    pub(super) fn runs(&self) -> bool {
        self.processes.iter().all(Process::runs)
    }

    /// Ends its processes, the last one first, and removes its directories.
    pub(super) fn end(&self, dir: &Path) -> Result<(), String> {
        self.processes.iter().rev().try_for_each(Process::end)?;
        for dir in self.directories.iter().map(PathBuf::as_path).chain([dir]) {
            match std::fs::remove_dir_all(dir) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(format!("{}: {e}", dir.display())),
                _ => {}
            }
        }
        Ok(())
    }
}

fn parse(text: &str) -> Option<State> {
    let mut state =
        State { processes: Vec::new(), exports: Vec::new(), version: String::new(), directories: Vec::new() };
    for line in text.lines() {
        let (kind, rest) = line.split_once(' ')?;
        match kind {
            "version" => state.version = rest.to_owned(),
            "directory" => state.directories.push(rest.into()),
            "process" => {
                let (pid, marker) = rest.split_once(' ')?;
                state.processes.push(Process { pid: pid.parse().ok()?, marker: marker.to_owned() });
            }
            "export" => {
                let (name, value) = rest.split_once(' ')?;
                state.exports.push((name.to_owned(), value.to_owned()));
            }
            _ => return None,
        }
    }
    Some(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let state = State {
            processes: vec![Process { pid: 7, marker: "a b".to_owned() }],
            exports: vec![("NAME".to_owned(), "http://x:y@127.0.0.1:1/z z".to_owned())],
            version: "moto 5.2.5".to_owned(),
            directories: vec!["a directory/of spaces".into()],
        };
        assert_eq!(parse(&state.text()), Some(state));
        assert_eq!(parse("proces 7 x\n"), None);
    }
}
