//! Kills a process with all that it started.

use std::io;
use std::process::Child;

/// Kills the process and what it started, at once and without asking (`kill -9`), and returns when all of them are gone.
///
/// What left the tree before (a daemon, whose parent ended) is not found. Off Linux only the process itself is killed.
pub(super) fn kill(child: &mut Child) -> io::Result<()> {
    if child.try_wait()?.is_some() {
        return Ok(());
    }
    #[cfg(target_os = "linux")]
    descendants::kill(child.id())?;
    child.kill()?;
    child.wait()?;
    Ok(())
}

#[cfg(target_os = "linux")]
mod descendants {
    use std::collections::BTreeMap;
    use std::os::fd::OwnedFd;
    use std::{fs, io};

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::{Errno, retry_on_intr};
    use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

    /// Longest wait for one process to be gone, in seconds: a kill is a matter of microseconds, except in a stuck disk.
    const GONE_WITHIN: i64 = 10;

    /// Kills what `root` started, and waits until it is gone. `root` is stopped, for its parent to kill.
    ///
    /// Each is stopped when it is found, so that it starts no more; found again and again until there is nothing new.
    pub(super) fn kill(root: u32) -> io::Result<()> {
        let mut known: BTreeMap<u32, Option<OwnedFd>> = BTreeMap::new();
        known.insert(root, stop(root)?);
        loop {
            let mut new = Vec::new();
            for entry in fs::read_dir("/proc")? {
                let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
                if !known.contains_key(&pid) && parent(pid).is_some_and(|parent| known.contains_key(&parent)) {
                    new.push(pid);
                }
            }
            if new.is_empty() {
                break;
            }
            for pid in new {
                known.insert(pid, stop(pid)?);
            }
        }
        known.remove(&root);
        for process in known.values().flatten() {
            signal(process, Signal::KILL)?;
        }
        known.into_values().flatten().try_for_each(|process| gone(&process))
    }

    /// `None`: it is gone already.
    fn stop(pid: u32) -> io::Result<Option<OwnedFd>> {
        let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Ok(None) };
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(process) => {
                signal(&process, Signal::STOP)?;
                Ok(Some(process))
            }
            Err(Errno::SRCH) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    fn signal(process: &OwnedFd, signal: Signal) -> io::Result<()> {
        match pidfd_send_signal(process, signal) {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    fn gone(process: &OwnedFd) -> io::Result<()> {
        let within = Timespec { tv_sec: GONE_WITHIN, tv_nsec: 0 };
        match retry_on_intr(|| poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&within)))? {
            0 => Err(io::Error::new(io::ErrorKind::TimedOut, "a killed process is not gone")),
            _ => Ok(()),
        }
    }

    /// The parent of a process, as `/proc/PID/stat` says it behind the name in brackets and the state.
    fn parent(pid: u32) -> Option<u32> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, rest) = stat.rsplit_once(')')?;
        rest.split_whitespace().nth(1)?.parse().ok()
    }
}
