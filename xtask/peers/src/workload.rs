//! What is written and asked for: numbers, ids, names and records, the same in every run.

use crate::catalog::Record;

/// One step of splitmix64: a number that shows nothing of the one it was made from.
pub(crate) fn mix(x: u64) -> u64 {
    let mut x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// A sequence of numbers.
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mix(self.0)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }
}

/// The id of a number: a UUID whose order is not the order of the numbers.
pub(crate) fn id_of(i: u64) -> String {
    let (a, b) = (mix(i ^ 0xA5A5), mix(i ^ 0x5A5A_0000));
    let (a0, a1, a2) = (a >> 32, (a >> 16) & 0xffff, a & 0xfff);
    format!("{a0:08x}-{a1:04x}-4{a2:03x}-a{:03x}-{:012x}", b >> 52, b & 0xffff_ffff_ffff)
}

/// The name of a number, in an order of its own.
pub(crate) fn name_of(i: u64) -> String {
    format!("coll_{:06x}_{i:08}", mix(i) >> 40)
}

/// Owners, a tenth of the records each.
pub(crate) fn owner(i: u64) -> String {
    format!("owner-{:02}", i % 10)
}

/// Tags, on a tenth of the records each.
pub(crate) fn tag(i: u64) -> String {
    format!("tag-{:02}", i % 25)
}

const DIMENSIONS: [u32; 8] = [64, 128, 256, 384, 512, 768, 1024, 1536];

/// The record of a number. An owner and a tag together select a hundredth, `dimension >= 384` five eighths of it.
pub(crate) fn record(i: u64) -> Record {
    let mut r = Rng::new(mix(i ^ 0xC0_FFEE));
    let mut tags: Vec<String> = (0..r.below(6)).map(|_| tag(r.below(25))).collect();
    tags.sort_unstable();
    tags.dedup();
    let dimension = DIMENSIONS.get(r.below(8) as usize).copied().unwrap_or(768);
    let at = 1_700_000_000_000_000 + i as i64;
    Record {
        id: id_of(i),
        name: name_of(i),
        dimension,
        distance_metric: r.below(4) as u8,
        indexing_algorithm: r.below(5) as u8,
        created_at: at,
        updated_at: at,
        vector_count: r.below(1_000_000) as i64,
        total_size_bytes: r.below(1 << 40) as i64,
        config: config(&mut r),
        access_pattern: r.below(4) as u8,
        description: format!(
            "Embeddings of corpus {:08x} for tenant team {:04}, refreshed nightly by job {:06}",
            r.below(1 << 32),
            r.below(9999),
            r.below(999_999)
        ),
        tags,
        owner: Some(owner(r.below(10))),
        version: 1,
    }
}

/// Keys are sorted and there are no blanks: the text is the same in every engine.
fn config(r: &mut Rng) -> String {
    format!(
        r#"{{"compaction":{{"interval_s":{},"min_segments":4}},"index":{{"ef_construction":{},"ef_search":{},"kind":"hnsw","m":{}}},"quantization":{{"bits":8,"kind":"pq","subvectors":{}}},"seed":"{:016x}"}}"#,
        10 + r.below(3000),
        100 + r.below(300),
        40 + r.below(300),
        8 + r.below(56),
        8 + r.below(88),
        r.next()
    )
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_and_names_are_unique_and_records_repeat() {
        let ids: HashSet<String> = (0..10_000).map(id_of).collect();
        let names: HashSet<String> = (0..10_000).map(name_of).collect();
        assert_eq!((ids.len(), names.len()), (10_000, 10_000));
        assert!(ids.iter().all(|id| id.len() == 36));
        assert_eq!(record(7), record(7));
    }

    #[test]
    fn the_filter_selects_what_it_says() {
        let n = 100_000;
        let wanted = |r: &Record| {
            r.owner.as_deref() == Some("owner-03") && r.tags.iter().any(|t| t == "tag-04") && r.dimension >= 384
        };
        let matches = (0..n).map(record).filter(wanted).count();
        assert!((500..750).contains(&matches), "{matches}");
    }

    #[test]
    fn the_configuration_is_in_its_canonical_form() {
        use proximadb_meta::core::ConfigJson;
        let text = record(3).config;
        assert_eq!(ConfigJson::parse(&text).unwrap().as_str(), text);
    }
}
