//! Processes that are started, found again and ended; ports and directories of their own.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::Place;

/// For how long a server may take to start, and to end.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);

/// A process of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: u32,
    /// A word of its command line: a process that does not have it only got the same number later.
    pub(super) marker: String,
}

impl Process {
    /// Starts a server with its output added to `log` of its directory, which may have another's. `marker` must be a word of the
    /// command line.
    pub(super) fn start(command: &mut Command, marker: String, place: &Place) -> Result<Self, String> {
        let failed = |e: std::io::Error| format!("{}: {e}", command_name(command));
        let log = OpenOptions::new().create(true).append(true).open(place.dir.join("log")).map_err(failed)?;
        let errors = log.try_clone().map_err(failed)?;
        #[cfg(unix)]
        if place.detached {
            std::os::unix::process::CommandExt::process_group(command, 0);
        }
        let child = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn();
        let child = child.map_err(|e| format!("{}: {e}", command_name(command)))?;
        Ok(Self { pid: child.id(), marker })
    }

    pub(super) fn runs(&self) -> bool {
        let output = Command::new("ps").args(["-o", "stat=,args=", "-p", &self.pid.to_string()]).output();
        let line = output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default();
        // A zombie has ended; its parent, this process, has only not looked yet.
        !line.trim_start().starts_with('Z') && line.contains(&self.marker)
    }

    /// Ends it: politely (PostgreSQL then waits for its clients), urgently, then not.
    pub(super) fn end(&self) -> Result<(), String> {
        for signal in ["-TERM", "-INT", "-KILL"] {
            if !self.runs() {
                return Ok(());
            }
            let _ = Command::new("kill").args([signal, &self.pid.to_string()]).status();
            if wait(PATIENCE / 6, || !self.runs()) {
                return Ok(());
            }
        }
        Err(format!("process {} ({}) does not end", self.pid, self.marker))
    }
}

fn command_name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

/// Runs a command to its end; its output, or what it said.
pub(super) fn output(command: &mut Command) -> Result<String, String> {
    let name = command_name(command);
    let output = command.stdin(Stdio::null()).output().map_err(|e| format!("{name}: {e}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    } else {
        Err(format!("{name} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim()))
    }
}

/// A port of the loopback that nobody has. Somebody may take it before the server does: then the server does not start.
pub(super) fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    listener.and_then(|l| l.local_addr()).map(|a| a.port()).map_err(|e| format!("there is no free port: {e}"))
}

/// One request to a server on the loopback: its answer, if it gives one.
pub(super) fn http(port: u16, request: &str) -> Option<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let head =
        format!("{request} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    Some(String::from_utf8_lossy(&answer).into_owned()).filter(|a| !a.is_empty())
}

/// Waits until the server is ready. One that ended, or takes too long, is ended; the error has the end of its log.
pub(super) fn ready(process: &Process, place: &Place, mut is_ready: impl FnMut() -> bool) -> Result<(), String> {
    let mut ended = false;
    let came = wait(PATIENCE, || {
        ended = !process.runs();
        ended || is_ready()
    });
    if came && !ended {
        return Ok(());
    }
    process.end()?;
    let log = std::fs::read_to_string(place.dir.join("log")).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    let tail = lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n");
    Err(format!("{}\n{tail}", if ended { "it ended" } else { "it does not answer" }))
}

fn wait(most: Duration, mut until: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if until() {
            return true;
        }
        if start.elapsed() >= most {
            return false;
        }
        std::thread::sleep(PAUSE);
    }
}

/// A new directory for nobody else, with its parents. One that was there is removed; one that somebody makes meanwhile is refused.
pub(super) fn private_directory(dir: &Path) -> Result<(), String> {
    let failed = |e: std::io::Error| format!("{}: {e}", dir.display());
    match std::fs::remove_dir_all(dir) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(failed(e)),
        _ => {}
    }
    if let Some(parent) = dir.parent() {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_found_by_its_command_line_and_ended() {
        let dir = std::env::temp_dir().join(format!("pxmeta-xtask-{}", std::process::id()));
        private_directory(&dir).unwrap();
        let place = Place { dir: dir.clone(), packages: dir.clone(), detached: true };
        let marker = "86399.5".to_owned();
        let process = Process::start(Command::new("sleep").arg(&marker), marker, &place).unwrap();
        assert!(process.runs());
        let other = Process { marker: "another".to_owned(), ..process.clone() };
        assert!(!other.runs(), "a number that was used again is not ours");
        assert!(ready(&process, &place, || true).is_ok());
        process.end().unwrap();
        assert!(!process.runs());
        assert!(ready(&process, &place, || true).is_err(), "it ended");
        std::fs::remove_dir_all(dir).unwrap();
    }
}
