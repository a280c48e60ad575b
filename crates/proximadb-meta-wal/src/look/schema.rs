//! The layout of an open log: its format as the newest segment says it. There are no migrations: a file is of one format for ever.

use proximadb_meta_core::Result;
use proximadb_meta_core::report::{SchemaReport, StoreFormat};

use crate::files::{failed, numbers, segment_name};
use crate::frame::{FILE_HEADER, FileHeader, FileKind, damaged, format_of};
use crate::storage::{Storage, StorageFile};

/// Reads it from the files.
pub(crate) fn schema(storage: &dyn Storage) -> Result<SchemaReport> {
    let at = |doing: &'static str| move |e| failed(storage, doing, e);
    let names = storage.list().map_err(at("the directory cannot be read"))?;
    let number = numbers(&names, segment_name).into_iter().next_back().unwrap_or(1);
    let name = segment_name(number);
    let head =
        storage.open_read(&name).and_then(|file| head(&*file)).map_err(at("the newest segment cannot be read"))?;
    FileHeader::decode(&head, FileKind::Segment, number, &name)?;
    let (format, min_reader, min_writer) = format_of(&head);
    if min_reader > min_writer || min_writer > format {
        return Err(damaged(&name, 8, "the formats of the file header contradict each other"));
    }
    Ok(SchemaReport::of_format(StoreFormat { format, min_reader, min_writer }))
}

/// The header, or what there is of it.
fn head(file: &dyn StorageFile) -> std::io::Result<Vec<u8>> {
    let mut head = vec![0; FILE_HEADER];
    let mut read = 0;
    while let Some(rest) = head.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match file.read_at(read as u64, rest) {
            Ok(0) => break,
            Ok(n) => read += n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    head.truncate(read);
    Ok(head)
}
