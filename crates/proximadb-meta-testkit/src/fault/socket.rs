//! The beginning and the end of a connection's sockets.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Connects. A port in the system's range for outgoing connections on which nobody listens may connect to itself: that is a
/// refusal, too.
pub(super) async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpStream::connect(address).await?;
    if socket.local_addr()? == address { Err(io::ErrorKind::ConnectionRefused.into()) } else { Ok(socket) }
}

/// Closes with a reset. What the kernel has not sent yet is lost.
pub(super) fn reset(socket: TcpStream) {
    // A socket that is broken already cannot be told, and need not be.
    let _ = socket.set_zero_linger();
}

/// Ends the stream to the peer, which reads all that was sent before.
pub(super) async fn end(socket: &mut TcpStream) {
    // A socket that is broken already needs no end.
    let _ = socket.shutdown().await;
}

/// Throws away what comes until the peer closes: a socket closed with unread bytes would send a reset.
pub(super) async fn drain(socket: &mut TcpStream, mut read: impl FnMut(u64)) -> io::Result<()> {
    let mut buffer = vec![0; 4096];
    loop {
        match socket.read(&mut buffer).await? {
            0 => return Ok(()),
            n => read(n as u64),
        }
    }
}
