//! The shape of a unit's bytes, checked before the Avro library sees them: it would allocate whatever a length says.
//!
//! A few bytes can name a text of half a gigabyte. Here every length must fit what is left, every count its limit, and the
//! bytes must end where the unit does.

use proximadb_meta_core::limits::{MAX_RECORD_BYTES, MAX_TAGS};

/// Most deletes, most records and most counters of a unit: more than three for each operation of the largest batch.
pub(crate) const MAX_ENTRIES: usize = 32 * 1024;

/// What a field of the schema is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Text,
    Long,
    Flag,
    MaybeText,
    MaybeLong,
    /// Texts, at most so many.
    Texts(usize),
    /// Records of these fields, at most so many.
    Records(&'static [(&'static str, Shape)], usize),
}

/// The fields of the schema in `unit.v1.avsc`, in its order.
const UNIT: &[(&str, Shape)] = &[
    ("namespace", Shape::Text),
    ("deletes", Shape::Texts(MAX_ENTRIES)),
    ("puts", Shape::Records(RECORD, MAX_ENTRIES)),
    ("counters", Shape::Records(COUNTERS, MAX_ENTRIES)),
];

const RECORD: &[(&str, Shape)] = &[
    ("id", Shape::Text),
    ("name", Shape::Text),
    ("dimension", Shape::Long),
    ("distance_metric", Shape::Text),
    ("indexing_algorithm", Shape::Text),
    ("created_at", Shape::Long),
    ("updated_at", Shape::Long),
    ("vector_count", Shape::Long),
    ("total_size_bytes", Shape::Long),
    ("access_pattern", Shape::Text),
    ("retain_days", Shape::MaybeLong),
    ("auto_delete", Shape::Flag),
    ("expires_at", Shape::MaybeLong),
    ("config", Shape::Text),
    ("description", Shape::MaybeText),
    ("owner", Shape::MaybeText),
    ("tags", Shape::Texts(MAX_TAGS)),
    ("version", Shape::Long),
    ("incarnation", Shape::Long),
    ("extra", Shape::Text),
];

const COUNTERS: &[(&str, Shape)] =
    &[("id", Shape::Text), ("incarnation", Shape::Long), ("vectors", Shape::Long), ("bytes", Shape::Long)];

type Step<T = ()> = Result<T, &'static str>;

/// Checks that the bytes have the shape of one unit and nothing behind it; the offset and what is wrong there.
pub(crate) fn check(bytes: &[u8]) -> Result<(), (usize, &'static str)> {
    let mut walk = Walk::new(bytes);
    walk.unit().map_err(|what| (bytes.len() - walk.left(), what))
}

/// A place in the bytes of a unit, and the parts of it that can stand there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walk<'a> {
    rest: &'a [u8],
}

impl<'a> Walk<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes are left.
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    fn unit(&mut self) -> Step {
        self.fields(UNIT)?;
        self.finish()
    }

    /// The unit must end here.
    pub(crate) fn finish(&self) -> Step {
        if self.rest.is_empty() { Ok(()) } else { Err("bytes follow the unit inside its frame") }
    }

    fn fields(&mut self, fields: &[(&str, Shape)]) -> Step {
        fields.iter().try_for_each(|(_, shape)| self.value(*shape))
    }

    fn value(&mut self, shape: Shape) -> Step {
        match shape {
            Shape::Text => self.text().map(drop),
            Shape::Long => self.long().map(drop),
            Shape::Flag => self.flag().map(drop),
            Shape::MaybeText => self.maybe(Shape::Text),
            Shape::MaybeLong => self.maybe(Shape::Long),
            Shape::Texts(most) => self.items(most, |walk| walk.text().map(drop)),
            Shape::Records(fields, most) => self.items(most, |walk| walk.fields(fields)),
        }
    }

    fn maybe(&mut self, shape: Shape) -> Step {
        if self.present()? { self.value(shape) } else { Ok(()) }
    }

    /// Whether an optional value is there.
    pub(crate) fn present(&mut self) -> Step<bool> {
        match self.long()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err("an optional value is neither there nor absent"),
        }
    }

    /// A truth value.
    pub(crate) fn flag(&mut self) -> Step<bool> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err("a truth value is neither 0 nor 1"),
        }
    }

    /// The bytes of a text.
    pub(crate) fn text(&mut self) -> Step<&'a [u8]> {
        let length = self.long()?;
        let length = usize::try_from(length).ok().filter(|n| *n <= MAX_RECORD_BYTES).ok_or("a text is too long")?;
        let (text, rest) = self.rest.split_at_checked(length).ok_or("a text is cut short")?;
        self.rest = rest;
        Ok(text)
    }

    /// Blocks of items; the block of none is the last. A negative count is followed by the block's length in bytes.
    pub(crate) fn items<E: From<&'static str>>(
        &mut self,
        most: usize,
        mut item: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut left = most as u64;
        loop {
            let count = self.long()?;
            if count == 0 {
                return Ok(());
            }
            left = left.checked_sub(count.unsigned_abs()).ok_or("a list has more entries than it can have")?;
            let end = if count < 0 { Some(self.block_end()?) } else { None };
            (0..count.unsigned_abs()).try_for_each(|_| item(self))?;
            if end.is_some_and(|end| end != self.rest.len()) {
                return Err("a block of a list has another length than it says".into());
            }
        }
    }

    /// How many bytes are left when the block that begins here ends where it says.
    fn block_end(&mut self) -> Step<usize> {
        let length = usize::try_from(self.long()?).map_err(|_| "a block of a list has a length below 0")?;
        self.rest.len().checked_sub(length).ok_or("a block of a list is cut short")
    }

    fn byte(&mut self) -> Step<u8> {
        let (byte, rest) = self.rest.split_first().ok_or("the unit is cut short")?;
        self.rest = rest;
        Ok(*byte)
    }

    /// A number: seven bits a byte, the lowest first, its sign in the lowest bit.
    pub(crate) fn long(&mut self) -> Step<i64> {
        let mut bits = 0;
        for at in 0..10 {
            let byte = self.byte()?;
            bits |= u64::from(byte & 0x7f) << (at * 7);
            if at == 9 && byte > 1 {
                break;
            }
            if byte < 0x80 {
                return Ok((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed());
            }
        }
        Err("a number has more than 64 bits")
    }
}

