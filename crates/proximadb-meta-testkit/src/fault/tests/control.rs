//! What a test does with a proxy while it runs, and what is left of it afterwards.

use std::sync::Arc;

use super::lines::Ended;
use super::*;
use crate::fault::{Cut, Plan};

#[tokio::test]
async fn faults_are_switched_off_and_on() {
    let (_server, proxy) = through(script("all: cut up after 8 rst")).await;
    let mut open = Client::connect(proxy.address()).await;
    open.ask("one").await.unwrap();
    proxy.switch(false);
    open.ask("two").await.unwrap();
    proxy.switch(true);
    // Its place was passed while they were off.
    assert_eq!(open.ask("three").await.unwrap(), "three");
    let mut next = Client::connect(proxy.address()).await;
    next.ask("one").await.unwrap();
    assert!(next.ask("two").await.is_err());
    assert_eq!(proxy.counts().cuts, 1);
}

#[tokio::test]
async fn refusals_of_a_connection_are_switched_off_too() {
    let (_server, proxy) = through(script("all: reset, blackhole")).await;
    proxy.switch(false);
    assert_eq!(Client::connect(proxy.address()).await.ask("one").await.unwrap(), "one");
    proxy.switch(true);
    Client::is_reset(proxy.address()).await;
}

#[tokio::test]
async fn every_open_connection_is_cut_at_once() {
    for (how, end) in [(Cut::Rst, Ended::Reset), (Cut::Fin, Ended::InOrder)] {
        let (server, proxy) = through(Script::clean()).await;
        let mut clients = Vec::new();
        for n in 0..10 {
            let mut client = Client::connect(proxy.address()).await;
            client.ask(&n.to_string()).await.unwrap();
            clients.push(client);
        }
        assert_eq!(bounded(proxy.cut_all(how)).await, 10);
        assert_eq!((proxy.counts().cuts, proxy.counts().open), (10, 0));
        for (n, client) in clients.iter_mut().enumerate() {
            assert_eq!(client.ended().await, end);
            assert_eq!(server.ended(n).await.ended, Some(end));
        }
        assert_eq!(bounded(proxy.cut_all(how)).await, 0);
        assert_eq!(Client::connect(proxy.address()).await.ask("one").await.unwrap(), "one");
    }
}

#[tokio::test]
async fn a_connection_is_waited_for() {
    let (_server, proxy) = through(Script::clean()).await;
    let address = proxy.address();
    let made = tokio::spawn(async move { Client::connect(address).await });
    assert_eq!(bounded(proxy.wait(|c| c.accepted == 1)).await.open, 1);
    drop(made.await.unwrap());
    bounded(proxy.wait(|c| c.open == 0)).await;
}

#[tokio::test]
async fn a_new_script_counts_anew_and_leaves_open_connections_alone() {
    let (_server, proxy) = through(script("each: clean | cut up after 4 rst")).await;
    let mut old = Client::connect(proxy.address()).await;
    old.ask("one").await.unwrap();
    assert_eq!(proxy.script_played(), script("each: clean"));
    proxy.set_script(script("each: cut up after 4 fin | clean"));
    assert!(Client::connect(proxy.address()).await.ask("one").await.is_err());
    assert!(Client::connect(proxy.address()).await.ask("one").await.is_ok());
    assert!(Client::connect(proxy.address()).await.ask("one").await.is_ok());
    assert_eq!(proxy.script_played(), script("each: cut up after 4 fin | clean | clean"));
    assert_eq!(old.ask("two").await.unwrap(), "two");
}

#[tokio::test]
async fn nothing_is_left_of_a_dropped_proxy() {
    for text in ["all: clean", "all: blackhole", "all: half-open down after 0", "all: delay down 3600000ms"] {
        let (server, proxy) = through(script(text)).await;
        let address = proxy.address();
        let mut clients = Vec::new();
        for _ in 0..5 {
            let mut client = Client::connect(address).await;
            client.send("one\n").await.unwrap();
            clients.push(client);
        }
        bounded(proxy.wait(|c| c.up.received == 20)).await;
        let shared = Arc::downgrade(&proxy.shared);
        drop(proxy);
        // Every connection and the loop held it.
        assert_eq!(shared.strong_count(), 0, "{text}");
        std::net::TcpListener::bind(address).expect("the port is free again");
        for mut client in clients {
            client.ended().await;
        }
        for n in 0..server.seen().len() {
            server.ended(n).await;
        }
    }
}

#[tokio::test]
async fn a_cut_in_order_that_the_client_does_not_notice_ends_with_the_proxy() {
    let (_server, proxy) = through(script("all: cut down after 8 fin")).await;
    let mut client = Client::connect(proxy.address()).await;
    client.ask("one").await.unwrap();
    bounded(proxy.wait(|c| c.open == 0)).await;
    let shared = Arc::downgrade(&proxy.shared);
    drop(proxy);
    assert_eq!(shared.strong_count(), 0);
    client.ended().await;
}

/// A test without a runtime has a proxy just as well.
#[test]
fn a_proxy_needs_no_runtime() {
    use std::io::Read;
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = FaultProxy::start(server.local_addr().unwrap(), Plan::clean()).unwrap();
    let mut client = std::net::TcpStream::connect(proxy.address()).unwrap();
    drop(server.accept().unwrap());
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
}
