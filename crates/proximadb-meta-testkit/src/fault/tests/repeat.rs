//! The same seed, the same faults, the same bytes on both sides.

use super::lines::Seen;
use super::*;
use crate::fault::{Fault, Mix};

/// Of all connections, one after the other: what the client got, how many of its six lines failed, and what the server saw.
type Transcript = Vec<(String, usize, Option<Seen>)>;

async fn talk(script: Script) -> (Transcript, Script) {
    let (server, proxy) = through(script.clone()).await;
    let (mut all, mut reached) = (Vec::new(), 0);
    for n in 0..12 {
        let mut got = String::new();
        let mut failed = 6;
        if let Ok(mut client) = Client::try_connect(proxy.address()).await {
            for line in 0..6 {
                failed -= usize::from(client.ask(&format!("line {line} of connection {n}")).await.is_ok());
            }
            got = String::from_utf8(client.got).unwrap();
        }
        bounded(proxy.wait(|c| c.accepted == n + 1 && c.open == 0)).await;
        let mut seen = None;
        if !script.plan(n).faults().contains(&Fault::Reset) {
            seen = Some(Seen { ended: None, ..server.ended(reached).await });
            reached += 1;
        }
        all.push((got, failed, seen));
    }
    (all, proxy.script_played())
}

/// What ends by itself.
const MIX: Mix = Mix {
    cut: 300,
    reset: 100,
    execute_then_cut: 400,
    delay: 300,
    most_bytes: 255,
    most_millis: 1,
    most_requests: 8,
    ..Mix::NONE
};

#[tokio::test]
async fn a_seed_repeats_itself_and_so_does_its_written_out_script() {
    let mut different = 0;
    for seed in 0..8 {
        let (first, played) = talk(Script::Random { seed, mix: MIX }).await;
        let (again, played_again) = talk(Script::Random { seed, mix: MIX }).await;
        same(&first, &again, &played);
        assert_eq!(played, played_again);
        let (written_out, _) = talk(script(&played.to_string())).await;
        same(&first, &written_out, &played);
        let (other, _) = talk(Script::Random { seed: seed + 100, mix: MIX }).await;
        different += usize::from(first != other);
    }
    assert!(different > 6, "{different} of 8 other seeds did something else");
}

fn same(one: &Transcript, other: &Transcript, played: &Script) {
    for (n, (one, other)) in one.iter().zip(other).enumerate() {
        assert_eq!(one, other, "connection {n} of {played}");
    }
}
