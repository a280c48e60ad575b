//! How a replica stands: how far it is, or why nobody reads from it.

use std::fmt;
use std::time::Instant;

use proximadb_meta_core::Error;

/// What the last look at a replica, or the last read there, has shown.
#[derive(Clone, Debug)]
pub(crate) enum Standing {
    /// Too little to say anything: it was not asked yet, or there is no position yet that it had the time to replay.
    Unknown,
    /// It has everything that was acknowledged before this instant.
    Has(Instant),
    /// Nobody reads from it.
    Out(Why),
}

/// Why a replica is left out.
#[derive(Clone, Debug)]
pub(crate) enum Why {
    /// It takes too long to say its position.
    Silent,
    /// A look at it failed, or a read there.
    Failed(Error),
    /// It is no standby any more, or one of another log.
    Apart(&'static str),
    /// It has replayed none of the positions that were noted.
    Behind,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent => f.write_str("it does not answer"),
            Self::Failed(e) => e.fmt(f),
            Self::Apart(how) => f.write_str(how),
            Self::Behind => f.write_str("it is too far behind"),
        }
    }
}

/// What can be told of a replica.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    /// `host:port`.
    pub(crate) place: &'a str,
    pub(crate) weight: u16,
    pub(crate) standing: Standing,
    /// Reads that were sent to it.
    pub(crate) asked: u64,
}

/// What somebody has to see to: each replica that is left out, by name and with the reason. One that merely lags will catch up by
/// itself; it is told of once there is none left that serves.
pub(crate) fn ailing<'a>(all: impl Iterator<Item = Seen<'a>>) -> Option<String> {
    let (mut count, mut out, mut ails) = (0, Vec::new(), false);
    for seen in all {
        count += 1;
        if let Standing::Out(why) = &seen.standing {
            ails |= !matches!(why, Why::Behind);
            out.push(format!("{} ({why})", seen.place));
        }
    }
    let none_left = out.len() == count;
    if out.is_empty() || !(ails || none_left) {
        return None;
    }
    let rest = if none_left { "; the primary serves their reads" } else { "" };
    Some(format!("{} of {count} replicas left out: {}{rest}", out.len(), out.join(", ")))
}

#[cfg(test)]
mod tests {
    use proximadb_meta_core::ErrorKind;

    use super::*;

    fn told(all: &[Standing]) -> Option<String> {
        let places = ["one:1", "two:2", "three:3"];
        let all = all.iter().zip(places);
        ailing(all.map(|(standing, place)| Seen { place, weight: 1, standing: standing.clone(), asked: 0 }))
    }

    #[test]
    fn who_is_left_out_is_named_with_the_reason() {
        let has = || Standing::Has(Instant::now());
        let silent = || Standing::Out(Why::Silent);
        let failed = || Standing::Out(Why::Failed(Error::new(ErrorKind::Unavailable, "nothing listens")));
        let cases = [
            (vec![], None),
            (vec![has(), has()], None),
            (vec![Standing::Unknown, Standing::Unknown], None),
            (vec![has(), silent()], Some("1 of 2 replicas left out: two:2 (it does not answer)")),
            (vec![Standing::Unknown, failed()], Some("1 of 2 replicas left out: two:2 (nothing listens)")),
        ];
        for (all, wanted) in cases {
            assert_eq!(told(&all).as_deref(), wanted, "{all:?}");
        }
        let cause = told(&[silent(), failed()]).unwrap();
        let all = "2 of 2 replicas left out: one:1 (it does not answer), two:2 (nothing listens)";
        assert_eq!(cause, format!("{all}; the primary serves their reads"));
    }

    #[test]
    fn one_that_lags_is_told_of_once_none_is_left() {
        let (has, behind) = (Standing::Has(Instant::now()), Standing::Out(Why::Behind));
        assert_eq!(told(&[has.clone(), behind.clone()]), None);
        assert_eq!(told(&[Standing::Unknown, behind.clone()]), None);
        let cause = told(&[behind.clone(), behind.clone()]).unwrap();
        assert!(cause.starts_with("2 of 2") && cause.contains("one:1 (it is too far behind)"), "{cause}");
        // Beside one that needs somebody to see to it, it is named too.
        let cause = told(&[has, behind, Standing::Out(Why::Apart("it is no standby"))]).unwrap();
        assert!(
            cause.starts_with("2 of 3") && cause.contains("two:2") && cause.contains("three:3 (it is no"),
            "{cause}"
        );
    }
}
