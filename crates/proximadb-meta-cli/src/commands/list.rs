//! Reading records: ls, get, count, export.

use std::io::Write as _;

use proximadb_meta::core::{Cursor, Error, ErrorKind, Filter, ListRequest, Order};

use super::Session;
use crate::args::Format;
use crate::exit::{Failure, Result};
use crate::output::{Printer, line};

/// Records a page.
const PAGE: usize = 500;

pub(crate) async fn ls(
    s: &Session,
    filter: Option<Filter>,
    order: &str,
    limit: Option<usize>,
    after: Option<&str>,
) -> Result<u8> {
    if limit == Some(0) {
        return Err(Error::invalid("--limit is at least 1").into());
    }
    let mut request = ListRequest::new().with_order(Order::parse(order)?);
    request.filter = filter;
    request.cursor = after.map(Cursor::from_text);
    let mut printer = Printer::new(s.args.output);
    let mut left = limit.unwrap_or(usize::MAX);
    loop {
        let page = s.catalog.list_page(request.clone().with_limit(left.min(PAGE))).await?;
        left -= page.records.len();
        printer.records(&page.records)?;
        request.cursor = page.next;
        if left == 0 || request.cursor.is_none() {
            break;
        }
    }
    let printed = printer.finish()?;
    if let Some(next) = request.cursor {
        s.say(format!("more: --after {next}"));
    }
    if s.args.output == Format::Table {
        s.say(format!("{printed} collections"));
    }
    Ok(0)
}

pub(crate) async fn get(s: &Session, id: Option<&str>, name: Option<&str>) -> Result<u8> {
    let (found, what) = match (id, name) {
        (_, Some(name)) => (s.catalog.get_collection_by_name(name).await?, format!("name {name:?}")),
        (id, None) => {
            let id = id.unwrap_or_default();
            (s.catalog.get_collection(id).await?, format!("id {id:?}"))
        }
    };
    let record = found.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("no collection has the {what}")))?;
    match s.args.output {
        Format::Json | Format::Ndjson => line(record.to_json())?,
        format => {
            let mut printer = Printer::new(format);
            printer.records(&[record])?;
            printer.finish()?;
        }
    }
    Ok(0)
}

pub(crate) async fn count(s: &Session, filter: Option<Filter>) -> Result<u8> {
    let shown = filter.as_ref().map(ToString::to_string);
    let n = s.catalog.count_collections(filter).await?;
    match s.args.output {
        Format::Json | Format::Ndjson => line(serde_json::json!({"count": n, "filter": shown}))?,
        _ => line(n)?,
    }
    Ok(0)
}

pub(crate) async fn export(s: &Session, file: Option<&str>) -> Result<u8> {
    let failed = |e| Failure::Io(format!("cannot write {}", file.unwrap_or("the output")), e);
    let mut out: Box<dyn std::io::Write> = match file {
        Some(path) if path != "-" => Box::new(std::io::BufWriter::new(std::fs::File::create(path).map_err(failed)?)),
        _ => Box::new(std::io::BufWriter::new(std::io::stdout())),
    };
    let mut request = ListRequest::new().with_limit(PAGE);
    let mut written = 0;
    loop {
        let page = s.catalog.list_page(request.clone()).await?;
        for record in &page.records {
            writeln!(out, "{}", record.to_json()).map_err(failed)?;
        }
        written += page.records.len();
        request.cursor = page.next;
        if request.cursor.is_none() {
            break;
        }
    }
    out.flush().map_err(failed)?;
    s.say(format!("exported {written} collections"));
    Ok(0)
}