#[cfg(test)]
mod tests {
    use apache_avro::Schema;
    use apache_avro::schema::RecordSchema;

    use super::*;

    fn shape(schema: &Schema, most: usize) -> Shape {
        match schema {
            Schema::String => Shape::Text,
            Schema::Long => Shape::Long,
            Schema::Boolean => Shape::Flag,
            Schema::Union(u) if u.variants() == [Schema::Null, Schema::String] => Shape::MaybeText,
            Schema::Union(u) if u.variants() == [Schema::Null, Schema::Long] => Shape::MaybeLong,
            Schema::Array(a) => match &*a.items {
                Schema::String => Shape::Texts(most),
                Schema::Record(r) => Shape::Records(if r.name.name() == "Record" { RECORD } else { COUNTERS }, most),
                other => panic!("an array of {other:?}"),
            },
            other => panic!("a field is {other:?}"),
        }
    }

    fn agree(record: &RecordSchema, fields: &[(&str, Shape)], most: usize) {
        let theirs: Vec<(&str, Shape)> = record.fields.iter().map(|f| (&*f.name, shape(&f.schema, most))).collect();
        assert_eq!(theirs, fields);
    }

    #[test]
    fn the_shape_is_that_of_the_schema() {
        let Schema::Record(unit) = Schema::parse_str(include_str!("unit.v1.avsc")).unwrap() else { panic!("a record") };
        agree(&unit, UNIT, MAX_ENTRIES);
        for field in unit.fields {
            if let Schema::Array(a) = &field.schema
                && let Schema::Record(r) = &*a.items
            {
                agree(r, if r.name.name() == "Record" { RECORD } else { COUNTERS }, MAX_TAGS);
            }
        }
    }

    fn what(bytes: &[u8]) -> &'static str {
        check(bytes).unwrap_err().1
    }

    #[test]
    fn hostile_lengths_and_counts_are_refused() {
        // A text of half a gigabyte, of more than there is, of less than nothing.
        assert_eq!(what(&[0x80, 0x80, 0x80, 0x80, 0x04]), "a text is too long");
        assert_eq!(what(&[6, b'a', b'b']), "a text is cut short");
        assert_eq!(what(&[1]), "a text is too long");
        // 2^40 deletes, as one block and as one with its length; minus 2^63 of them.
        assert_eq!(what(&[0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40]), "a list has more entries than it can have");
        assert_eq!(what(&[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f, 0]), "a list has more entries than it can have");
        let lowest = [0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
        assert_eq!(what(&lowest), "a list has more entries than it can have");
        // Numbers of more than 64 bits.
        assert_eq!(what(&[0x80; 11]), "a number has more than 64 bits");
        assert_eq!(what(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2]), "a number has more than 64 bits");
        assert_eq!(what(&[]), "the unit is cut short");
        assert_eq!(check(&[0, 0, 0, 0, 9]), Err((4, "bytes follow the unit inside its frame")));
    }

    #[test]
    fn blocks_may_say_their_length_and_must_keep_it() {
        assert_eq!(check(&[0, 2, 2, b'a', 0, 0, 0]), Ok(()));
        assert_eq!(check(&[0, 1, 4, 2, b'a', 0, 0, 0]), Ok(()));
        assert_eq!(check(&[0, 1, 4, 2, b'a', 2, 2, b'b', 0, 0, 0]), Ok(()), "two blocks");
        assert_eq!(what(&[0, 1, 2, 2, b'a', 0, 0, 0]), "a block of a list has another length than it says");
        assert_eq!(what(&[0, 1, 6, 2, b'a', 0, 0, 0]), "a block of a list has another length than it says");
        assert_eq!(what(&[0, 1, 99, 2, b'a', 0, 0, 0]), "a block of a list has a length below 0");
        assert_eq!(what(&[0, 1, 98, 2, b'a', 0, 0, 0]), "a block of a list is cut short");
    }
}
