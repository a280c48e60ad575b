//! Random plans: how often each fault comes up, and how large its numbers get.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use proximadb_meta_core::{Error, Result};

use super::plan::{Cut, Direction, Fault, Plan, Request};
use super::text::{number, unknown};
use crate::rng::Rng;

/// How often each fault comes up in a random plan, in thousandths of all connections, and how large its numbers get.
///
/// Of `cut`, `half_open`, `reset`, `blackhole` and `execute_then_cut` a connection gets one at most; if they make more than
/// 1000 together, every connection gets one, in these proportions. `delay`, `throttle` and `split` come on top, each for itself,
/// in one direction or the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mix {
    /// Of [`Fault::Delay`].
    pub delay: u32,
    /// Of [`Fault::Throttle`].
    pub throttle: u32,
    /// Of [`Fault::Split`].
    pub split: u32,
    /// Of [`Fault::Cut`].
    pub cut: u32,
    /// Of [`Fault::HalfOpen`].
    pub half_open: u32,
    /// Of [`Fault::Reset`].
    pub reset: u32,
    /// Of [`Fault::Blackhole`].
    pub blackhole: u32,
    /// Of [`Fault::ExecuteThenCut`].
    pub execute_then_cut: u32,
    /// Most bytes before a cut or a half-open connection; small numbers are as likely as large ones in each power of two.
    pub most_bytes: u32,
    /// Latest request that is executed and cut off.
    pub most_requests: u32,
    /// Longest delay in milliseconds.
    pub most_millis: u32,
    /// Slowest rate in bytes a second; the fastest is 16 times that.
    pub least_rate: u32,
    /// Largest piece that a connection is split into, in bytes; small numbers are as likely as large ones in each power of two.
    pub most_piece: u32,
}

impl Mix {
    /// No fault at all, with numbers that are usual for what is turned on.
    pub const NONE: Self = Self {
        delay: 0,
        throttle: 0,
        split: 0,
        cut: 0,
        half_open: 0,
        reset: 0,
        blackhole: 0,
        execute_then_cut: 0,
        most_bytes: 16_384,
        most_requests: 16,
        most_millis: 3,
        least_rate: 65_536,
        most_piece: 1024,
    };

    /// Every value with its name in the text.
    fn values(&mut self) -> [(&'static str, &mut u32); 13] {
        [
            ("delay", &mut self.delay),
            ("throttle", &mut self.throttle),
            ("split", &mut self.split),
            ("cut", &mut self.cut),
            ("half-open", &mut self.half_open),
            ("reset", &mut self.reset),
            ("blackhole", &mut self.blackhole),
            ("execute-then-cut", &mut self.execute_then_cut),
            ("most-bytes", &mut self.most_bytes),
            ("most-requests", &mut self.most_requests),
            ("most-millis", &mut self.most_millis),
            ("least-rate", &mut self.least_rate),
            ("most-piece", &mut self.most_piece),
        ]
    }

    /// One plan.
    pub(super) fn draw(&self, rng: &mut Rng) -> Plan {
        let mut plan = Plan::clean();
        if draw(rng, 1000) < self.delay {
            let by = Duration::from_millis(1 + u64::from(draw(rng, self.most_millis)));
            plan = plan.and(Fault::Delay { direction: direction(rng), by });
        }
        if draw(rng, 1000) < self.throttle {
            let per_second = u64::from(self.least_rate.max(1)) * (1 + u64::from(draw(rng, 16)));
            plan = plan.and(Fault::Throttle { direction: direction(rng), per_second });
        }
        let of = [self.cut, self.half_open, self.reset, self.blackhole, self.execute_then_cut];
        let all = of.iter().fold(0, |sum: u32, n| sum.saturating_add(*n));
        let mut at = draw(rng, all.max(1000));
        let found = of.iter().position(|n| {
            let here = at < *n;
            at = at.saturating_sub(*n);
            here
        });
        let plan = match found {
            Some(0) => {
                plan.and(Fault::Cut { direction: direction(rng), after: bytes(rng, self.most_bytes), how: how(rng) })
            }
            Some(1) => plan.and(Fault::HalfOpen { direction: direction(rng), after: bytes(rng, self.most_bytes) }),
            Some(2) => plan.and(Fault::Reset),
            Some(3) => plan.and(Fault::Blackhole),
            Some(_) => {
                let request = Request::nth(1 + u64::from(draw(rng, self.most_requests)));
                plan.and(Fault::ExecuteThenCut { request, how: how(rng) })
            }
            None => plan,
        };
        // Last: what is drawn for the others does not depend on it.
        if draw(rng, 1000) < self.split {
            let most = bytes(rng, self.most_piece).max(1);
            return plan.and(Fault::Split { direction: direction(rng), most });
        }
        plan
    }
}

/// A number up to `most`; in each power of two equally often.
fn bytes(rng: &mut Rng, most: u32) -> u64 {
    let powers = 1 + most.checked_ilog2().unwrap_or(0);
    let power = 1u32.checked_shl(1 + draw(rng, powers)).unwrap_or(u32::MAX);
    u64::from(draw(rng, power).min(most))
}

/// A number below `n`; 0 for `n` 0.
fn draw(rng: &mut Rng, n: u32) -> u32 {
    u32::try_from(rng.next() % u64::from(n.max(1))).unwrap_or(0)
}

fn direction(rng: &mut Rng) -> Direction {
    if rng.one_in(2) { Direction::Up } else { Direction::Down }
}

fn how(rng: &mut Rng) -> Cut {
    if rng.one_in(2) { Cut::Rst } else { Cut::Fin }
}

/// The usual mix: half of the connections are clean of cuts, and three in a hundred only end by a timeout of the client.
impl Default for Mix {
    fn default() -> Self {
        Self {
            delay: 200,
            throttle: 50,
            cut: 200,
            half_open: 20,
            reset: 50,
            blackhole: 10,
            execute_then_cut: 220,
            ..Self::NONE
        }
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (name, value)) in (*self).clone().values().into_iter().enumerate() {
            write!(f, "{}{name} {value}", if n > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

/// What the text leaves out is as in [`Mix::NONE`].
impl FromStr for Mix {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut mix = Self::NONE;
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once(' ').ok_or_else(|| unknown("the weight", part))?;
            let mut values = mix.values();
            let (_, slot) = values.iter_mut().find(|(n, _)| *n == name).ok_or_else(|| unknown("the weight", part))?;
            **slot = number(value.trim())?;
        }
        Ok(mix)
    }
}
