//! Whom the server runs as: the caller, or for root, as whom PostgreSQL does not run, the user `postgres`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::servers::process::{output, private_directory};

const OTHER: &str = "postgres";

/// The owner of the server's files.
pub(super) struct Owner {
    is_other: bool,
}

impl Owner {
    pub(super) fn new() -> Result<Self, String> {
        Ok(Self { is_other: output(Command::new("id").arg("-u"))? == "0" })
    }

    /// A directory that the owner reaches: `dir`, or one of its own below the system's place for such.
    pub(super) fn home(&self, dir: &Path) -> Result<PathBuf, String> {
        if !self.is_other {
            return Ok(dir.to_owned());
        }
        let home = std::env::temp_dir().join(format!("pxmeta-postgres-{}", std::process::id()));
        private_directory(&home)?;
        self.give(&home)?;
        Ok(home)
    }

    /// Makes what is there the owner's.
    pub(super) fn give(&self, path: &Path) -> Result<(), String> {
        if self.is_other {
            output(Command::new("chown").args(["-R", &format!("{OTHER}:{OTHER}")]).arg(path))?;
        }
        Ok(())
    }

    /// A command of the owner.
    pub(super) fn run(&self, program: &Path) -> Command {
        if !self.is_other {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command.args([&format!("--reuid={OTHER}"), &format!("--regid={OTHER}"), "--init-groups"]).arg(program);
        // Directories of root's own would not be reached.
        command.current_dir("/").env("HOME", "/");
        command
    }
}
