//! One direction of a connection: bytes are read, held back, counted, passed on, dropped or cut off.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::sleep;

use super::counts::{Counts, Flow};
use super::plan::{Cut, Direction, Fault, Plan};
use super::shared::Shared;
use super::turns::Turns;

/// Most bytes read at once.
const PIECE: u64 = 65_536;

/// How a direction or a whole connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The sender ended its stream.
    Done,
    /// It is to be cut.
    Cut(Cut),
    /// A socket failed.
    Lost,
}

/// The faults of one direction.
pub(super) struct Lane<'a> {
    direction: Direction,
    shared: &'a Shared,
    turns: &'a Mutex<Turns>,
    delay: Duration,
    rate: Option<u64>,
    /// Most bytes of a piece while faults are on.
    piece: u64,
    cut: Option<(u64, Cut)>,
    hole: Option<u64>,
    passed: u64,
    /// What was dropped is missing for good: there is no way back.
    dropping: bool,
}

impl<'a> Lane<'a> {
    pub(super) fn new(direction: Direction, plan: &Plan, shared: &'a Shared, turns: &'a Mutex<Turns>) -> Self {
        let (delay, rate, piece, cut, hole) = (Duration::ZERO, None, PIECE, None, None);
        let mut lane = Self { direction, shared, turns, delay, rate, piece, cut, hole, passed: 0, dropping: false };
        for fault in plan.faults() {
            match *fault {
                Fault::Delay { direction, by } if direction == lane.direction => lane.delay += by,
                Fault::Throttle { direction, per_second } if direction == lane.direction => {
                    lane.rate = Some(lane.rate.unwrap_or(u64::MAX).min(per_second.max(1)));
                }
                Fault::Split { direction, most } if direction == lane.direction => {
                    lane.piece = lane.piece.min(most.max(1));
                }
                Fault::Cut { direction, after, how } if direction == lane.direction => {
                    lane.cut = Some(lane.cut.filter(|(first, _)| *first <= after).unwrap_or((after, how)));
                }
                Fault::HalfOpen { direction, after } if direction == lane.direction => {
                    lane.hole = Some(lane.hole.unwrap_or(u64::MAX).min(after));
                }
                _ => {}
            }
        }
        // A slow lane moves in small steps, 64 a second.
        lane.piece = lane.rate.map_or(lane.piece, |rate| lane.piece.min((rate / 64).max(1)));
        lane
    }

    /// Passes everything on until the stream ends or is cut.
    pub(super) async fn pump(mut self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> End {
        let mut buffer = vec![0; usize::try_from(PIECE).unwrap_or(1)];
        loop {
            if let Some(how) = self.due() {
                return End::Cut(how);
            }
            let most = if self.shared.is_on() { self.piece } else { PIECE };
            let most = usize::try_from(most).unwrap_or(1);
            let read = match from.read(buffer.get_mut(..most).unwrap_or_default()).await {
                Ok(0) => return self.finish(&mut to).await,
                Ok(read) => buffer.get(..read).unwrap_or_default(),
                Err(_) => return End::Lost,
            };
            self.count(|flow| flow.received += read.len() as u64);
            if let Err(end) = self.pass(read, &mut to).await {
                return end;
            }
        }
    }

    async fn pass(&mut self, read: &[u8], to: &mut WriteHalf<'_>) -> Result<(), End> {
        if self.direction == Direction::Down
            && let Some(how) = self.turns.lock().unwrap_or_else(PoisonError::into_inner).answered()
        {
            return Err(End::Cut(how));
        }
        if self.shared.is_on() && !self.delay.is_zero() {
            sleep(self.delay).await;
        }
        let piece = self.admitted(read);
        if !piece.is_empty() {
            if self.direction == Direction::Up {
                self.turns.lock().unwrap_or_else(PoisonError::into_inner).asked(piece, self.shared);
            }
            self.passed += piece.len() as u64;
            self.count(|flow| flow.passed += piece.len() as u64);
            to.write_all(piece).await.map_err(|_| End::Lost)?;
        }
        if let Some(rate) = self.rate.filter(|_| self.shared.is_on()) {
            sleep(Duration::from_secs(1).mul_f64(read.len() as f64 / rate as f64)).await;
        }
        Ok(())
    }

    /// The part of a piece that goes through.
    fn admitted<'b>(&mut self, read: &'b [u8]) -> &'b [u8] {
        if self.dropping {
            return &[];
        }
        let mut most = read.len();
        if self.shared.is_on() {
            let left = |after: u64| after.checked_sub(self.passed).map(|n| usize::try_from(n).unwrap_or(usize::MAX));
            if let Some(left) = self.cut.and_then(|(after, _)| left(after)) {
                most = most.min(left);
            }
            if let Some(left) = self.hole.and_then(left).filter(|left| *left < most) {
                self.dropping = true;
                most = left;
            }
        }
        read.get(..most).unwrap_or_default()
    }

    /// The cut that comes at this place. One whose place is reached while faults are off is over.
    pub(super) fn due(&mut self) -> Option<Cut> {
        let (_, how) = self.cut.take_if(|(after, _)| *after == self.passed)?;
        self.shared.is_on().then_some(how)
    }

    /// The end of the stream, unless it is dropped as well.
    async fn finish(self, to: &mut WriteHalf<'_>) -> End {
        let dropped = self.dropping || (self.hole == Some(self.passed) && self.shared.is_on());
        match dropped {
            true => End::Done,
            false => to.shutdown().await.map_or(End::Lost, |()| End::Done),
        }
    }

    fn count(&self, change: impl FnOnce(&mut Flow)) {
        self.shared.counts.send_modify(|Counts { up, down, .. }| match self.direction {
            Direction::Up => change(up),
            Direction::Down => change(down),
        });
    }
}
