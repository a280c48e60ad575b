//! digest: the hash of a namespace's records.

use proximadb_meta::core::DigestRequest;
use serde_json::{Map, Value};

use super::session::Session;
use crate::exit::Result;
use crate::output::{Report, line};

pub(crate) async fn run(s: &Session, depth: u8) -> Result<u8> {
    let tree = proximadb_meta_transfer::digest(&s.catalog, DigestRequest::nodes(depth)).await?.into_tree()?;
    let nodes = || tree.nodes().iter().enumerate().filter(|(_, node)| !node.is_empty());
    let mut report = Report::new().with("digest", tree.root().to_string()).with("count", tree.count());
    if depth > 0 && s.format.is_json() {
        let nodes: Map<String, Value> = nodes().map(|(n, node)| (tree.prefix(n), node.to_string().into())).collect();
        report = report.with("depth", depth).with("nodes", nodes);
    }
    report.print(s.format)?;
    if depth > 0 && s.format == crate::args::Format::Table {
        nodes().try_for_each(|(n, node)| line(format_args!("{}  {node}", tree.prefix(n))))?;
    }
    Ok(0)
}
