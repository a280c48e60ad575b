//! File systems of our own: images on loop devices and small tmpfs, and what a machine must have for them. Whatever was mounted
//! is unmounted again, also after a failure.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::failure::{At as _, Failure, Outcome};
use crate::system;

/// Length of an image: the least that XFS takes.
const IMAGE_BYTES: u64 = 300 * 1024 * 1024;

/// How often a busy mount is tried again.
const BUSY: u32 = 20;

/// A kind of file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileSystem {
    /// XFS.
    Xfs,
    /// ext4.
    Ext4,
}

impl FileSystem {
    /// `xfs`, `ext4`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Xfs => "xfs",
            Self::Ext4 => "ext4",
        }
    }

    fn package(self) -> &'static str {
        match self {
            Self::Xfs => "xfsprogs",
            Self::Ext4 => "e2fsprogs",
        }
    }

    /// The options with which mkfs asks nothing and says nothing.
    fn quiet(self) -> [&'static str; 2] {
        match self {
            Self::Xfs => ["-q", "-f"],
            Self::Ext4 => ["-q", "-F"],
        }
    }
}

/// The right to mount, in a mount table that ends with this process.
#[derive(Clone, Copy, Debug)]
pub struct Mounts(());

impl Mounts {
    /// Takes it. To be called before any other thread runs.
    ///
    /// # Errors
    /// The reason why nothing can be mounted here.
    pub fn take() -> Result<Self, String> {
        if !cfg!(target_os = "linux") {
            return Err("needs Linux".to_owned());
        }
        let id = run("id", &["-u".as_ref()]).map_err(|e| e.to_string())?;
        if id.trim() != "0" {
            return Err("needs root, to mount file systems of its own".to_owned());
        }
        system::private_mounts().map_err(|e| format!("needs the right to mount (CAP_SYS_ADMIN): {e}"))?;
        // Without this, what is mounted here would show up everywhere.
        let private = run("mount", &["--make-rprivate".as_ref(), "/".as_ref()]);
        private.map(|_| Self(())).map_err(|e| format!("needs the right to mount: {e}"))
    }

    /// What is missing for images of a file system.
    ///
    /// # Errors
    /// The reason.
    pub fn images(self, kind: FileSystem) -> Result<(), String> {
        let mkfs = format!("mkfs.{}", kind.name());
        if Command::new(&mkfs).arg("-V").output().is_err() {
            return Err(format!("needs {mkfs}: apt-get install -y {}", kind.package()));
        }
        if !Path::new("/dev/loop-control").exists() {
            return Err("needs loop devices (/dev/loop-control)".to_owned());
        }
        let known = || std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
        let here = |text: String| text.lines().any(|l| l.split_whitespace().last() == Some(kind.name()));
        // It may be a module that nobody asked for yet; whether that worked is what the list says.
        if !here(known()) && (Command::new("modprobe").arg(kind.name()).output().is_err() || !here(known())) {
            return Err(format!("needs a kernel with {}", kind.name()));
        }
        Ok(())
    }
}

/// A file system in an image, mounted.
#[derive(Debug)]
pub struct Image {
    kind: FileSystem,
    image: PathBuf,
    mount: Mount,
    _home: TempDir,
}

impl Image {
    /// Makes and mounts one.
    ///
    /// # Errors
    /// What the programs said.
    pub fn new(_right: Mounts, kind: FileSystem) -> Outcome<Self> {
        let home = tempfile::tempdir()?;
        let (image, point) = (home.path().join("image"), home.path().join("mount"));
        File::create_new(&image)?.set_len(IMAGE_BYTES)?;
        std::fs::create_dir(&point)?;
        let mut arguments: Vec<&std::ffi::OsStr> = kind.quiet().map(AsRef::as_ref).to_vec();
        arguments.push(image.as_ref());
        run(&format!("mkfs.{}", kind.name()), &arguments)?;
        let made = Self { kind, image, mount: Mount { point, mounted: false }, _home: home };
        made.mounted()
    }

    fn mounted(mut self) -> Outcome<Self> {
        self.attach()?;
        Ok(self)
    }

    fn attach(&mut self) -> Outcome {
        let (kind, image, point) = (self.kind.name(), self.image.as_ref(), self.mount.point.as_ref());
        run("mount", &["-t".as_ref(), kind.as_ref(), "-o".as_ref(), "loop".as_ref(), image, point])?;
        self.mount.mounted = true;
        Ok(())
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.mount.point
    }

    /// Cuts the power: nothing that was not synced is written any more, and everything that follows fails.
    ///
    /// # Errors
    /// What the system said.
    pub fn cut(&self) -> Outcome {
        system::shut_down(&self.mount.point).at("cut the power")
    }

    /// Power again: unmounts and mounts what is left. Nobody may have a file open.
    ///
    /// # Errors
    /// What the programs said.
    pub fn restart(&mut self) -> Outcome {
        self.mount.detach()?;
        self.attach()
    }
}

/// A small file system in memory.
#[derive(Debug)]
pub struct Tmpfs {
    mount: Mount,
    _home: TempDir,
}

impl Tmpfs {
    /// One of so many bytes.
    ///
    /// # Errors
    /// What the programs said.
    pub fn new(_right: Mounts, bytes: u64) -> Outcome<Self> {
        let home = tempfile::tempdir()?;
        let mut mount = Mount { point: home.path().join("mount"), mounted: false };
        std::fs::create_dir(&mount.point)?;
        let size = format!("size={bytes}");
        let words = ["-t", "tmpfs", "-o", &size, "tmpfs"];
        let mut arguments: Vec<&std::ffi::OsStr> = words.iter().map(AsRef::as_ref).collect();
        arguments.push(mount.point.as_ref());
        run("mount", &arguments)?;
        mount.mounted = true;
        Ok(Self { mount, _home: home })
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.mount.point
    }
}

#[derive(Debug)]
struct Mount {
    point: PathBuf,
    mounted: bool,
}

impl Mount {
    fn detach(&mut self) -> Outcome {
        // A process that another thread starts has a copy of every open file for a moment: then the mount is busy.
        let mut last = Ok(());
        for _ in 0..BUSY {
            last = run("umount", &[self.point.as_ref()]).map(drop);
            if last.is_ok() {
                self.mounted = false;
                break;
            }
        }
        last
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if self.mounted && self.detach().is_err() {
            // Somebody still has a file open: it goes when that is closed, at the latest with this process.
            let _ = run("umount", &["-l".as_ref(), self.point.as_ref()]);
        }
    }
}

/// Runs a program and gives back what it printed.
fn run(program: &str, arguments: &[&std::ffi::OsStr]) -> Outcome<String> {
    let output = Command::new(program).args(arguments).output().at(program)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Failure::new(format!("{program} {arguments:?}: {}: {said}", output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
