//! Delays and rates, on a clock that stands still unless somebody waits for it.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::*;
use crate::fault::serve::serve;
use crate::fault::shared::Shared;

/// How long `ask` and its answer of so many bytes take, in milliseconds of the clock of the test.
async fn millis(text: &str, on: bool, bytes: usize) -> u128 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = listener.local_addr().unwrap();
    let answers = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut vec![0; bytes]).await.unwrap();
        stream.write_all(&vec![7; bytes]).await.unwrap();
        stream
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shared = Arc::new(Shared::new(upstream, script(text)));
    shared.switch(on);
    let proxy = tokio::spawn(serve(listener, shared.clone()));
    let mut client = TcpStream::connect(address).await.unwrap();
    let start = Instant::now();
    client.write_all(&vec![9; bytes]).await.unwrap();
    let mut got = vec![0; bytes];
    client.read_exact(&mut got).await.unwrap();
    let took = start.elapsed().as_millis();
    assert_eq!(got, vec![7; bytes]);
    answers.await.unwrap();
    proxy.abort();
    took
}

#[tokio::test(start_paused = true)]
async fn a_delay_holds_back_one_direction_or_both() {
    assert_eq!(millis("all: clean", true, 100).await, 0);
    assert_eq!(millis("all: delay up 7000ms", true, 100).await, 7000);
    assert_eq!(millis("all: delay down 500ms", true, 100).await, 500);
    assert_eq!(millis("all: delay up 7000ms, delay down 500ms", true, 100).await, 7500);
    assert_eq!(millis("all: delay up 7000ms, delay down 500ms", false, 100).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_throttle_passes_so_many_bytes_a_second() {
    // The sleep of the last step is behind its bytes. A step is 15 ms and rounded up to the next.
    let up = millis("all: throttle up 6400/s", true, 64_000).await;
    assert!((9_900..11_000).contains(&up), "{up}");
    let down = millis("all: throttle down 640/s", true, 6_400).await;
    assert!((9_900..11_000).contains(&down), "{down}");
    assert_eq!(millis("all: throttle down 640/s", false, 6_400).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_split_connection_passes_everything_in_pieces() {
    // A delay is that of a piece: it counts them.
    for (text, up, down) in
        [("all: split up 10, delay up 1000ms", 7, 0), ("all: split down 32, delay down 1000ms", 0, 2)]
    {
        assert_eq!(millis(text, true, 64).await, 1000 * (up + down), "{text}");
        assert_eq!(millis(text, false, 64).await, 0, "{text}");
    }
    assert_eq!(millis("all: split up 1, split down 1", true, 5_000).await, 0);
}
