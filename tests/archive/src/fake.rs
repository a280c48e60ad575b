//! A server that gives one answer, whatever it is asked: what S3 is documented to say when something is wrong.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

/// Gives the answer to a path: status line and body.
pub type Answer = dyn Fn(&str) -> (String, String) + Send + Sync;

/// Starts a server that lives as long as the process; its address.
#[must_use]
pub fn serve(answer: impl Fn(&str) -> (String, String) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let answer: Arc<Answer> = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let answer = answer.clone();
            std::thread::spawn(move || drop(one(stream.unwrap(), &*answer)));
        }
    });
    address
}

fn one(stream: TcpStream, answer: &Answer) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let header = header.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(n) = header.strip_prefix("content-length:") {
            length = n.trim().parse().unwrap_or(0);
        }
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
    let (status, body) = answer(request.split(' ').nth(1).unwrap_or_default());
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n", body.len());
    let head = format!("{head}Content-Type: application/xml\r\nETag: \"x\"\r\n\r\n");
    (&stream).write_all(&[head.as_bytes(), body.as_bytes()].concat())
}
