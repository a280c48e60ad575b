//! A server that does one line at a time, and a client of it.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::bounded;

/// How a stream ended, for its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Ended {
    InOrder,
    Reset,
}

/// What the server saw of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) bytes: Vec<u8>,
    /// The lines that it did.
    pub(super) done: Vec<String>,
    pub(super) ended: Option<Ended>,
}

/// The server: each line is done, and answered `did LINE`.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) address: SocketAddr,
    seen: watch::Receiver<Vec<Seen>>,
    _tasks: JoinSet<()>,
}

impl Lines {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, seen) = watch::channel(Vec::<Seen>::new());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                sender.send_modify(|all| all.push(Seen::default()));
                connections.spawn(serve(stream, number, sender.clone()));
            }
        });
        Self { address, seen, _tasks: tasks }
    }

    /// Every connection so far.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.borrow().clone()
    }

    /// Waits until it saw this.
    pub(super) async fn wait(&self, until: impl FnMut(&Vec<Seen>) -> bool) -> Vec<Seen> {
        bounded(self.seen.clone().wait_for(until)).await.unwrap().clone()
    }

    /// What the connection was in the end.
    pub(super) async fn ended(&self, number: usize) -> Seen {
        let seen = self.wait(|all| all.get(number).is_some_and(|seen| seen.ended.is_some())).await;
        seen[number].clone()
    }
}

async fn serve(mut stream: TcpStream, number: usize, seen: watch::Sender<Vec<Seen>>) {
    let mut buffer = vec![0; 1024];
    let mut line = Vec::new();
    let mut broken = false;
    loop {
        let read = match stream.read(&mut buffer).await {
            Ok(n) if n > 0 => &buffer[..n],
            end => {
                let ended = if end.is_ok() && !broken { Ended::InOrder } else { Ended::Reset };
                return seen.send_modify(|all| all[number].ended = Some(ended));
            }
        };
        seen.send_modify(|all| all[number].bytes.extend_from_slice(read));
        for &byte in read {
            if byte != b'\n' {
                line.push(byte);
                continue;
            }
            let text = String::from_utf8(std::mem::take(&mut line)).unwrap();
            let answer = format!("did {text}\n");
            seen.send_modify(|all| all[number].done.push(text));
            // The system tells of a reset once: to a write, or to a read.
            broken |= stream.write_all(answer.as_bytes()).await.is_err();
        }
    }
}

/// A client.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) stream: TcpStream,
    /// Every byte it got.
    pub(super) got: Vec<u8>,
}

impl Client {
    pub(super) async fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address).await.unwrap()
    }

    /// A reset may come so early that there is no connection.
    pub(super) async fn try_connect(address: SocketAddr) -> io::Result<Self> {
        let stream = bounded(TcpStream::connect(address)).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, got: Vec::new() })
    }

    /// Connects to be reset at once.
    pub(super) async fn is_reset(address: SocketAddr) {
        match Self::try_connect(address).await {
            Ok(mut client) => assert_eq!(client.ended().await, Ended::Reset),
            Err(e) => assert_eq!(e.kind(), ErrorKind::ConnectionReset, "{e}"),
        }
    }

    pub(super) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        bounded(self.stream.write_all(bytes.as_ref())).await
    }

    /// Sends a line and waits for its answer, without `did` and the ends of lines.
    pub(super) async fn ask(&mut self, line: &str) -> io::Result<String> {
        self.send(format!("{line}\n")).await?;
        let from = self.got.len();
        while self.got.last() != Some(&b'\n') || self.got.len() == from {
            let mut byte = [0];
            match bounded(self.stream.read(&mut byte)).await? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                _ => self.got.extend_from_slice(&byte),
            }
        }
        let answer = String::from_utf8(self.got[from..].to_vec()).unwrap();
        Ok(answer.trim_end().strip_prefix("did ").unwrap().to_owned())
    }

    /// Reads to the end.
    pub(super) async fn ended(&mut self) -> Ended {
        match bounded(self.stream.read_to_end(&mut self.got)).await {
            Ok(_) => Ended::InOrder,
            Err(e) => {
                assert_eq!(e.kind(), ErrorKind::ConnectionReset, "{e}");
                Ended::Reset
            }
        }
    }

    /// Nothing came, and the connection is not closed.
    pub(super) fn is_silent(&self) -> bool {
        matches!(self.stream.try_read(&mut [0]), Err(e) if e.kind() == ErrorKind::WouldBlock)
    }
}
