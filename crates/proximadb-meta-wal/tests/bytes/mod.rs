//! The format written and read by hand, from docs/format.md: what the crate's own code is checked against.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

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
fn frame(out: &mut Vec<u8>, salt: [u8; 16], kind: u8, seq: u64, durable_upto: u64, payload: &[u8]) {
    let mut head = u32::try_from(payload.len()).unwrap().to_le_bytes().to_vec();
    head.extend([kind, 0, 0, 0]);
    head.extend(seq.to_le_bytes());
    head.extend(durable_upto.to_le_bytes());
    head.extend(crc32c::crc32c(payload).to_le_bytes());
    head.extend(crc32c::crc32c(&[&salt, &*head].concat()).to_le_bytes());
    out.extend(head);
    out.extend(payload);
}

/// The same file with another salt: its header and the headers of its frames are made anew. Zeros behind the frames go.
pub(crate) fn with_salt(bytes: &[u8], salt: [u8; 16]) -> Vec<u8> {
    let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let formats = [u32_at(8), u32_at(12), u32_at(16)];
    let mut out = file_header(bytes[..8].try_into().unwrap(), formats, u64_at(24), u64_at(32), salt);
    let mut at = 64;
    while bytes.get(at + 4).is_some_and(|kind| *kind > 0) {
        let end = at + 32 + u32_at(at) as usize;
        frame(&mut out, salt, bytes[at + 4], u64_at(at + 8), u64_at(at + 16), &bytes[at + 32..end]);
        at = end;
    }
    out
}
