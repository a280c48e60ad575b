//! Hostile files take at most 64 MiB and four times their size in memory. Each call is made in a process of its own: this test, run
//! again with a variable that says which call.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod bytes;
mod store;

use std::fs;
use std::path::Path;
use std::process::Command;

use bytes::{END, UNIT, array, file_header, frame, long, text, tiny};
use proximadb_meta_wal::inspect::{Verdict, inspect, verify};
use proximadb_meta_wal::salvage::{SalvageOptions, salvage};

const MIB: u64 = 1024 * 1024;

/// Bytes of a hostile file. Decoded at once, the tiny records in it would take twenty times as much.
fn size() -> usize {
    let mib = std::env::var("PXMETA_SOAK_MEMORY_MIB").map_or(4, |text| text.parse().unwrap());
    mib * 1024 * 1024
}
const SALT: [u8; 16] = [7; 16];

/// A number of this process, in bytes, as the system counts it.
fn memory(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix(name)).unwrap();
    1024 * line.trim_matches(|c: char| !c.is_ascii_digit()).parse::<u64>().unwrap()
}

/// What a process of its own is told: the call, and the directory.
const CALL: &str = "PXMETA_TEST_MEMORY_CALL";
const DIRECTORY: &str = "PXMETA_TEST_MEMORY_DIRECTORY";
const CALLS: [&str; 3] = ["inspect", "verify", "salvage all"];

/// Makes a call, and says how many bytes of memory it took at most.
fn make(call: &str, dir: &Path) {
    let to = store::fresh();
    let new = to.path().join("new");
    let before = memory("VmRSS:");
    match call {
        "inspect" => drop(inspect(dir).unwrap()),
        "verify" => drop(verify(dir).unwrap()),
        _ => drop(salvage(dir, new, SalvageOptions::including_stale()).unwrap()),
    }
    println!("taken {}", memory("VmHWM:").saturating_sub(before));
}

/// Has a call made by another process, and checks what it took.
fn check(what: &str, dir: &Path, size: u64) {
    for call in CALLS {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "hostile_files_take_little_memory", "--nocapture"])
            .envs([(CALL, call.as_ref()), (DIRECTORY, dir.as_os_str())])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stdout).into_owned();
        assert!(child.status.success(), "{call}, {what}: {said}{}", String::from_utf8_lossy(&child.stderr));
        let taken = said.lines().find_map(|l| l.split_once("taken ")).unwrap().1.parse::<u64>().unwrap();
        let limit = 64 * MIB + 4 * size;
        println!("{call}, {what}: {} MiB of {} MiB", taken / MIB, limit / MIB);
        assert!(taken <= limit, "{call} of {what} took {taken} bytes; the limit is {limit}");
    }
}

/// The digits of a number to the base 64: a short id.
fn short(mut n: u32) -> String {
    let mut out = String::new();
    loop {
        out.push(char::from_u32(0x30 + n % 64).unwrap());
        n /= 64;
        if n == 0 {
            return out;
        }
    }
}

/// A unit with as many records as fit into `size` bytes, numbered from `n` on.
fn unit(size: usize, n: &mut u32, name: impl Fn(u32) -> String) -> Vec<u8> {
    let mut out = Vec::new();
    text(&mut out, "");
    long(&mut out, 0);
    let mut records = Vec::new();
    let mut count = 0;
    while records.len() < size {
        tiny(&mut records, &short(*n), &name(*n));
        (*n, count) = (*n + 1, count + 1);
    }
    long(&mut out, count);
    out.extend(records);
    out.extend([0, 0]);
    out
}

/// A segment with these frames, after one that is broken: everything in it is doubtful or hard to place.
fn segment(frames: impl Fn(&mut Vec<u8>)) -> (&'static str, Vec<u8>) {
    let mut out = file_header(b"PXMETAWL", [1; 3], 1, 1, SALT);
    frames(&mut out);
    ("wal-0000000001.log", out)
}

fn hostile() -> Vec<(&'static str, (&'static str, Vec<u8>))> {
    let records = |name: fn(u32) -> String, parts: u64| {
        segment(|out| {
            let mut n = 0;
            for seq in 1..=parts {
                frame(out, SALT, UNIT, seq, seq - 1, &unit(size() / parts as usize, &mut n, name));
            }
            // A hole at the end makes all of them doubtful.
            frame(out, SALT, UNIT, parts + 2, parts + 1, &unit(1, &mut n, name));
        })
    };
    let many = |kind: u8, payload: &[u8], broken: bool| {
        segment(|out| {
            let mut seq = 0;
            while out.len() < size() {
                seq += 1;
                let at = out.len();
                frame(out, SALT, kind, seq, seq - 1, payload);
                if broken && seq % 2 == 0 {
                    out[at + 32] ^= 1;
                }
            }
        })
    };
    let mut deletes = Vec::new();
    text(&mut deletes, "");
    array(&mut deletes, &vec![(); size() / 2], |out, ()| text(out, "x"));
    deletes.extend([0, 0]);
    let mut promise = Vec::new();
    text(&mut promise, "");
    long(&mut promise, i64::MAX);
    let mut checkpoint = file_header(b"PXMETACK", [1; 3], 1, 7, SALT);
    frame(&mut checkpoint, SALT, UNIT, 1, 0, &unit(size(), &mut 0, short));
    frame(&mut checkpoint, SALT, END, 3, 0, &[]);
    vec![
        ("tiny records in one unit", records(short, 1)),
        ("tiny records with one name", records(|_| "n".to_owned(), 8)),
        ("empty units", many(UNIT, &[0, 0, 0, 0], false)),
        ("broken frames", many(UNIT, &[0, 0, 0, 0], true)),
        (
            "marks of namespaces",
            segment(|out| {
                let mut n = 0;
                while out.len() < size() {
                    n += 1;
                    frame(out, SALT, 2, u64::from(n), u64::from(n) - 1, format!("\u{1}{}", short(n)).as_bytes());
                }
            }),
        ),
        (
            "deletions of nothing",
            segment(|out| {
                frame(out, SALT, UNIT, 2, 1, &deletes);
                frame(out, SALT, UNIT, 3, 2, &[0, 0, 0, 0]);
            }),
        ),
        ("a unit that promises more than it holds", segment(|out| frame(out, SALT, UNIT, 1, 0, &promise))),
        ("a damaged checkpoint of tiny records", ("checkpoint-0000000001.ckpt", checkpoint)),
    ]
}

#[test]
fn hostile_files_take_little_memory() {
    if let (Ok(call), Some(dir)) = (std::env::var(CALL), std::env::var_os(DIRECTORY)) {
        return make(&call, Path::new(&dir));
    }
    for (what, (name, content)) in hostile() {
        let dir = store::fresh();
        fs::write(dir.path().join("FORMAT"), "proximadb-meta-wal format 1\n").unwrap();
        fs::write(dir.path().join(name), &content).unwrap();
        let size = content.len() as u64;
        drop(content);
        if what != "empty units" && what != "marks of namespaces" {
            assert_eq!(verify(dir.path()).unwrap().verdict, Verdict::Damaged, "{what}");
        }
        check(what, dir.path(), size);
    }
}
