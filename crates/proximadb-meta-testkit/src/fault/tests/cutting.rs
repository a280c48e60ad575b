//! Cuts: exactly so many bytes, and requests that were done although nobody can know.

use super::lines::Ended;
use super::*;
use crate::fault::{Cut, Direction, Fault, Request};

const HOWS: [(Cut, Ended); 2] = [(Cut::Rst, Ended::Reset), (Cut::Fin, Ended::InOrder)];

#[tokio::test]
async fn a_cut_on_the_way_up_leaves_the_server_exactly_so_many_bytes() {
    for (how, end) in HOWS {
        for after in 0..=9 {
            let (server, proxy) = through(Fault::Cut { direction: Direction::Up, after, how }).await;
            let Ok(mut client) = Client::try_connect(proxy.address()).await else {
                assert_eq!((after, how), (0, Cut::Rst));
                continue;
            };
            // The first line is answered where it arrives as a whole and the cut is not right behind it.
            let first = client.ask("one").await;
            assert_eq!(first.is_ok(), after > 4, "after {after}: {first:?}");
            assert!(client.ask("four").await.is_err());
            let seen = server.ended(0).await;
            assert_eq!(seen.bytes, &b"one\nfour\n"[..after as usize], "{how}");
            assert_eq!(seen.done.len(), usize::from(after >= 4) + usize::from(after == 9));
            assert_eq!(seen.ended, Some(end));
            let counts = bounded(proxy.wait(|c| c.open == 0)).await;
            assert_eq!((counts.cuts, counts.up.passed), (1, after));
        }
    }
}

#[tokio::test]
async fn a_cut_on_the_way_down_leaves_the_client_exactly_so_many_bytes() {
    for (how, end) in HOWS {
        for after in 0..=8 {
            let (server, proxy) = through(Fault::Cut { direction: Direction::Down, after, how }).await;
            let Ok(mut client) = Client::try_connect(proxy.address()).await else {
                assert_eq!((after, how), (0, Cut::Rst));
                continue;
            };
            if after > 0 {
                client.send("one\n").await.unwrap();
            }
            assert_eq!(client.ended().await, end, "after {after}");
            assert_eq!(client.got, &b"did one\n"[..after as usize]);
            let seen = server.ended(0).await;
            assert_eq!(seen.done.len(), usize::from(after > 0));
            assert_eq!(seen.ended, Some(end));
            assert_eq!((proxy.counts().cuts, proxy.counts().down.passed), (1, after));
        }
    }
}

#[tokio::test]
async fn a_reset_at_the_connect_never_reaches_the_server() {
    let (server, proxy) = through(script("each: reset")).await;
    Client::is_reset(proxy.address()).await;
    assert_eq!(proxy.counts().cuts, 1);
    // The next connection is clean, and the first that the server sees.
    assert_eq!(Client::connect(proxy.address()).await.ask("one").await.unwrap(), "one");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn an_executed_request_is_done_and_its_answer_cut_off() {
    for (how, end) in HOWS {
        for n in 1..=4 {
            let (server, proxy) = through(Fault::ExecuteThenCut { request: Request::nth(n), how }).await;
            let mut client = Client::connect(proxy.address()).await;
            for line in 1..n {
                assert_eq!(client.ask(&line.to_string()).await.unwrap(), line.to_string());
            }
            let before = client.got.clone();
            client.send(format!("{n}\n")).await.unwrap();
            assert_eq!(client.ended().await, end);
            assert_eq!(client.got, before, "not a byte of the answer");
            let done: Vec<String> = (1..=n).map(|line| line.to_string()).collect();
            assert_eq!(server.ended(0).await.done, done);
            let counts = proxy.counts();
            assert_eq!((counts.cuts, counts.requests), (1, n));
            assert_eq!(counts.down.received - counts.down.passed, "did 1\n".len() as u64);
        }
    }
}

#[tokio::test]
async fn a_request_is_known_by_what_it_holds_also_in_pieces() {
    let request = Request::containing("COMMIT").unwrap();
    let (server, proxy) = through(Fault::ExecuteThenCut { request, how: Cut::Rst }).await;
    let mut client = Client::connect(proxy.address()).await;
    // Two requests that only together hold it.
    client.ask("begin COM").await.unwrap();
    client.ask("MIT").await.unwrap();
    let passed = proxy.counts().up.passed;
    client.send("xCOMM").await.unwrap();
    bounded(proxy.wait(|c| c.up.passed == passed + 5)).await;
    client.send("IT\n").await.unwrap();
    assert_eq!(client.ended().await, Ended::Reset);
    assert_eq!(server.ended(0).await.done, ["begin COM", "MIT", "xCOMMIT"]);
}

#[tokio::test]
async fn an_answer_is_cut_off_once_on_whichever_connection_asks() {
    let (server, proxy) = through(Script::clean()).await;
    let mut one = Client::connect(proxy.address()).await;
    let mut two = Client::connect(proxy.address()).await;
    one.ask("a").await.unwrap();
    two.ask("b").await.unwrap();
    // Also while faults are switched off: it was asked for by itself.
    proxy.switch(false);
    proxy.cut_answer(Request::nth(2), Cut::Rst);
    two.ask("c").await.unwrap();
    one.send("d\n").await.unwrap();
    assert_eq!(one.ended().await, Ended::Reset);
    assert_eq!(two.ask("e").await.unwrap(), "e");
    assert_eq!((proxy.counts().cuts, proxy.disarm()), (1, false));
    let done: Vec<_> = server.wait(|all| all[0].ended.is_some()).await.into_iter().flat_map(|seen| seen.done).collect();
    assert_eq!(done, ["a", "d", "b", "c", "e"]);
    proxy.cut_answer(Request::containing("f").unwrap(), Cut::Rst);
    assert!(proxy.disarm());
    assert_eq!(two.ask("f").await.unwrap(), "f");
}
