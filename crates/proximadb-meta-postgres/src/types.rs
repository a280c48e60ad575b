//! Values as PostgreSQL's binary protocol has them, where the driver has no type of its own: instants and JSON that is text here.

use std::error::Error as StdError;

use bytes::{BufMut as _, BytesMut};
use proximadb_meta_core::Timestamp;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

/// Microseconds from 1970 to 2000, where PostgreSQL's instants begin.
const EPOCH: i64 = 946_684_800_000_000;

/// A `TIMESTAMPTZ`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Instant(pub(crate) Timestamp);

impl ToSql for Instant {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        // Out of range is before or after everything: PostgreSQL's infinities are the ends of the numbers.
        out.put_i64(self.0.as_micros().saturating_sub(EPOCH));
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMPTZ
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Instant {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        let micros = i64::from_be_bytes(raw.try_into()?);
        let micros = micros.checked_add(EPOCH).ok_or("an instant is out of range")?;
        let at = Timestamp::from_micros(micros);
        at.validate("instant")?;
        Ok(Self(at))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMPTZ
    }
}

/// A `JSONB` or a `JSONPATH`, from its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: AsRef<str> + std::fmt::Debug> ToSql for Json<T> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        // The version of the binary form: text follows.
        out.put_u8(1);
        out.put_slice(self.0.as_ref().as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::JSONB || *ty == Type::JSONPATH
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_come_back() {
        for at in [Timestamp::MIN, Timestamp::MAX, Timestamp::from_micros(0), Timestamp::from_micros(-1)] {
            let mut out = BytesMut::new();
            Instant(at).to_sql(&Type::TIMESTAMPTZ, &mut out).unwrap();
            assert_eq!(Instant::from_sql(&Type::TIMESTAMPTZ, &out).unwrap(), Instant(at));
        }
        for infinity in [i64::MIN, i64::MAX] {
            assert!(Instant::from_sql(&Type::TIMESTAMPTZ, &infinity.to_be_bytes()).is_err());
        }
    }
}
