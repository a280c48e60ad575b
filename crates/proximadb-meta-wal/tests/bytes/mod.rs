//! The format written and read by hand, from docs/format.md: what the crate's own code is checked against.
#![allow(dead_code, missing_docs, clippy::unwrap_used, reason = "each test binary uses its own part of this")]

/// Kinds of frames.
pub(crate) const UNIT: u8 = 1;
pub(crate) const END: u8 = 4;

/// A file header.
pub(crate) fn file_header(magic: &[u8; 8], formats: [u32; 3], number: u64, seq: u64, salt: [u8; 16]) -> Vec<u8> {
    let mut out = magic.to_vec();
    formats.iter().for_each(|n| out.extend(n.to_le_bytes()));
    out.extend([0; 4]);
    out.extend(number.to_le_bytes());
    out.extend(seq.to_le_bytes());
    out.extend(salt);
    out.extend([0; 4]);
    out.extend(crc32c::crc32c(&out).to_le_bytes());
    out
}

/// Appends a frame.
pub(crate) fn frame(out: &mut Vec<u8>, salt: [u8; 16], kind: u8, seq: u64, durable_upto: u64, payload: &[u8]) {
    let mut head = u32::try_from(payload.len()).unwrap().to_le_bytes().to_vec();
    head.extend([kind, 0, 0, 0]);
    head.extend(seq.to_le_bytes());
    head.extend(durable_upto.to_le_bytes());
    head.extend(crc32c::crc32c(payload).to_le_bytes());
    head.extend(crc32c::crc32c(&[&salt, &*head].concat()).to_le_bytes());
    out.extend(head);
    out.extend(payload);
}

/// The same file with another salt: its header and the headers of its frames are made anew.
pub(crate) fn with_salt(bytes: &[u8], salt: [u8; 16]) -> Vec<u8> {
    let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let formats = [u32_at(8), u32_at(12), u32_at(16)];
    let mut out = file_header(bytes[..8].try_into().unwrap(), formats, u64_at(24), u64_at(32), salt);
    let mut at = 64;
    while at < bytes.len() {
        let end = at + 32 + u32_at(at) as usize;
        frame(&mut out, salt, bytes[at + 4], u64_at(at + 8), u64_at(at + 16), &bytes[at + 32..end]);
        at = end;
    }
    out
}

/// An Avro long.
pub(crate) fn long(out: &mut Vec<u8>, n: i64) {
    let mut rest = (n.cast_unsigned() << 1) ^ (n >> 63).cast_unsigned();
    while rest >= 0x80 {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// An Avro string.
pub(crate) fn text(out: &mut Vec<u8>, text: &str) {
    long(out, i64::try_from(text.len()).unwrap());
    out.extend(text.as_bytes());
}

/// An Avro array of one block.
pub(crate) fn array<T>(out: &mut Vec<u8>, items: &[T], mut item: impl FnMut(&mut Vec<u8>, &T)) {
    if !items.is_empty() {
        long(out, i64::try_from(items.len()).unwrap());
        items.iter().for_each(|i| item(out, i));
    }
    long(out, 0);
}

/// The smallest record there is.
pub(crate) fn tiny(out: &mut Vec<u8>, id: &str, name: &str) {
    text(out, id);
    text(out, name);
    long(out, 1); // dimension
    text(out, "x"); // distance_metric
    text(out, "x"); // indexing_algorithm
    (0..4).for_each(|_| long(out, 0)); // times and counters
    text(out, "hot"); // access_pattern
    out.extend([0, 0, 0]); // retain_days, auto_delete, expires_at
    text(out, "{}"); // config
    out.extend([0, 0]); // description, owner
    long(out, 0); // tags
    long(out, 1); // version
    long(out, 1); // incarnation
    text(out, "{}"); // extra
}
