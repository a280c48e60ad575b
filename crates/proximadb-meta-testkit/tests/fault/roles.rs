//! What the binary is when it is started as a server.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;

/// The first argument of a server; no test has such a name.
const MARK: &str = "be-a-server";

/// A command that starts this binary as a server.
pub(crate) fn command(role: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg(MARK).args(role);
    command
}

/// A port that nobody holds, below those of outgoing connections. Tests of one process never get the same.
pub(crate) fn free_port() -> u16 {
    static NEXT: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(0);
    let start = 10_000 + u16::try_from(std::process::id() % 1_000).unwrap() * 20;
    loop {
        let port = start + NEXT.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Plays the role of the arguments: whether there was one.
pub(crate) fn play() -> bool {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [MARK, "echo", port] => echo(port),
        [MARK, "family", port, child] => {
            // A child with a child: both must go when this one is killed.
            command(&["echo-of-a-child", port, child]).status().unwrap();
        }
        [MARK, "echo-of-a-child", port, child] => {
            let mut child = command(&["echo", child]).spawn().unwrap();
            echo(port);
            child.wait().unwrap();
        }
        [MARK, "relay", port, upstream] => relay(port, upstream),
        [MARK, "fail"] => {
            println!("the disk is on fire");
            std::process::exit(3);
        }
        [MARK, ..] => panic!("no such role: {arguments:?}"),
        _ => return false,
    }
    true
}

fn listen(port: &str) -> TcpListener {
    let listener = TcpListener::bind(("127.0.0.1", port.parse().unwrap())).unwrap();
    println!("listening");
    listener
}

/// Sends back what it gets.
fn echo(port: &str) {
    for stream in listen(port).incoming() {
        let stream = stream.unwrap();
        thread::spawn(move || copy(stream.try_clone().unwrap(), stream));
    }
}

/// Passes bytes on to another server: killing it breaks every connection, and what was done stays done.
fn relay(port: &str, upstream: &str) {
    let upstream: u16 = upstream.parse().unwrap();
    for client in listen(port).incoming() {
        let client = client.unwrap();
        let server = TcpStream::connect(("127.0.0.1", upstream)).unwrap();
        client.set_nodelay(true).unwrap();
        server.set_nodelay(true).unwrap();
        let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        thread::spawn(move || copy(from, to));
        thread::spawn(move || copy(server, client));
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(n) = from.read(&mut buffer)
        && n > 0
        && to.write_all(&buffer[..n]).is_ok()
    {}
    let _ = to.shutdown(std::net::Shutdown::Both);
}
