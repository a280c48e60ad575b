//! Payloads of units, written by hand: the library would not write these.

/// A number.
pub(crate) fn long(n: i64) -> Vec<u8> {
    let mut bits = ((n << 1) ^ (n >> 63)).cast_unsigned();
    let mut out = Vec::new();
    while bits > 0x7f {
        out.push(bits as u8 | 0x80);
        bits >>= 7;
    }
    out.push(bits as u8);
    out
}

/// A text.
pub(crate) fn text(bytes: &[u8]) -> Vec<u8> {
    [&long(bytes.len() as i64), bytes].concat()
}

/// The places where a record can hold a text of any length.
pub(crate) const TEXTS: [&str; 10] = [
    "id",
    "name",
    "distance_metric",
    "indexing_algorithm",
    "access_pattern",
    "config",
    "description",
    "owner",
    "tag",
    "extra",
];

/// The smallest record, with one of its texts replaced.
pub(crate) fn record(id: &str, place: &str, value: &[u8]) -> Vec<u8> {
    let given = |name: &str, usual: &str| text(if name == place { value } else { usual.as_bytes() });
    let maybe = |name: &str| if name == place { [vec![2], text(value)].concat() } else { vec![0] };
    let mut out = Vec::new();
    out.extend(given("id", id));
    out.extend(given("name", id));
    out.extend(long(1));
    out.extend(given("distance_metric", "cosine"));
    out.extend(given("indexing_algorithm", "flat"));
    // created_at, updated_at, vector_count, total_size_bytes
    out.extend([0; 4]);
    out.extend(given("access_pattern", "hot"));
    // retain_days, auto_delete, expires_at
    out.extend([0; 3]);
    out.extend(given("config", "{}"));
    out.extend(maybe("description"));
    out.extend(maybe("owner"));
    if place == "tag" {
        out.extend([vec![2], text(value)].concat());
    }
    out.push(0);
    // version, incarnation
    out.extend([2, 2]);
    out.extend(given("extra", "{}"));
    out
}

/// A unit of these records, in blocks of one.
pub(crate) fn puts(records: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut out = vec![0, 0];
    for record in records {
        out.push(2);
        out.extend(record);
    }
    out.extend([0, 0]);
    out
}
