//! Whether a name is there twice, in 16 bytes a record.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Entries of a chunk: 1 MiB.
const CHUNK: usize = 64 * 1024;

/// The names so far, each as 96 bits of its BLAKE3 hash and the 32 lowest bits of its record's number.
///
/// Chunks are filled and sorted, never grown: a million records take 16 MB, and no more on the way. Two different names with
/// the same 96 bits would be mistaken for one; in a catalog of ten million records that happens once in 10^15.
#[derive(Debug, Default)]
pub(crate) struct Names {
    full: Vec<Vec<u128>>,
    open: Vec<u128>,
}

impl Names {
    /// Adds the name of the record with this number.
    pub(crate) fn add(&mut self, name: &str, number: u64) {
        if self.open.capacity() == 0 {
            self.open.reserve_exact(CHUNK);
        }
        let mut hash = [0; 16];
        blake3::Hasher::new().update(name.as_bytes()).finalize_xof().fill(&mut hash);
        self.open.push(u128::from_le_bytes(hash) << 32 | u128::from(number as u32));
        if self.open.len() == CHUNK {
            self.close();
        }
    }

    fn close(&mut self) {
        let mut chunk = std::mem::take(&mut self.open);
        chunk.sort_unstable();
        self.full.push(chunk);
    }

    /// The numbers of two records with one name, if there are any; the lower first. O(n log n).
    pub(crate) fn twice(mut self) -> Option<(u32, u32)> {
        self.close();
        let mut chunks: Vec<_> = self.full.into_iter().map(Vec::into_iter).collect();
        let mut heap: BinaryHeap<_> =
            chunks.iter_mut().enumerate().filter_map(|(i, c)| Some(Reverse((c.next()?, i)))).collect();
        let mut last: Option<u128> = None;
        while let Some(Reverse((entry, i))) = heap.pop() {
            if let Some(last) = last.filter(|l| l >> 32 == entry >> 32) {
                return Some((last as u32, entry as u32));
            }
            last = Some(entry);
            if let Some(next) = chunks.get_mut(i).and_then(Iterator::next) {
                heap.push(Reverse((next, i)));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn twice(names: impl Iterator<Item = u32>) -> Option<(u32, u32)> {
        let mut all = Names::default();
        for (number, name) in names.enumerate() {
            all.add(&name.to_string(), number as u64);
        }
        all.twice()
    }

    #[test]
    fn a_name_that_is_there_twice_is_found_across_chunks_and_no_other() {
        let n = 3 * CHUNK as u32 + 17;
        assert_eq!(twice(0..0), None);
        assert_eq!(twice(0..n), None);
        assert_eq!(twice([7, 7].into_iter()), Some((0, 1)));
        assert_eq!(twice((0..n).chain([5])), Some((5, n)));
        assert_eq!(twice((0..CHUNK as u32).chain([3])), Some((3, CHUNK as u32)));
    }
}
