//! How long somebody who is in the way is waited for.

use std::time::Duration;

/// How often a read or a group of writes is tried when somebody is in the way: with the pauses some seconds.
/// Serializable transactions of eight busy processes are refused every second time.
pub(crate) const MAX_CONFLICTS: u32 = 50;

/// Lets the other one finish: at random, longer from time to time, at most 0.3 s.
pub(crate) async fn pause(attempt: u32) {
    let micros = rand::random_range(500..=(2000u64 << attempt.min(7)));
    tokio::time::sleep(Duration::from_micros(micros)).await;
}
