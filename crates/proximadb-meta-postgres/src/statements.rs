//! The statements of the hot paths, for one schema: made once, prepared once a connection.

use proximadb_meta_core::limits::MAX_SAFE_INTEGER;

use crate::row::{COLUMNS, COUNTERS, KEPT, WIDTH, WRITTEN};

/// Texts of statements. The schema's name is part of them; no value ever is.
#[derive(Debug)]
pub(crate) struct Statements {
    /// `"schema".`
    pub(crate) prefix: String,
    pub(crate) by_id: String,
    pub(crate) by_name: String,
    pub(crate) by_id_restoring: String,
    pub(crate) by_name_restoring: String,
    pub(crate) load: String,
    pub(crate) is_restoring: String,
    pub(crate) insert: String,
    pub(crate) insert_one: String,
    pub(crate) update: String,
    pub(crate) update_one: String,
    pub(crate) revise_one: String,
    pub(crate) delete: String,
    pub(crate) delete_one: String,
    pub(crate) count: String,
    pub(crate) set_counters: String,
    pub(crate) placeholder: String,
    pub(crate) remove_placeholder: String,
    pub(crate) lock: String,
}

impl Statements {
    /// For a schema whose name was checked: it needs no escaping.
    pub(crate) fn new(schema: &str) -> Self {
        let prefix = format!("\"{schema}\".");
        let t = format!("{prefix}collections");
        let restoring = format!("SELECT 1 FROM {prefix}restoring WHERE namespace = $1");
        let guard = guard(&prefix);
        let by = |column: &str| format!("SELECT {COLUMNS} FROM {t} WHERE namespace = $1 AND {column} = $2");
        let names: Vec<&str> = WRITTEN.iter().map(|(name, ..)| *name).collect();
        let names = names.join(", ");
        let values: Vec<&str> = WRITTEN.iter().map(|(.., value)| *value).collect();
        let values = values.join(", ");
        // The arrays begin at parameter 2; the namespace is 1.
        let arrays: Vec<String> = WRITTEN.iter().zip(2..).map(|((_, ty, _), n)| format!("${n}::{ty}[]")).collect();
        let x = format!("unnest({}) AS x ({names})", arrays.join(", "));
        let insert = format!("INSERT INTO {t} (namespace, {names}) SELECT $1, {values} FROM {x}");
        let set = WRITTEN.iter().filter(|(name, ..)| *name != "id").map(|(name, _, value)| format!("{name} = {value}"));
        let set = set.collect::<Vec<_>>().join(", ");
        // One record comes as plain parameters: the server plans such a statement once, and one over arrays each time anew.
        let plain: Vec<String> = WRITTEN
            .iter()
            .zip(2..)
            .map(|((name, ty, value), n)| value.replace(&format!("x.{name}"), &format!("${n}::{ty}")))
            .collect();
        let moved = WRITTEN.iter().zip(&plain).filter(|((name, ..), _)| *name != "id").map(|((name, ..), value)| {
            if COUNTERS.contains(name) { format!("{name} = {name} + {value}") } else { format!("{name} = {value}") }
        });
        let moved = moved.collect::<Vec<_>>().join(", ");
        let next = WRITTEN.len() + 2;
        let in_range = format!(
            "c.vector_count + d.vectors_low >= 0 AND c.vector_count + d.vectors_high <= {MAX_SAFE_INTEGER} \
             AND c.total_size_bytes + d.bytes_low >= 0 AND c.total_size_bytes + d.bytes_high <= {MAX_SAFE_INTEGER}"
        );
        let deltas = "vectors, vectors_low, vectors_high, bytes, bytes_low, bytes_high";
        let columns_of_c = COLUMNS.split(", ").map(|c| format!("c.{c}")).collect::<Vec<_>>().join(", ");
        Self {
            by_id: format!("{guard}{}", by("id")),
            by_name: format!("{guard}{}", by("name")),
            by_id_restoring: by("id"),
            by_name_restoring: by("name"),
            // Locked in the order of ids: two groups that touch the same records wait for each other, never in a circle.
            load: format!(
                "SELECT {COLUMNS} FROM {t} WHERE namespace = $1 AND (id = ANY ($2) OR name = ANY ($3)) ORDER BY id FOR UPDATE"
            ),
            is_restoring: format!("SELECT EXISTS ({restoring})"),
            insert_one: format!(
                "INSERT INTO {t} (namespace, {names}) SELECT $1, {} WHERE ${next} OR NOT EXISTS ({restoring}) \
                 ON CONFLICT DO NOTHING",
                plain.join(", ")
            ),
            insert,
            update: format!("UPDATE {t} AS c SET {set} FROM {x} WHERE c.namespace = $1 AND c.id = x.id"),
            update_one: format!(
                "UPDATE {t} SET {moved} WHERE namespace = $1 AND id = $2 AND version = ${} AND incarnation = ${} \
                 AND vector_count + ${next} >= 0 AND vector_count + ${} <= {MAX_SAFE_INTEGER} \
                 AND total_size_bytes + ${} >= 0 AND total_size_bytes + ${} <= {MAX_SAFE_INTEGER} \
                 AND (${} OR NOT EXISTS ({restoring})) RETURNING vector_count, total_size_bytes",
                next + 4,
                next + 5,
                next + 1,
                next + 2,
                next + 3,
                next + 6,
            ),
            revise_one: revise_one(&t, &restoring),
            delete: format!("DELETE FROM {t} WHERE namespace = $1 AND id = ANY ($2)"),
            delete_one: format!(
                "DELETE FROM {t} WHERE namespace = $1 AND id = $2 AND version = $3 AND incarnation = $4 \
                 AND ($5 OR NOT EXISTS ({restoring}))"
            ),
            count: format!(
                "WITH locked AS MATERIALIZED (SELECT id FROM {t} WHERE namespace = $1 AND id = ANY ($2) ORDER BY id FOR UPDATE) \
                 UPDATE {t} AS c SET vector_count = c.vector_count + d.vectors, total_size_bytes = c.total_size_bytes + d.bytes \
                 FROM unnest($2::text[], $3::int8[], $4::timestamptz[], $5::int8[], $6::int8[], $7::int8[], $8::int8[], $9::int8[], \
                 $10::int8[]) AS d (id, incarnation, alive_at, {deltas}) JOIN locked ON locked.id = d.id \
                 WHERE c.namespace = $1 AND c.id = d.id AND (d.incarnation IS NULL OR c.incarnation = d.incarnation) \
                 AND (d.alive_at IS NULL OR c.expires_at IS NULL OR c.expires_at > d.alive_at) \
                 AND {in_range} AND ($11 OR NOT EXISTS ({restoring})) RETURNING {columns_of_c}"
            ),
            set_counters: format!(
                "UPDATE {t} AS c SET vector_count = c.vector_count + x.vectors, total_size_bytes = c.total_size_bytes + x.bytes \
                 FROM unnest($2::text[], $3::int8[], $4::int8[]) AS x (id, vectors, bytes) \
                 WHERE c.namespace = $1 AND c.id = x.id"
            ),
            // Nobody can make these ids until the transaction has ended.
            placeholder: format!(
                "INSERT INTO {t} (namespace, id, name, dimension, distance_metric, indexing_algorithm, created_at, updated_at, \
                 vector_count, total_size_bytes, access_pattern, tags, version, incarnation, config, config_index, keywords) \
                 SELECT $1, id, E'\\n' || id, 1, '', '', now(), now(), 0, 0, 'normal', '{{}}', 0, 0, '{{}}', '{{}}', '{{}}' \
                 FROM unnest($2::text[]) AS id"
            ),
            remove_placeholder: format!("DELETE FROM {t} WHERE namespace = $1 AND id = ANY ($2) AND version = 0"),
            lock: format!("LOCK TABLE {t} IN ROW EXCLUSIVE MODE"),
            prefix,
        }
    }
}

