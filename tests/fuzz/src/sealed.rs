//! The files of a portable archive of format 2: a manifest whose seal is right, a part whose manifest fits.

use proximadb_meta_core::CollectionMetadata;

use crate::archive::{ID, all_from, lines, restored};

const MANIFEST: &str = "manifest.json";
const PART: &str = "records-00001.ndjson.zst";
/// Most bytes of a part before compression.
const PART_BYTES: usize = 4 << 20;

fn pack(lines: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(lines, 3).expect("lines are compressed")
}

/// Everything of a manifest before its seal, for one part that holds these lines.
fn body(lines: &[u8], stored: &[u8]) -> String {
    let id = |line: Option<&[u8]>| {
        let text = line.and_then(|l| std::str::from_utf8(l).ok()).unwrap_or_default();
        let id = CollectionMetadata::from_json(text.trim_end()).map(|r| r.id.to_string()).unwrap_or_default();
        serde_json::to_string(&id).expect("a text has JSON")
    };
    let mut each = lines.split_inclusive(|b| *b == b'\n');
    let (first, last) = (id(each.clone().next()), id(each.next_back()));
    let (records, bytes) = (lines.split_inclusive(|b| *b == b'\n').count(), lines.len());
    let whole = blake3::hash(lines).to_hex();
    let (length, hash) = (stored.len(), blake3::hash(stored).to_hex());
    format!(
        r#"{{"format":2,"id":"{ID}","namespace":"","created_at":"2026-11-24T08:00:00.000000Z","records":{records},"bytes":{bytes},"blake3":"{whole}","compression":"zstd","snapshot":true,"parts":[
{{"records":{records},"bytes":{bytes},"stored":{length},"blake3":"{hash}","first":{first},"last":{last}}}
]"#
    )
}

fn seal(body: &[u8]) -> Vec<u8> {
    let seal = format!(",\"seal\":\"{}\"}}\n", blake3::hash(body).to_hex());
    [body, seal.as_bytes()].concat()
}

/// What stands in a manifest before its seal, which is made right, beside a good part.
pub(crate) fn manifest(data: &[u8]) -> bool {
    let stored = pack(&lines());
    // As it is, without a seal, it is never taken: what is inside of it could end like one, but not with its own hash.
    assert!(restored(&[(MANIFEST, data), (PART, &stored)]).is_none(), "a manifest without a seal is taken");
    match restored(&[(MANIFEST, &seal(data)), (PART, &stored)]) {
        Some(back) => {
            assert_eq!(back, lines(), "another catalog comes back");
            true
        }
        None => false,
    }
}

/// The file of a part, under a manifest that fits what it decompresses to.
pub(crate) fn part(data: &[u8]) -> bool {
    let lines = zstd::bulk::decompress(data, PART_BYTES).unwrap_or_default();
    match restored(&[(MANIFEST, &seal(body(&lines, data).as_bytes())), (PART, data)]) {
        Some(back) => {
            all_from(&lines, &back);
            true
        }
        None => false,
    }
}

/// Seeds of [`manifest`].
pub(crate) fn manifest_seeds() -> Vec<Vec<u8>> {
    let good = body(&lines(), &pack(&lines()));
    let empty = good.split("\"parts\":[").next().unwrap_or_default().to_owned() + "\"parts\":[\n]";
    [
        good.clone(),
        good.replace("\"format\":2", "\"format\":3"),
        good.replace("\"format\":2", "\"format\":1"),
        good.replace("zstd", "none"),
        good.replacen("\"records\":2", "\"records\":3", 1),
        good.replace("\"stored\":", "\"stored\":18446744073709551615,\"x\":"),
        good.replace("\"first\":\"", "\"first\":\"z"),
        good.replace("\"parts\":[", "\"parts\":[null,"),
        empty,
    ]
    .map(String::into_bytes)
    .into()
}

/// Seeds of [`part`].
pub(crate) fn part_seeds() -> Vec<Vec<u8>> {
    let good = pack(&lines());
    let halves = lines().split_inclusive(|b| *b == b'\n').flat_map(pack).collect();
    vec![
        good.clone(),
        halves,
        good.get(..good.len() / 2).unwrap_or_default().to_vec(),
        [&good[..], b"\n"].concat(),
        [&b"\x50\x2a\x4d\x18\x04\x00\x00\x00skip"[..], &good].concat(),
        pack(b""),
        pack(b"\n"),
        pack(&[0; 1 << 16]),
        pack(&lines().repeat(2)),
        Vec::new(),
    ]
}
