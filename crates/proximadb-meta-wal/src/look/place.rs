//! The directory and its files: whose they are, who may read and write them, what does not belong there.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use proximadb_meta_core::report::Finding;
use rustix::fs::Access;

use super::hidden;
use crate::files::{LOCK, MARKER, is_log_file};

/// Everybody but the owner.
const OTHERS: u32 = 0o077;
/// Most names that are told.
const MOST: usize = 3;

/// The findings, and how many bytes the files of the log have.
pub(super) fn findings(dir: &Path) -> (Vec<Finding>, u64) {
    let shown = dir.display();
    match fs::metadata(dir) {
        Ok(m) if m.is_dir() => {
            let (files, bytes) = files(dir);
            (owner(dir, &m).into_iter().chain(files).collect(), bytes)
        }
        Ok(_) => {
            let found = format!("{shown} is not a directory");
            (vec![Finding::problem("directory", found, "name a directory")], 0)
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let fix = "correct the address, or make the catalog with the first write";
            (vec![Finding::problem("directory", format!("there is no directory {shown}"), fix)], 0)
        }
        Err(e) => (vec![hidden("directory", format!("{shown}: {e}"))], 0),
    }
}

fn owner(dir: &Path, m: &Metadata) -> Vec<Finding> {
    let (shown, mode) = (dir.display(), m.permissions().mode() & 0o7777);
    let mut findings = vec![if mode & OTHERS == 0 {
        Finding::ok("directory", format!("mode {mode:04o}, nobody but its owner gets in"))
    } else {
        let found = format!("mode {mode:04o}: others than its owner get in");
        Finding::warning("directory", found, format!("chmod 700 {shown}"))
    }];
    let (owner, me) = (m.uid(), rustix::process::geteuid());
    if owner != me.as_raw() {
        let found = format!("it belongs to the user {owner}, and this is the user {}", me.as_raw());
        let fix = format!("run as the user {owner}, or give it to this one: chown -R {} {shown}", me.as_raw());
        findings.push(if me.is_root() {
            Finding::note("owner", found, "run as the owner: what root makes here the owner cannot open")
        } else {
            Finding::warning("owner", found, fix)
        });
    }
    // A read-only mount is told of the file system.
    if let Err(e) = rustix::fs::access(dir, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK) {
        let found = format!("this user may not list, enter and write {shown}: {}", io::Error::from(e));
        findings.push(Finding::problem("access", found, "give this user the directory with mode 0700"));
    }
    findings
}

/// The files by kind. Names and modes alone: nothing is opened.
fn files(dir: &Path) -> (Vec<Finding>, u64) {
    let listed = fs::read_dir(dir).and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
    let mut entries = match listed {
        Ok(entries) => entries,
        Err(e) => return (vec![hidden("files", e)], 0),
    };
    entries.sort_by_key(fs::DirEntry::file_name);
    let (mut count, mut bytes) = (0_u64, 0);
    let (mut open, mut strange, mut foreign) = (Vec::new(), Vec::new(), Vec::new());
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name != LOCK && name != MARKER && !is_log_file(&name) {
            foreign.push(name);
            continue;
        }
        match entry.metadata() {
            Ok(m) if !m.is_file() => strange.push(name),
            Ok(m) => {
                (count, bytes) = (count + 1, bytes + m.len());
                if m.permissions().mode() & OTHERS != 0 {
                    open.push(name);
                }
            }
            // It went away meanwhile: a checkpoint was written.
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(_) => strange.push(name),
        }
    }
    let mut findings = vec![
        if open.is_empty() {
            Finding::ok("files", format!("{count} files of the log, none open to others, {bytes} bytes"))
        } else {
            let found = format!("{} of {count} files of the log are open to others: {}", open.len(), some(&open));
            Finding::warning("files", found, format!("chmod 600 {}/*", dir.display()))
        }
        .with_value(bytes, "bytes"),
    ];
    if !strange.is_empty() {
        let found = format!("no regular files: {}", some(&strange));
        findings.push(Finding::problem("files", found, "restore the directory from a backup"));
    }
    if !foreign.is_empty() {
        let found = format!("{} names that are not of a log: {}", foreign.len(), some(&foreign));
        findings.push(Finding::note("foreign files", found, "move them elsewhere; an opening leaves them alone"));
    }
    (findings, bytes)
}

fn some(names: &[String]) -> String {
    let first: Vec<&str> = names.iter().take(MOST).map(String::as_str).collect();
    let more = names.len().saturating_sub(MOST);
    if more == 0 { first.join(", ") } else { format!("{} and {more} more", first.join(", ")) }
}
