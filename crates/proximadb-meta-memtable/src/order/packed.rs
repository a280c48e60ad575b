//! Some keys in order, packed: what one leaf of an order holds. Never changed, only replaced.

/// Entries of a leaf before it is split. In the tests few, so that they see many splits.
const MOST: usize = if cfg!(test) { 4 } else { 128 };
/// Bytes of keys before a leaf of several is split.
const MOST_BYTES: usize = 8192;

/// A key with its slot: a place in an order. Two records may have one key, in different versions.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) key: Box<[u8]>,
    pub(crate) slot: u32,
}

impl Place {
    pub(crate) fn new(key: &[u8], slot: u32) -> Self {
        Self { key: key.into(), slot }
    }
}

/// Keys in order, each with its slot.
#[derive(Clone, Debug, Default)]
pub(crate) struct Packed {
    bytes: Vec<u8>,
    /// Where each key ends in `bytes`, and its slot.
    entries: Vec<(u32, u32)>,
    /// Where the next leaf begins; `None` for the last one.
    pub(crate) high: Option<Place>,
}

impl Packed {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    fn end(&self, at: usize) -> usize {
        self.entries.get(at).map_or(self.bytes.len(), |(end, _)| *end as usize)
    }

    fn begin(&self, at: usize) -> usize {
        at.checked_sub(1).map_or(0, |before| self.end(before))
    }

    pub(crate) fn key(&self, at: usize) -> &[u8] {
        self.bytes.get(self.begin(at)..self.end(at)).unwrap_or_default()
    }

    pub(crate) fn slot(&self, at: usize) -> u32 {
        self.entries.get(at).map_or(u32::MAX, |(_, slot)| *slot)
    }

    /// Where the key and slot are, or where they would be.
    pub(crate) fn find(&self, key: &[u8], slot: u32) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.key(middle).cmp(key).then(self.slot(middle).cmp(&slot)) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Ok(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    /// Adds an entry behind all others.
    pub(crate) fn push(&mut self, key: &[u8], slot: u32) {
        self.bytes.extend_from_slice(key);
        self.entries.push((self.bytes.len() as u32, slot));
    }

    fn extend(&mut self, other: &Self, range: std::ops::Range<usize>) {
        let (from, to) = (other.begin(range.start), other.begin(range.end));
        let base = self.bytes.len();
        self.bytes.extend_from_slice(other.bytes.get(from..to).unwrap_or_default());
        let moved = other.entries.get(range).unwrap_or_default().iter();
        self.entries.extend(moved.map(|(end, slot)| ((*end as usize - from + base) as u32, *slot)));
    }

    fn with_room(entries: usize, bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), entries: Vec::with_capacity(entries), high: None }
    }

    /// With one more entry, which belongs at `at`.
    pub(crate) fn with(&self, at: usize, key: &[u8], slot: u32) -> Self {
        let mut new = Self::with_room(self.len() + 1, self.bytes.len() + key.len());
        new.extend(self, 0..at);
        new.push(key, slot);
        new.extend(self, at..self.len());
        new.high.clone_from(&self.high);
        new
    }

    /// Without the entry at `at`.
    pub(crate) fn without(&self, at: usize) -> Self {
        let mut new = Self::with_room(self.len(), self.bytes.len());
        new.extend(self, 0..at);
        new.extend(self, at + 1..self.len());
        new.high.clone_from(&self.high);
        new
    }

    /// With the next leaf somewhere else.
    pub(crate) fn up_to(&self, high: Option<Place>) -> Self {
        let mut new = self.clone();
        new.high = high;
        new
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len() > MOST || (self.bytes.len() > MOST_BYTES && self.len() > 1)
    }

    /// Full enough for a leaf that is made at once: some can be added before it is split.
    pub(crate) fn is_rather_full(&self) -> bool {
        self.len() >= MOST * 3 / 4 || self.bytes.len() >= MOST_BYTES * 3 / 4
    }

    /// The lower and the upper half, and where the upper one begins.
    pub(crate) fn split(&self) -> (Self, Place, Self) {
        let middle = self.len() / 2;
        let place = Place::new(self.key(middle), self.slot(middle));
        let (mut low, mut high) = (Self::default(), Self::default());
        low.extend(self, 0..middle);
        low.high = Some(place.clone());
        high.extend(self, middle..self.len());
        high.high.clone_from(&self.high);
        (low, place, high)
    }
}
