//! A part of an archive: whole lines, compressed, with a hash of their own.

use proximadb_meta_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use crate::error::corrupt;

/// Most bytes of a part before compression. A reader allocates this, and what is stored of it, at once.
pub(crate) const PART_BYTES: usize = 4 * 1024 * 1024;
/// Most bytes of a compressed part: what zstd makes of 4 MiB of noise, and a little.
pub(crate) const STORED_BYTES: usize = PART_BYTES + PART_BYTES / 128;
/// Most parts of an archive: 256 GiB of records.
pub(crate) const MAX_PARTS: usize = 65_536;
/// zstd's own default: what is faster compresses much worse, what is smaller is much slower.
const LEVEL: i32 = 3;

/// What the manifest says of a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    /// Records in it, at least 1.
    pub(crate) records: u64,
    /// Bytes of its lines.
    pub(crate) bytes: u64,
    /// Bytes of the file.
    pub(crate) stored: u64,
    /// BLAKE3 of the file, hexadecimal.
    pub(crate) blake3: String,
    /// Id of its first record.
    pub(crate) first: String,
    /// Id of its last record.
    pub(crate) last: String,
}

/// The file of the part with this index, counted from 0.
pub(crate) fn file_name(index: usize) -> String {
    format!("records-{:05}.ndjson.zst", index + 1)
}

/// Compresses the lines of a part: one zstd frame.
pub(crate) fn pack(lines: &[u8]) -> Result<Vec<u8>> {
    zstd::bulk::compress(lines, LEVEL)
        .map_err(|e| Error::new(ErrorKind::Internal, "a part cannot be compressed").with_source(e))
}

impl Part {
    /// The lines in a file of a part. Nothing is decompressed whose hash is not the manifest's, and never more than the
    /// manifest says.
    ///
    /// # Errors
    /// `Corruption` with `place`.
    pub(crate) fn unpack(&self, stored: &[u8], place: &str) -> Result<Vec<u8>> {
        if stored.len() as u64 != self.stored {
            let (is, said) = (stored.len(), self.stored);
            return Err(corrupt(place, format!("it has {is} bytes; the manifest says {said}")));
        }
        if blake3::hash(stored).to_hex().as_str() != self.blake3 {
            return Err(corrupt(place, "its hash is not the manifest's: it was damaged or changed"));
        }
        let bytes = usize::try_from(self.bytes).ok().filter(|b| *b <= PART_BYTES);
        let bytes = bytes.ok_or_else(|| corrupt(place, "the manifest gives it more bytes than a part has"))?;
        let mut lines = Vec::with_capacity(bytes);
        let mut zstd = zstd::bulk::Decompressor::new()
            .map_err(|e| Error::new(ErrorKind::Internal, "zstd cannot be started").with_source(e))?;
        match zstd.decompress_to_buffer(stored, &mut lines) {
            Ok(n) if n == bytes && lines.len() == bytes => Ok(lines),
            Ok(n) => Err(corrupt(place, format!("it holds {n} bytes of records; the manifest says {bytes}"))),
            Err(e) => Err(corrupt(place, format!("it holds no {bytes} bytes of records: {e}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(lines: &[u8], stored: &[u8]) -> Part {
        Part {
            records: 1,
            bytes: lines.len() as u64,
            stored: stored.len() as u64,
            blake3: blake3::hash(stored).to_hex().to_string(),
            first: "a".to_owned(),
            last: "a".to_owned(),
        }
    }

    #[test]
    fn noise_of_the_largest_size_fits_and_comes_back() {
        let mut noise = vec![0; PART_BYTES];
        blake3::Hasher::new().finalize_xof().fill(&mut noise);
        let stored = pack(&noise).unwrap();
        assert!(stored.len() > PART_BYTES && stored.len() <= STORED_BYTES, "{}", stored.len());
        assert!(part(&noise, &stored).unpack(&stored, "x").unwrap() == noise);
    }

    #[test]
    fn a_part_that_holds_more_or_less_than_it_says_is_refused() {
        let lines = vec![b'a'; 1000];
        let stored = pack(&lines).unwrap();
        for bytes in [999, 1001, 0, PART_BYTES as u64 + 1] {
            let lying = Part { bytes, ..part(&lines, &stored) };
            assert_eq!(lying.unpack(&stored, "x").unwrap_err().kind(), ErrorKind::Corruption, "{bytes}");
        }
        let twice = [stored.clone(), stored.clone()].concat();
        assert!(part(&lines, &twice).unpack(&twice, "x").is_err());
        for length in 0..stored.len() {
            let cut = &stored[..length];
            assert!(part(&lines, cut).unpack(cut, "x").is_err(), "{length}");
        }
    }
}
