//! A record's fields as texts: for CSV, for a table, for one field a line.

use proximadb_meta::core::{CollectionMetadata, Field, FieldKind};

/// The columns of CSV: every field, and what newer releases added.
pub(super) fn csv_header() -> impl Iterator<Item = &'static str> {
    CollectionMetadata::FIELDS.iter().map(|f| f.name()).chain(["extra"])
}

/// The cells of CSV. Sets and objects are JSON, so that nothing is lost; a field that is absent is empty.
pub(super) fn csv_cells(r: &CollectionMetadata) -> impl Iterator<Item = String> + '_ {
    let fields = CollectionMetadata::FIELDS.iter().map(|f| plain(r, *f).unwrap_or_default());
    let extra = if r.extra.is_empty() { String::new() } else { r.extra.as_str().to_owned() };
    fields.chain([extra])
}

/// A field as text; `None` where the record lacks it.
pub(super) fn plain(r: &CollectionMetadata, field: Field) -> Option<String> {
    match field.kind() {
        FieldKind::Text => field.text_of(r).map(str::to_owned),
        FieldKind::Number => field.number_of(r).map(|n| n.to_string()),
        FieldKind::Time => field.time_of(r).map(|t| t.to_string()),
        FieldKind::Set => Some(serde_json::json!(r.tags.iter().map(|t| &**t).collect::<Vec<_>>()).to_string()),
        _ if field == Field::Retention => r
            .retention
            .map(|x| serde_json::json!({"auto_delete": x.auto_delete, "retain_days": x.retain_days}).to_string()),
        _ => Some(r.config.as_str().to_owned()),
    }
}

/// The columns of a table, and which of them are numbers.
pub(super) const COLUMNS: [(&str, bool); 7] = [
    ("ID", false),
    ("NAME", false),
    ("DIMENSION", true),
    ("METRIC", false),
    ("VECTORS", true),
    ("OWNER", false),
    ("TAGS", false),
];

/// A record's row in a table.
pub(super) fn row(r: &CollectionMetadata) -> Vec<String> {
    let tags = if r.tags.is_empty() { "-".to_owned() } else { r.tags.join(",") };
    vec![
        r.id.to_string(),
        r.name.to_string(),
        r.dimension.to_string(),
        r.distance_metric.to_string(),
        r.vector_count.to_string(),
        r.owner.as_deref().unwrap_or("-").to_owned(),
        tags,
    ]
}
