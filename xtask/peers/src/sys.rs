//! What the standard library does not offer: the kind of a file system, flushing it, a short scheduler slice, leaving at once.

#![allow(unsafe_code)]

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

/// File systems that keep nothing: `statfs(2)` lists the numbers.
const IN_MEMORY: [(u64, &str); 2] = [(0x0102_1994, "tmpfs"), (0x8584_58f6, "ramfs")];

/// The name of the file system of a directory, if it keeps nothing: a sync there means nothing.
pub(crate) fn in_memory(dir: &Path) -> Result<Option<&'static str>> {
    let path = CString::new(dir.as_os_str().as_bytes())?;
    let mut found = std::mem::MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: the path ends with 0, and the struct is filled where 0 is returned.
    let kind = unsafe {
        if libc::statfs(path.as_ptr(), found.as_mut_ptr()) != 0 {
            return Err(io::Error::last_os_error()).with_context(|| dir.display().to_string());
        }
        found.assume_init().f_type as u64
    };
    Ok(IN_MEMORY.iter().find(|(number, _)| *number == kind).map(|(_, name)| *name))
}

/// Writes out what the file system of a directory still holds back, so that no engine pays for the one before it.
pub(crate) fn flush(dir: &Path) -> Result<()> {
    let handle = File::open(dir)?;
    // SAFETY: the descriptor is open.
    let done = unsafe { libc::syncfs(handle.as_raw_fd()) };
    ensure!(done == 0, "syncfs: {}", io::Error::last_os_error());
    Ok(())
}

/// Ends the process as a crash does: nothing is closed, nothing is dropped.
pub(crate) fn leave() -> ! {
    // SAFETY: always.
    unsafe { libc::_exit(0) }
}

/// The attributes of `sched_setattr(2)`, version 0.
#[repr(C)]
struct SchedulerAttributes {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    /// Nanoseconds.
    runtime: u64,
    deadline: u64,
    period: u64,
}

/// Asks for a slice of 0.1 ms at normal priority, for this thread and those it starts (Linux 6.12 or newer): after each sync
/// the process runs again at once and does not wait for the end of a neighbour's slice of 4 ms. It gets no larger share.
pub(crate) fn short_slice() -> io::Result<()> {
    let attributes = SchedulerAttributes {
        size: size_of::<SchedulerAttributes>() as u32,
        policy: 0,
        flags: 0,
        nice: 0,
        priority: 0,
        runtime: 100_000,
        deadline: 0,
        period: 0,
    };
    // SAFETY: the struct has the size that it says.
    let done = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
