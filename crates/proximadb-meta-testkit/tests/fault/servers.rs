//! A server process: started, killed with all that it started, started again, and never left behind.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proximadb_meta_core::ErrorKind;
use proximadb_meta_testkit::fault::ServerProcess;
use tempfile::TempDir;

use crate::roles::{command, free_port};
use crate::{Checked, Named, block_on};

pub(crate) const ALL: &[Named] = &[
    ("servers::starts_serves_is_killed_and_starts_again", starts_serves_is_killed_and_starts_again),
    ("servers::what_it_started_is_killed_with_it", what_it_started_is_killed_with_it),
    ("servers::is_killed_when_dropped", is_killed_when_dropped),
    ("servers::one_that_ends_early_says_why", one_that_ends_early_says_why),
    ("servers::one_that_is_never_ready_is_killed", one_that_is_never_ready_is_killed),
    ("servers::is_asked_until_it_is_ready", is_asked_until_it_is_ready),
    ("servers::a_taken_address_is_refused", a_taken_address_is_refused),
    ("servers::a_missing_program_is_refused", a_missing_program_is_refused),
];

fn at(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

fn answers(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(at(port)) else { return false };
    stream.write_all(b"x").unwrap();
    let mut got = [0];
    stream.read_exact(&mut got).unwrap();
    got == *b"x"
}

fn echo(dir: &TempDir, port: u16) -> ServerProcess {
    ServerProcess::new(command(&["echo", &port.to_string()]), at(port), dir.path().join("log"))
}

fn starts_serves_is_killed_and_starts_again() -> Checked {
    let (dir, port) = (TempDir::new()?, free_port());
    let mut server = echo(&dir, port);
    block_on(server.start())?;
    assert!(answers(port));
    let first = server.pid();
    assert_eq!(block_on(server.start()).unwrap_err().kind(), ErrorKind::Config);
    assert_eq!(server.pid(), first, "and it still runs");
    let mut open = TcpStream::connect(at(port))?;
    open.write_all(b"x")?;
    open.read_exact(&mut [0])?;
    server.kill()?;
    assert!(!answers(port));
    assert!(matches!(open.read(&mut [0]), Ok(0) | Err(_)), "its connections are gone");
    server.kill()?;
    assert_eq!((server.pid(), server.kills()), (None, 1));
    for n in 1..=10 {
        block_on(server.restart())?;
        assert!(answers(port));
        assert_eq!(server.kills(), n);
    }
    assert_ne!(server.pid(), first);
    let log = std::fs::read_to_string(dir.path().join("log"))?;
    assert_eq!(log.lines().filter(|line| *line == "listening").count(), 11, "every start adds to the log");
    Ok(())
}

/// Off Linux only the process itself is killed.
#[cfg(target_os = "linux")]
fn what_it_started_is_killed_with_it() -> Checked {
    let (dir, port, child) = (TempDir::new()?, free_port(), free_port());
    let role = command(&["family", &port.to_string(), &child.to_string()]);
    let mut server = ServerProcess::new(role, at(port), dir.path().join("log"))
        .with_probe(move || async move { tokio::net::TcpStream::connect(at(child)).await.is_ok() });
    for _ in 0..5 {
        block_on(server.restart())?;
        assert!(answers(port) && answers(child));
        server.kill()?;
        assert!(!answers(port) && !answers(child));
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn what_it_started_is_killed_with_it() -> Checked {
    is_killed_when_dropped()
}

fn is_killed_when_dropped() -> Checked {
    let (dir, port) = (TempDir::new()?, free_port());
    let mut server = echo(&dir, port);
    block_on(server.start())?;
    drop(server);
    assert!(!answers(port));
    // Also by a panic of the test.
    let mut server = echo(&dir, port);
    block_on(server.start())?;
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let _server = server;
        std::panic::resume_unwind(Box::new("a test failed"));
    }));
    assert!(caught.is_err() && !answers(port));
    Ok(())
}

fn one_that_ends_early_says_why() -> Checked {
    let (dir, port) = (TempDir::new()?, free_port());
    let mut server = ServerProcess::new(command(&["fail"]), at(port), dir.path().join("log"));
    let e = block_on(server.start()).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Unavailable);
    assert!(e.message().contains("exit status: 3") && e.message().ends_with("the disk is on fire"), "{e}");
    assert_eq!((server.pid(), server.kills()), (None, 0));
    Ok(())
}

fn one_that_is_never_ready_is_killed() -> Checked {
    let (dir, port, elsewhere) = (TempDir::new()?, free_port(), free_port());
    let role = command(&["echo", &elsewhere.to_string()]);
    let server = ServerProcess::new(role, at(port), dir.path().join("log"));
    let e = block_on(server.with_limit(Duration::from_millis(50)).start()).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Timeout, "{e}");
    assert!(!answers(elsewhere));
    // A probe that hangs takes no longer.
    let never =
        echo(&dir, port).with_probe(std::future::pending).with_limit(Duration::from_millis(50)).start_and_keep();
    let (server, e) = block_on(never);
    assert_eq!((e.unwrap_err().kind(), server.pid()), (ErrorKind::Timeout, None));
    assert!(!answers(port));
    Ok(())
}

/// A start that gives the server back.
trait StartAndKeep: Sized {
    async fn start_and_keep(self) -> (Self, proximadb_meta_core::Result<()>);
}

impl StartAndKeep for ServerProcess {
    async fn start_and_keep(mut self) -> (Self, proximadb_meta_core::Result<()>) {
        let started = self.start().await;
        (self, started)
    }
}

fn is_asked_until_it_is_ready() -> Checked {
    let (dir, port) = (TempDir::new()?, free_port());
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let mut server = echo(&dir, port).with_probe(move || {
        let times = counter.fetch_add(1, Ordering::SeqCst);
        async move { times >= 3 }
    });
    block_on(server.start())?;
    assert_eq!(asked.load(Ordering::SeqCst), 4);
    assert!(answers(port));
    Ok(())
}

fn a_taken_address_is_refused() -> Checked {
    let (dir, port) = (TempDir::new()?, free_port());
    let mut first = echo(&dir, port);
    block_on(first.start())?;
    let mut second = echo(&dir, port);
    let e = block_on(second.start()).unwrap_err();
    assert_eq!((e.kind(), second.pid()), (ErrorKind::Config, None));
    assert!(answers(port), "the first is left alone");
    Ok(())
}

fn a_missing_program_is_refused() -> Checked {
    let dir = TempDir::new()?;
    let program = dir.path().join("nothing");
    let mut server = ServerProcess::new(Command::new(program), at(free_port()), dir.path().join("log"));
    let e = block_on(server.start()).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Config);
    assert!(e.message().contains("nothing"), "{e}");
    Ok(())
}
