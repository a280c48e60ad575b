//! A layer over the system's own files, under every connection of the process: each operation that changes a file is shown to
//! [`Troubles`] before it is done. The one module that speaks SQLite's C interface.
#![allow(unsafe_code, reason = "a VFS is a table of C functions")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::OnceLock;

use libsqlite3_sys as ffi;

use super::trouble::{Troubles, Verdict};
use super::{Act, Part};
use crate::failure::{Failure, Outcome};

/// What is under it and what watches it. Set once, before the first connection.
struct Layer {
    system: System,
    troubles: &'static Troubles,
}

struct System(*mut ffi::sqlite3_vfs);

// SAFETY: the system's VFS is a constant of SQLite, made to be used by every thread.
unsafe impl Send for System {}
// SAFETY: as above.
unsafe impl Sync for System {}

static LAYER: OnceLock<Layer> = OnceLock::new();

/// A file as SQLite holds it. The system's own file lies behind it.
#[repr(C)]
struct Watched {
    base: ffi::sqlite3_file,
    part: Option<Part>,
}

/// From here on the process's connections go through the layer.
pub(crate) fn install(troubles: &'static Troubles) -> Outcome {
    // SAFETY: null asks for the default VFS; SQLite initialises itself. What it gives is valid for ever.
    let system = unsafe { ffi::sqlite3_vfs_find(std::ptr::null()) };
    ensure!(!system.is_null(), "SQLite has no files here");
    // SAFETY: not null, see above. The functions that are taken over as they are ask the VFS for nothing but its `pAppData`.
    let mut layer = unsafe { *system };
    layer.szOsFile += c_int::try_from(size_of::<Watched>())?;
    layer.pNext = std::ptr::null_mut();
    layer.zName = c"watched".as_ptr();
    layer.xOpen = Some(open);
    layer.xDelete = Some(delete);
    let once = LAYER.set(Layer { system: System(system), troubles });
    once.map_err(|_| Failure::new("the files are watched already"))?;
    // SAFETY: the table lives for ever, and every function of it is one of ours or the system's.
    let code = unsafe { ffi::sqlite3_vfs_register(Box::leak(Box::new(layer)), 1) };
    ensure!(code == ffi::SQLITE_OK, "SQLite takes no files but its own: {code}");
    Ok(())
}

/// Whether the operation is to be done.
fn ask(part: Option<Part>, act: &Act<'_>) -> Verdict {
    match (part, LAYER.get()) {
        (Some(part), Some(layer)) => layer.troubles.before(part, act),
        _ => Verdict::Go,
    }
}

unsafe extern "C" fn open(
    _: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    let Some(layer) = LAYER.get() else { return ffi::SQLITE_CANTOPEN };
    let system = layer.system.0;
    let part = match flags {
        f if f & ffi::SQLITE_OPEN_MAIN_DB != 0 => Some(Part::Database),
        f if f & ffi::SQLITE_OPEN_WAL != 0 => Some(Part::Journal),
        f if f & ffi::SQLITE_OPEN_MAIN_JOURNAL != 0 => Some(Part::Rollback),
        _ => None,
    };
    // SAFETY: SQLite gives `szOsFile` bytes for the file: ours, and behind them what the system asked for. The other arguments
    // are handed on as they came.
    unsafe {
        let Some(open) = (*system).xOpen else { return ffi::SQLITE_CANTOPEN };
        let real = real(file);
        (*real).pMethods = std::ptr::null();
        let code = open(system, name, real, flags, out);
        // A file with methods is closed by SQLite, also after a failure.
        let methods: *const ffi::sqlite3_io_methods =
            if (*real).pMethods.is_null() { std::ptr::null() } else { &raw const METHODS };
        file.cast::<Watched>().write(Watched { base: ffi::sqlite3_file { pMethods: methods }, part });
        code
    }
}

