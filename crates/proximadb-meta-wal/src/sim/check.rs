//! Whether a table is exactly a catalog: records, names, orders and indexes.

use std::collections::BTreeSet;
use std::sync::Arc;

use proximadb_meta_core::driver::{Key, Scan};
use proximadb_meta_core::{CollectionMetadata, Field, Filter, Order};
use proximadb_meta_memtable::Table;

use crate::recover::State;

/// Compares; the words say what differs.
pub(crate) fn check_table(table: &Table, expected: &State) -> Result<(), String> {
    let used: BTreeSet<_> = table.namespaces().into_iter().collect();
    for ns in used.iter().chain(expected.records.keys()) {
        let empty = Default::default();
        let records = expected.records.get(ns).unwrap_or(&empty);
        let wanted: Vec<_> = records.values().cloned().collect();
        if table.snapshot(ns) != wanted {
            return Err(format!("the table of {ns:?} holds {:?}, not {wanted:?}", table.snapshot(ns)));
        }
        for r in &wanted {
            for key in [Key::Id(&r.id), Key::Name(&r.name)] {
                if table.get(ns, key).as_ref() != Some(r) {
                    return Err(format!("{key:?} finds {:?}, not {r:?}", table.get(ns, key)));
                }
            }
        }
        for n in 0..20 {
            let name = format!("n{n}");
            let holder = wanted.iter().find(|r| *r.name == *name).cloned();
            if table.get(ns, Key::Name(&name)) != holder {
                return Err(format!("the name {name} finds {:?}, not {holder:?}", table.get(ns, Key::Name(&name))));
            }
        }
        for field in Order::FIELDS {
            let order = Order::by(field).map_err(|e| e.to_string())?;
            let mut sorted = wanted.clone();
            sorted.sort_by(|a, b| order.compare(a, b));
            same(&table.scan(ns, &Scan::new(order, 1000)).records, &sorted, field.name())?;
        }
        let leaves =
            [Filter::eq(Field::Owner, "bob"), Filter::has_tag("x"), Filter::eq(Field::AccessPattern, "normal")];
        for leaf in leaves {
            let mut scan = Scan::new(Order::default(), 1000);
            scan.filter = Some(Arc::new(leaf.normalize()));
            let matching: Vec<_> = wanted.iter().filter(|r| leaf.evaluate(r)).cloned().collect();
            same(&table.scan(ns, &scan).records, &matching, &leaf.to_string())?;
        }
        if table.is_restoring(ns) != expected.restoring.contains(ns) {
            return Err(format!("the mark of {ns:?} is {}", table.is_restoring(ns)));
        }
    }
    Ok(())
}

fn same(found: &[Arc<CollectionMetadata>], wanted: &[Arc<CollectionMetadata>], what: &str) -> Result<(), String> {
    if found == wanted { Ok(()) } else { Err(format!("the list by {what} is {found:?}, not {wanted:?}")) }
}
