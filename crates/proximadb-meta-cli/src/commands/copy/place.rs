//! Where the journal of a copy is, and which copy it is of.

use std::path::{Path, PathBuf};

use proximadb_meta_transfer::copy::{CopyOptions, Journal};

use crate::address::Address;
use crate::commands::pair::Pair;
use crate::exit::{Failure, Result};

/// Which copy this is: catalogs, namespaces, records, and what is done with conflicts. Without secrets.
pub(super) fn words(pair: &Pair, options: &CopyOptions) -> String {
    let filter = options.filter.as_ref().map_or_else(|| "all".to_owned(), ToString::to_string);
    format!(
        "{} namespace {:?} to {} namespace {:?}, {filter}, on conflict {}",
        catalog(&pair.from),
        pair.from_namespace.as_str(),
        catalog(&pair.to),
        pair.to_namespace.as_str(),
        options.on_conflict.as_str()
    )
}

/// A catalog's address without credentials; a directory by its whole path.
fn catalog(address: &Address) -> String {
    let config = address.config();
    match std::path::absolute(config.location()) {
        Ok(path) if address.is_path() => format!("{}://{}", config.scheme(), path.display()),
        _ => config.redacted().to_string(),
    }
}

/// The file that was named, else one in the state directory, which is made.
pub(super) fn journal(asked: Option<&Path>, of: &str) -> Result<Option<PathBuf>> {
    if let Some(path) = asked {
        return Ok(Some(path.to_owned()));
    }
    let set = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    // A relative path there is not to be heeded, by the specification of these directories.
    let state = set("XDG_STATE_HOME").filter(|p| p.is_absolute());
    let Some(state) = state.or_else(|| set("HOME").map(|home| home.join(".local/state"))) else { return Ok(None) };
    let directory = state.join("pxmeta");
    std::fs::create_dir_all(&directory)
        .map_err(|e| Failure::Io(format!("cannot make the state directory {}", directory.display()), e))?;
    Ok(Some(directory.join(Journal::file_name(of))))
}
