//! Faults and plans as text that is read back the same.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use proximadb_meta_core::{Error, ErrorKind, Result};

use super::plan::{Cut, Direction, Fault, Plan, Request, Which};

/// The forms of a fault, for the hint of an error.
const FORMS: &str = "expected one of: clean; delay up|down 5ms|5us; throttle up|down 100/s; split up|down 7; cut up|down after 17 rst|fin; \
    half-open up|down after 17; reset; blackhole; execute-then-cut 3 rst|fin; execute-then-cut containing TEXT rst|fin";

/// An error about a part of the text.
pub(super) fn unknown(what: &str, part: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("{what} {part:?} is not understood")).with_hint(FORMS)
}

/// A number.
pub(super) fn number<T: FromStr>(part: &str) -> Result<T> {
    part.parse().map_err(|_| unknown("the number", part))
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Up => "up",
            Self::Down => "down",
        })
    }
}

impl FromStr for Direction {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "up" => Ok(Self::Up),
            "down" => Ok(Self::Down),
            _ => Err(unknown("the direction", text)),
        }
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rst => "rst",
            Self::Fin => "fin",
        })
    }
}

impl FromStr for Cut {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "rst" => Ok(Self::Rst),
            "fin" => Ok(Self::Fin),
            _ => Err(unknown("the way to cut", text)),
        }
    }
}

/// Letters and digits as they are, every other byte as `%` and two hexadecimal digits: no space, comma or bar is left.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = match &self.0 {
            Which::Nth(n) => return write!(f, "{n}"),
            Which::Containing(bytes) => bytes,
        };
        f.write_str("containing ")?;
        for byte in bytes.iter() {
            match byte {
                b if b.is_ascii_alphanumeric() => write!(f, "{}", char::from(*b))?,
                b => write!(f, "%{b:02x}")?,
            }
        }
        Ok(())
    }
}

/// The bytes that [`Request`] prints.
fn bytes(text: &str) -> Result<Vec<u8>> {
    let mut left = text.bytes();
    let mut all = Vec::new();
    while let Some(byte) = left.next() {
        all.push(match byte {
            b'%' => {
                let digit =
                    |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
                match (digit(left.next()), digit(left.next())) {
                    (Some(high), Some(low)) => high * 16 + low,
                    _ => return Err(unknown("the escape in", text)),
                }
            }
            plain => plain,
        });
    }
    Ok(all)
}

fn duration(text: &str) -> Result<Duration> {
    let (digits, unit) = text.split_at(text.trim_end_matches(|c: char| !c.is_ascii_digit()).len());
    match unit {
        "ms" => Ok(Duration::from_millis(number(digits)?)),
        "us" => Ok(Duration::from_micros(number(digits)?)),
        _ => Err(unknown("the duration", text)),
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delay { direction, by } if by.subsec_micros().is_multiple_of(1000) => {
                write!(f, "delay {direction} {}ms", by.as_millis())
            }
            Self::Delay { direction, by } => write!(f, "delay {direction} {}us", by.as_micros()),
            Self::Throttle { direction, per_second } => write!(f, "throttle {direction} {per_second}/s"),
            Self::Split { direction, most } => write!(f, "split {direction} {most}"),
            Self::Cut { direction, after, how } => write!(f, "cut {direction} after {after} {how}"),
            Self::HalfOpen { direction, after } => write!(f, "half-open {direction} after {after}"),
            Self::Reset => f.write_str("reset"),
            Self::Blackhole => f.write_str("blackhole"),
            Self::ExecuteThenCut { request, how } => write!(f, "execute-then-cut {request} {how}"),
        }
    }
}

impl FromStr for Fault {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        Ok(match *words {
            ["delay", direction, by] => Self::Delay { direction: direction.parse()?, by: duration(by)? },
            ["throttle", direction, rate] => {
                let rate = rate.strip_suffix("/s").ok_or_else(|| unknown("the rate", rate))?;
                Self::Throttle { direction: direction.parse()?, per_second: number(rate)? }
            }
            ["split", direction, most] => Self::Split { direction: direction.parse()?, most: number(most)? },
            ["cut", direction, "after", n, how] => {
                Self::Cut { direction: direction.parse()?, after: number(n)?, how: how.parse()? }
            }
            ["half-open", direction, "after", n] => Self::HalfOpen { direction: direction.parse()?, after: number(n)? },
            ["reset"] => Self::Reset,
            ["blackhole"] => Self::Blackhole,
            ["execute-then-cut", "containing", needle, how] => {
                Self::ExecuteThenCut { request: Request::containing(bytes(needle)?)?, how: how.parse()? }
            }
            ["execute-then-cut", n, how] => {
                Self::ExecuteThenCut { request: Request::nth(number(n)?), how: how.parse()? }
            }
            _ => return Err(unknown("the fault", text)),
        })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.faults().is_empty() {
            return f.write_str("clean");
        }
        for (n, fault) in self.faults().iter().enumerate() {
            if n > 0 {
                f.write_str(", ")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl FromStr for Plan {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.trim() {
            "clean" => Ok(Self::clean()),
            faults => faults.split(',').map(str::parse).collect::<Result<_>>().map(Self::new),
        }
    }
}