/// An update that nobody read for: what it keeps, it finds.
fn revise_one(table: &str, restoring: &str) -> String {
    let brought = WRITTEN.iter().filter(|(name, ..)| !KEPT.contains(name));
    let count = brought.clone().count();
    let set = brought.zip(2..).filter(|((name, ..), _)| *name != "id").map(|((name, ty, value), n)| {
        let value = value.replace(&format!("x.{name}"), &format!("${n}::{ty}"));
        if *name == "updated_at" { format!("{name} = greatest({name}, {value})") } else { format!("{name} = {value}") }
    });
    let next = count + 2;
    format!(
        "UPDATE {table} SET {} WHERE namespace = $1 AND id = $2 AND version = ${next} AND incarnation = ${} \
         AND (expires_at IS NULL OR expires_at > ${}) AND (${} OR NOT EXISTS ({restoring})) \
         RETURNING vector_count, total_size_bytes, created_at, updated_at",
        set.collect::<Vec<_>>().join(", "),
        next + 1,
        next + 2,
        next + 3,
    )
}

/// Gives a row without an id where the namespace (parameter 1) is being restored: one statement sees one state, so that nobody
/// takes a half filled namespace for a catalog.
pub(crate) fn guard(prefix: &str) -> String {
    let nothing = vec!["NULL"; WIDTH].join(", ");
    format!("SELECT {nothing} FROM {prefix}restoring WHERE namespace = $1 UNION ALL ")
}
