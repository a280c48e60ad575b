//! Without a fault everything passes, and everything is counted.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::lines::Ended;
use super::*;
use crate::rng::Rng;

#[tokio::test]
async fn a_clean_connection_passes_lines_and_both_ends() {
    let (server, proxy) = through(Script::clean()).await;
    let mut client = Client::connect(proxy.address()).await;
    assert_eq!(client.ask("one").await.unwrap(), "one");
    assert_eq!(client.ask("two").await.unwrap(), "two");
    let counts = proxy.counts();
    assert_eq!((counts.accepted, counts.open, counts.cuts, counts.requests), (1, 1, 0, 2));
    assert_eq!((counts.up.received, counts.up.passed), (8, 8));
    assert_eq!((counts.down.received, counts.down.passed), (16, 16));
    client.stream.shutdown().await.unwrap();
    assert_eq!(server.ended(0).await.ended, Some(Ended::InOrder));
    assert_eq!(client.ended().await, Ended::InOrder);
    bounded(proxy.wait(|c| c.open == 0)).await;
    assert_eq!(proxy.counts().cuts, 0);
}

#[tokio::test]
async fn a_reset_of_the_client_reaches_the_server() {
    let (server, proxy) = through(Script::clean()).await;
    let mut client = Client::connect(proxy.address()).await;
    client.ask("one").await.unwrap();
    client.stream.set_zero_linger().unwrap();
    drop(client);
    assert_eq!(server.ended(0).await.ended, Some(Ended::Reset));
    assert_eq!(bounded(proxy.wait(|c| c.open == 0)).await.cuts, 0);
}

#[tokio::test]
async fn megabytes_pass_both_ways_at_once_and_unchanged() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = FaultProxy::start(listener.local_addr().unwrap(), Script::clean()).unwrap();
    let echo = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut from, mut to) = stream.split();
        tokio::io::copy(&mut from, &mut to).await.unwrap();
    });
    let mut rng = Rng::new(1);
    let sent: Vec<u8> = (0..4_000_000).map(|_| rng.next().to_le_bytes()[0]).collect();
    let mut client = Client::connect(proxy.address()).await;
    let (mut from, mut to) = client.stream.split();
    let send = async {
        to.write_all(&sent).await.unwrap();
        to.shutdown().await.unwrap();
    };
    let mut got = Vec::new();
    let (read, ()) = bounded(async { tokio::join!(from.read_to_end(&mut got), send) }).await;
    read.unwrap();
    assert!(got == sent);
    bounded(echo).await.unwrap();
    let counts = proxy.counts();
    assert_eq!((counts.up.passed, counts.down.passed), (4_000_000, 4_000_000));
}

#[tokio::test]
async fn a_server_that_is_away_is_a_reset_and_another_can_take_its_place() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let proxy = FaultProxy::start(gone, Script::clean()).unwrap();
    Client::is_reset(proxy.address()).await;
    assert_eq!((proxy.counts().unreachable, proxy.counts().cuts), (1, 0));
    let server = Lines::start().await;
    proxy.set_upstream(server.address);
    assert_eq!(Client::connect(proxy.address()).await.ask("one").await.unwrap(), "one");
}