unsafe extern "C" fn delete(_: *mut ffi::sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    let Some(layer) = LAYER.get() else { return ffi::SQLITE_IOERR_DELETE };
    // SAFETY: SQLite names the file by a C string.
    let text = unsafe { CStr::from_ptr(name) }.to_bytes();
    let journals = [Part::Journal, Part::Rollback];
    let part = journals.into_iter().find(|p| text.ends_with(p.suffix().as_bytes()));
    let sync = match ask(part, &Act::Delete) {
        Verdict::Go => sync,
        Verdict::Skip => 0,
    };
    let system = layer.system.0;
    // SAFETY: the arguments are handed on as they came.
    unsafe { (*system).xDelete.map_or(ffi::SQLITE_IOERR_DELETE, |delete| delete(system, name, sync)) }
}

/// The system's file behind ours.
unsafe fn real(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    // SAFETY: the caller has a file that `open` was given, and so one with the system's behind it.
    unsafe { file.cast::<Watched>().add(1).cast() }
}

unsafe fn part(file: *mut ffi::sqlite3_file) -> Option<Part> {
    // SAFETY: the caller has a file that `open` has filled.
    unsafe { (*file.cast::<Watched>()).part }
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, from: *const c_void, n: c_int, at: i64) -> c_int {
    // SAFETY: `from` has `n` bytes, which SQLite leaves alone until the call ends; the file is one that `open` has filled.
    unsafe {
        let bytes = std::slice::from_raw_parts(from.cast::<u8>(), usize::try_from(n).unwrap_or(0));
        match ask(part(file), &Act::Write { offset: at.unsigned_abs(), bytes }) {
            Verdict::Go => really_write(file, from, n, at),
            Verdict::Skip => ffi::SQLITE_OK,
        }
    }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, length: i64) -> c_int {
    // SAFETY: the file is one that `open` has filled.
    unsafe {
        match ask(part(file), &Act::Truncate(length.unsigned_abs())) {
            Verdict::Go => really_truncate(file, length),
            Verdict::Skip => ffi::SQLITE_OK,
        }
    }
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: the file is one that `open` has filled.
    unsafe {
        match ask(part(file), &Act::Sync) {
            Verdict::Go => really_sync(file, flags),
            Verdict::Skip => ffi::SQLITE_OK,
        }
    }
}

unsafe extern "C" fn shm_barrier(file: *mut ffi::sqlite3_file) {
    // SAFETY: as in `forward`.
    unsafe {
        let file = real(file);
        if let Some(method) = (*(*file).pMethods).xShmBarrier {
            method(file);
        }
    }
}

/// Functions that hand on what they got to the system's file.
macro_rules! forward {
    ($($name:ident = $method:ident($($argument:ident: $type:ty),*);)+) => {$(
        unsafe extern "C" fn $name(file: *mut ffi::sqlite3_file, $($argument: $type),*) -> c_int {
            // SAFETY: SQLite calls methods of files that `open` has filled, whose real ones have methods; the arguments are
            // handed on as they came.
            unsafe {
                let file = real(file);
                (*(*file).pMethods).$method.map_or(ffi::SQLITE_IOERR, |method| method(file, $($argument),*))
            }
        }
    )+};
}

forward! {
    close = xClose();
    read = xRead(into: *mut c_void, n: c_int, at: i64);
    really_write = xWrite(from: *const c_void, n: c_int, at: i64);
    really_truncate = xTruncate(length: i64);
    really_sync = xSync(flags: c_int);
    size = xFileSize(length: *mut i64);
    lock = xLock(level: c_int);
    unlock = xUnlock(level: c_int);
    is_reserved = xCheckReservedLock(answer: *mut c_int);
    control = xFileControl(what: c_int, argument: *mut c_void);
    sector = xSectorSize();
    traits = xDeviceCharacteristics();
    shm_map = xShmMap(region: c_int, bytes: c_int, extend: c_int, at: *mut *mut c_void);
    shm_lock = xShmLock(offset: c_int, n: c_int, flags: c_int);
    shm_unmap = xShmUnmap(delete: c_int);
}

/// Version 2: without the mapping of whole files, which would write past us.
static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(is_reserved),
    xFileControl: Some(control),
    xSectorSize: Some(sector),
    xDeviceCharacteristics: Some(traits),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};
