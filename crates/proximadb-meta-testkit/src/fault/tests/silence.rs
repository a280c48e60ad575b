//! Connections that stay open and say nothing.

use super::lines::Ended;
use super::*;
use crate::fault::Cut;

#[tokio::test]
async fn half_open_upwards_drops_what_the_client_sends() {
    let (server, proxy) = through(script("all: half-open up after 6")).await;
    let mut client = Client::connect(proxy.address()).await;
    assert_eq!(client.ask("one").await.unwrap(), "one");
    client.send("two\n").await.unwrap();
    client.send("three\n").await.unwrap();
    let counts = bounded(proxy.wait(|c| c.up.received == 14 && c.up.passed == 6)).await;
    assert_eq!((counts.open, counts.cuts), (1, 0));
    assert!(client.is_silent());
    let seen = server.wait(|all| all[0].bytes.len() == 6).await;
    assert_eq!((&*seen[0].bytes, seen[0].ended), (&b"one\ntw"[..], None));
    // Not even the end of the stream goes through.
    drop(client);
    assert_eq!(proxy.cut_all(Cut::Rst).await, 1);
    let seen = server.ended(0).await;
    assert_eq!((&*seen.bytes, seen.ended), (&b"one\ntw"[..], Some(Ended::Reset)));
}

#[tokio::test]
async fn half_open_downwards_drops_what_the_server_answers() {
    let (server, proxy) = through(script("all: half-open down after 8")).await;
    let mut client = Client::connect(proxy.address()).await;
    assert_eq!(client.ask("one").await.unwrap(), "one");
    client.send("two\nthree\n").await.unwrap();
    let counts = bounded(proxy.wait(|c| c.down.received == 26 && c.down.passed == 8)).await;
    assert_eq!((counts.open, counts.cuts), (1, 0));
    assert!(client.is_silent());
    assert_eq!(server.seen()[0].done, ["one", "two", "three"]);
    // Upwards the end goes through, and then the connection is over.
    drop(client);
    assert_eq!(server.ended(0).await.ended, Some(Ended::InOrder));
    bounded(proxy.wait(|c| c.open == 0)).await;
}

#[tokio::test]
async fn a_blackhole_takes_everything_and_gives_nothing() {
    let (server, proxy) = through(script("each: blackhole")).await;
    let mut client = Client::connect(proxy.address()).await;
    client.send("one\n").await.unwrap();
    let counts = bounded(proxy.wait(|c| c.up.received == 4)).await;
    assert_eq!((counts.up.passed, counts.open, counts.requests), (0, 1, 0));
    assert!(client.is_silent());
    // It stays what it is when faults are switched off, and ends with the client.
    proxy.switch(false);
    client.send("two\n").await.unwrap();
    assert_eq!(bounded(proxy.wait(|c| c.up.received == 8)).await.up.passed, 0);
    assert!(client.is_silent());
    drop(client);
    assert_eq!(bounded(proxy.wait(|c| c.open == 0)).await.cuts, 0);
    assert!(server.seen().is_empty());
}
