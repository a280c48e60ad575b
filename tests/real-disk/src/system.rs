//! The two system calls that have no safe form: shutting a file system down, and a mount table of one's own.
#![cfg_attr(
    target_os = "linux",
    allow(unsafe_code, reason = "an ioctl and unshare; each is argued where it is called")
)]

#[cfg(target_os = "linux")]
pub(crate) use linux::{private_mounts, shut_down};

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::io;
    use std::os::linux::fs::MetadataExt as _;
    use std::path::Path;

    use rustix::ioctl::{Opcode, Setter, ioctl};
    use rustix::thread::{UnshareFlags, unshare_unsafe};

    /// `XFS_IOC_GOINGDOWN` and `EXT4_IOC_SHUTDOWN`: the same number, `_IOR('X', 125, __u32)`.
    const GOING_DOWN: Opcode = 0x8004_587d;
    /// Nothing more is written, not even the file system's own log.
    const NO_LOG_FLUSH: u32 = 2;
    /// The major number of loop devices.
    const LOOP_MAJOR: u64 = 7;

    /// Cuts the power of the file system mounted at `mount`: what was not synced is lost.
    ///
    /// # Errors
    /// What the system said; refused for anything but a loop device, so that no mistake shuts the machine's own disk down.
    pub(crate) fn shut_down(mount: &Path) -> io::Result<()> {
        let directory = File::open(mount)?;
        let device = directory.metadata()?.st_dev();
        if (device >> 8) & 0xfff != LOOP_MAJOR {
            let what = format!("{} is not on a loop device: it is not shut down", mount.display());
            return Err(io::Error::other(what));
        }
        // SAFETY: both file systems read one u32 from the pointer, which is what `Setter` passes.
        let done = unsafe { ioctl(&directory, Setter::<GOING_DOWN, u32>::new(NO_LOG_FLUSH)) };
        Ok(done?)
    }

    /// Gives the calling thread, and those it starts, a mount table of their own: it ends with the process, however that ends.
    ///
    /// # Errors
    /// What the system said: `PermissionDenied` without the right to mount.
    pub(crate) fn private_mounts() -> io::Result<()> {
        // SAFETY: NEWNS does not touch the table of open files, which is what makes the call unsafe.
        let done = unsafe { unshare_unsafe(UnshareFlags::NEWNS) };
        Ok(done?)
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use std::io;
    use std::path::Path;

    pub(crate) fn shut_down(_mount: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn private_mounts() -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) use other::{private_mounts, shut_down};
