//! Instants of the catalog (microseconds, UTC, years 0001 to 9999) and the clock that is asked for them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::config::quote;
use crate::error::{Error, Result};

/// An instant: microseconds since 1970-01-01T00:00:00Z. Text form: RFC 3339 in UTC, six digits (`2026-11-24T08:00:00.000000Z`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 0001-01-01T00:00:00Z, the earliest instant a record may hold.
    pub const MIN: Self = Self(-62_135_596_800_000_000);
    /// 9999-12-31T23:59:59.999999Z, the latest instant a record may hold.
    pub const MAX: Self = Self(253_402_300_799_999_999);
    /// Microseconds in a day.
    pub const MICROS_PER_DAY: i64 = 86_400_000_000;

    /// From microseconds since the epoch; [`validate`](Self::validate) checks the range.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// This instant plus `micros`, held inside `MIN..=MAX`.
    #[must_use]
    pub fn saturating_add(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros)).clamp(Self::MIN, Self::MAX)
    }

    /// # Errors
    /// `InvalidInput` outside the years 0001 to 9999.
    pub fn validate(self, field: &str) -> Result<()> {
        if self < Self::MIN || self > Self::MAX {
            return Err(Error::invalid(format!("{field} is outside the years 0001 to 9999 ({} microseconds)", self.0)));
        }
        Ok(())
    }

    /// Reads RFC 3339 with any offset (`2026-11-24T09:00:00+01:00`), or a date alone (midnight UTC).
    /// More than six digits of a second are refused, not rounded; so is a leap second (`:60`), which has no instant of its own.
    ///
    /// # Errors
    /// `InvalidInput` that shows the text and an example.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = || {
            Error::invalid(format!("{} is not a time", quote(text)))
                .with_hint("write it as 2026-11-24T08:00:00Z or 2026-11-24")
        };
        let (civil, offset) = if text.len() == 10 { (text, 0) } else { split_offset(text).ok_or_else(bad)? };
        if !is_civil(civil.as_bytes(), text.len() == 10) {
            return Err(bad());
        }
        let civil: jiff::civil::DateTime = civil.parse().map_err(|_| bad())?;
        let since = civil.duration_since(EPOCH);
        let nanos = since.as_nanos() - i128::from(offset) * 1_000_000_000;
        if nanos.rem_euclid(1000) != 0 {
            return Err(bad().with_hint("at most six digits of a second: microseconds are what is stored"));
        }
        let at = Self(i64::try_from(nanos.div_euclid(1000)).map_err(|_| bad())?);
        at.validate("time").map_err(|_| bad())?;
        Ok(at)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match EPOCH.checked_add(jiff::SignedDuration::from_micros(self.0)) {
            Ok(t) if *self >= Self::MIN && *self <= Self::MAX => write!(f, "{t:.6}Z"),
            _ => write!(f, "invalid-time({})", self.0),
        }
    }
}

/// Civil time is used because it reaches the end of the year 9999, which the library's instants do not.
const EPOCH: jiff::civil::DateTime = jiff::civil::DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// Splits `Z`, `z` or `+hh:mm` off; the offset in seconds.
fn split_offset(text: &str) -> Option<(&str, i64)> {
    if let Some(civil) = text.strip_suffix(['Z', 'z']) {
        return Some((civil, 0));
    }
    let (civil, offset) = text.split_at_checked(text.len().checked_sub(6)?)?;
    let [sign, h1, h2, b':', m1, m2] = *offset.as_bytes() else { return None };
    let two = |a: u8, b: u8| Some(i64::from(char::from(a).to_digit(10)? * 10 + char::from(b).to_digit(10)?));
    let (hours, minutes) = (two(h1, h2)?, two(m1, m2)?);
    let seconds = hours * 3600 + minutes * 60;
    match sign {
        _ if hours > 23 || minutes > 59 => None,
        b'+' => Some((civil, seconds)),
        b'-' => Some((civil, -seconds)),
        _ => None,
    }
}

/// The shape `0000-00-00`, or `0000-00-00T00:00:00` and perhaps a fraction. The library that reads the numbers would take more:
/// a second offset, a time zone in brackets, and pass over them.
fn is_civil(text: &[u8], date: bool) -> bool {
    let Some((whole, fraction)) = text.split_at_checked(if date { 10 } else { 19 }) else { return false };
    let fits = |(at, b): (usize, &u8)| match at {
        4 | 7 => *b == b'-',
        10 => matches!(b, b'T' | b't' | b' '),
        13 | 16 => *b == b':',
        // Not the 60 of a leap second.
        17 => (b'0'..=b'5').contains(b),
        _ => b.is_ascii_digit(),
    };
    let digits = |f: &[u8]| !f.is_empty() && f.iter().all(u8::is_ascii_digit);
    whole.iter().enumerate().all(fits) && (fraction.is_empty() || fraction.strip_prefix(b".").is_some_and(digits))
}

/// Where the adapter gets "now" from. Injected, so that tests move time instead of waiting for it.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The present instant. It may stand still or step back: the adapter never lets `updated_at` decrease.
    fn now(&self) -> Timestamp;
}

/// The machine's wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let micros = match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
            Ok(d) => i64::try_from(d.as_micros()).unwrap_or(i64::MAX),
            Err(e) => i64::try_from(e.duration().as_micros()).map_or(i64::MIN, |m| -m),
        };
        Timestamp(micros).clamp(Timestamp::MIN, Timestamp::MAX)
    }
}

/// A clock that a test sets. Clones share the hand.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock that stands at `start`.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(start.as_micros())))
    }

    /// Moves to `to`, also backwards.
    pub fn set(&self, to: Timestamp) {
        self.0.store(to.as_micros(), Ordering::SeqCst);
    }

    /// Moves by `micros`, also backwards, and returns the new instant.
    pub fn advance(&self, micros: i64) -> Timestamp {
        Timestamp(self.0.fetch_add(micros, Ordering::SeqCst) + micros)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trip_at_the_edges() {
        for t in [Timestamp::MIN, Timestamp::MAX, Timestamp(0), Timestamp(-1), Timestamp(1_764_000_000_123_456)] {
            assert_eq!(Timestamp::parse(&t.to_string()).unwrap(), t, "{t}");
        }
        assert_eq!(Timestamp::MIN.to_string(), "0001-01-01T00:00:00.000000Z");
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T23:59:59.999999Z");
        assert_eq!(Timestamp::parse("2026-11-24").unwrap().to_string(), "2026-11-24T00:00:00.000000Z");
        assert_eq!(Timestamp::parse("1970-01-01T01:00:00+01:00").unwrap(), Timestamp(0));
    }

    #[test]
    fn refuses_what_it_cannot_hold() {
        for bad in [
            "",
            "yesterday",
            "2026-11-24T08:00:00",
            "2026-11-24T08:00:00.1234567Z",
            "2026-11-24Z",
            "2026-11-24T08:00Z",
            "20261124T080000Z",
            "-026-11-24",
            "2026-11-2-",
            "2016-12-31T23:59:60Z",
            "2026-11-24T08:00:00.Z",
            "2026-11-24T08:00:00,5Z",
            "2026-11-24T08:00:00+05:00Z",
            "2026-11-24T08:00:00+05:00+01:00",
            "2026-11-24T08:00:00[Europe/Berlin]Z",
            "2026-11-24T08:00:00++1:00",
            "2026-11-24T08:00:00+1:+2",
            "2026-11-24T08:00:00+24:00",
            "2026-11-24T08:00:00+00:60",
            "10000-01-01T00:00:00Z",
        ] {
            assert!(Timestamp::parse(bad).is_err(), "{bad}");
        }
    }
}
