//! backends: what is registered, and what it can do.

use std::io::Write as _;

use proximadb_meta::core::Capabilities;
use proximadb_meta::core::registry::BackendPlugin;
use serde_json::{Value, json};

use crate::args::Format;
use crate::exit::Result;
use crate::output::{Table, csv_line, line, out_error, value};

/// One registered backend. `can` is `None` where only a running server could answer.
struct Row {
    kind: String,
    schemes: Vec<&'static str>,
    options: Vec<&'static str>,
    can: Option<Capabilities>,
}

pub(crate) fn run(format: Format) -> Result<u8> {
    let rows: Vec<Row> = proximadb_meta::install()?.plugins().iter().map(|p| row(&**p)).collect();
    print(&rows, format)?;
    Ok(0)
}

fn row(plugin: &dyn BackendPlugin) -> Row {
    Row {
        kind: plugin.backend_type().to_string(),
        schemes: plugin.schemes().to_vec(),
        options: plugin.options().iter().map(|o| o.name).collect(),
        can: plugin.capabilities(),
    }
}

/// The yes-or-no capabilities by their names in the contract.
fn abilities(c: &Capabilities) -> [(&'static str, bool); 15] {
    [
        ("snapshot_list", c.snapshot_list),
        ("idempotency", c.idempotency),
        ("stale_reads", c.stale_reads),
        ("multi_process", c.multi_process),
        ("portable_backup", c.portable_backup),
        ("native_backup", c.native_backup),
        ("snapshot_backup", c.snapshot_backup),
        ("explain", c.explain),
        ("aggregate", c.aggregate),
        ("maintain", c.maintain),
        ("schema", c.schema),
        ("diagnose", c.diagnose),
        ("watch", c.watch),
        ("ranked_text", c.ranked_text),
        ("digest", c.digest),
    ]
}

impl Row {
    fn durability(&self) -> Option<String> {
        self.can.as_ref().map(|c| format!("{:?}", c.durability).to_lowercase())
    }

    fn orders(&self) -> Vec<&'static str> {
        self.can.as_ref().map(|c| c.orders.iter().map(|f| f.name()).collect()).unwrap_or_default()
    }

    fn offered(&self) -> Vec<&'static str> {
        let can = self.can.iter().flat_map(abilities);
        can.filter(|(_, yes)| *yes).map(|(name, _)| name).collect()
    }

    fn json(&self) -> Value {
        let mut value = json!({"type": self.kind, "schemes": self.schemes, "options": self.options});
        if let (Some(c), Some(map)) = (&self.can, value.as_object_mut()) {
            map.insert("durability".to_owned(), json!(self.durability()));
            map.insert("orders".to_owned(), json!(self.orders()));
            let batch = c.atomic_batch;
            map.insert(
                "atomic_batch".to_owned(),
                json!({"operations": batch.ops, "records": batch.items, "bytes": batch.bytes}),
            );
            map.extend(abilities(c).map(|(name, yes)| (name.to_owned(), json!(yes))));
        }
        value
    }

    /// `options`: their names, or for people, who would see nothing else of the line, how many there are.
    fn cells(&self, options: String) -> Vec<String> {
        let or_dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
        vec![
            self.kind.clone(),
            self.schemes.iter().map(|s| format!("{s}://")).collect::<Vec<_>>().join(" "),
            or_dash(options),
            self.durability().unwrap_or_else(|| "-".to_owned()),
            self.can.as_ref().map_or("-".to_owned(), |c| c.atomic_batch.ops.to_string()),
            or_dash(self.orders().join(" ")),
            or_dash(self.offered().join(" ")),
        ]
    }
}

const COLUMNS: [(&str, bool); 7] = [
    ("TYPE", false),
    ("SCHEMES", false),
    ("OPTIONS", true),
    ("DURABILITY", false),
    ("BATCH", true),
    ("ORDERS", false),
    ("CAN", false),
];

fn print(rows: &[Row], format: Format) -> Result<()> {
    let mut out = std::io::stdout();
    match format {
        Format::Json | Format::Yaml => value(&rows.iter().map(Row::json).collect(), format),
        Format::Ndjson => rows.iter().try_for_each(|r| line(r.json())),
        Format::Name => rows.iter().try_for_each(|r| line(&r.kind)),
        Format::Csv => csv_line(COLUMNS.iter().map(|(title, _)| title.to_lowercase()))
            .and_then(|header| out.write_all(&header))
            .and_then(|()| rows.iter().try_for_each(|r| out.write_all(&csv_line(r.cells(r.options.join(" ")))?)))
            .map_err(out_error),
        Format::Table => {
            let cells: Vec<_> = rows.iter().map(|r| r.cells(r.options.len().to_string())).collect();
            Table::new(&COLUMNS).page(&cells, &mut out).map_err(out_error)
        }
    }
}
