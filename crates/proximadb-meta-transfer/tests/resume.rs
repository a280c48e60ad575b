//! A copy that is cut off at any of its steps and resumed ends as one that was not: same records, same counts.

mod common;

use std::cell::RefCell;
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;

use common::wrapped::{Fault, Wrapped};
use common::{Catalog, export, fill, many, memory, record, root};
use proximadb_meta::core::{ErrorKind, StatsDelta};
use proximadb_meta_transfer::copy::{CopyCounts, CopyOptions, CopyReport, End, Journal, OnConflict, Unwatched, copy};

const OF: &str = "from here to thére";

/// In memory where the system offers that: hundreds of copies sync their journals before each batch.
fn fresh() -> tempfile::TempDir {
    let shared_memory = Path::new("/dev/shm");
    let made = if shared_memory.is_dir() { tempfile::tempdir_in(shared_memory) } else { tempfile::tempdir() };
    made.expect("a temporary directory")
}

fn options(how: OnConflict, jobs: usize) -> CopyOptions {
    CopyOptions::new().on_conflict(how).with_batch(3).with_jobs(jobs)
}

/// A source of new, changed, renamed and equal records, two that exchange their names, and one that takes a stranger's.
async fn source() -> Catalog {
    let a = memory().await;
    let mut records = many(30);
    (records[4].name, records[21].name) = (records[21].name.clone(), records[4].name.clone());
    records[11].name = "taken".into();
    fill(&a, records).await;
    a
}

/// A destination with some of the same, some older, some newer, and a stranger.
async fn destination(how: OnConflict) -> Catalog {
    let b = memory().await;
    let mut records = many(30);
    let equal = |n: &usize| matches!(n, 0 | 7 | 8 | 15 | 28);
    let other = |n: &usize| matches!(n, 2 | 4 | 9 | 16 | 21);
    let mut kept = Vec::new();
    for (n, r) in records.drain(..).enumerate() {
        if equal(&n) {
            kept.push(r);
        } else if other(&n) && how != OnConflict::Fail {
            let newer = if n == 9 { 100 } else { 0 };
            let mut changed = record(&r.id, &r.name, newer);
            changed.owner = Some("there".into());
            kept.push(changed);
        }
    }
    if how != OnConflict::Fail {
        kept.push(record("stranger", "taken", 0));
    }
    fill(&b, kept).await;
    b
}

async fn whole(a: &Catalog, how: OnConflict, jobs: usize) -> (CopyReport, String, usize) {
    let b = destination(how).await;
    let (counted, plan) = Wrapped::failing(&b, None);
    let report = copy(a, &counted, &options(how, jobs), None, &mut Unwatched).await.expect("a copy");
    (report, export(&b).await, plan.writes.load(Ordering::SeqCst))
}

/// Runs until the fault; the report, if it came to one.
async fn until_fault(
    a: &Catalog,
    b: &Catalog,
    options: &CopyOptions,
    path: &Path,
    fault: (Fault, usize),
) -> Option<CopyReport> {
    let (failing, plan) = Wrapped::failing(b, Some(fault));
    let journal = Journal::start(path, OF).expect("a journal");
    let mut nobody = Unwatched;
    tokio::select! {
        report = copy(a, &failing, options, Some(journal), &mut nobody) => report.ok(),
        () = plan.killed.notified() => None,
    }
}

#[tokio::test]
async fn a_fault_at_any_write_leaves_what_a_resumed_copy_completes() {
    let dir = fresh();
    let path = dir.path().join("journal");
    let a = source().await;
    for how in [OnConflict::Fail, OnConflict::Skip, OnConflict::Overwrite, OnConflict::Newer] {
        for jobs in [1, 3] {
            let (expected, result, writes) = whole(&a, how, jobs).await;
            assert!(writes >= 8 && expected.end == End::Complete, "{how:?}: {writes} writes, {expected:?}");
            for (fault, at) in Fault::ALL.into_iter().flat_map(|fault| (0..writes).map(move |at| (fault, at))) {
                let what = format!("{how:?}, {jobs} jobs, {fault:?} at write {at}");
                let b = destination(how).await;
                let options = options(how, jobs);
                let report = match until_fault(&a, &b, &options, &path, (fault, at)).await {
                    Some(report) => {
                        assert!(matches!(fault, Fault::AnswerLost | Fault::CallLost), "{what}: nothing went wrong");
                        report
                    }
                    None => {
                        let journal = Journal::resume(&path, OF).expect("the journal is read");
                        assert!(journal.is_some(), "{what}: the journal is gone");
                        copy(&a, &b, &options, journal, &mut Unwatched).await.expect("the copy goes on")
                    }
                };
                assert_eq!((report.counts, report.end), (expected.counts, End::Complete), "{what}");
                assert_eq!(report.proof.map(|p| p.left), Some(0), "{what}");
                assert_eq!(export(&b).await, result, "{what}");
                assert!(!path.exists(), "{what}: the journal stays");
            }
        }
    }
}

thread_local! {
    /// The traces of this thread, which is that of one test.
    static TRACES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// How many bytes of the journal were synced, by the traces since the last call.
struct Synced;

impl Synced {
    /// For the whole process: whether somebody listens is asked once a place, on whichever thread comes there first.
    fn listen() {
        let traces = tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing::Level::TRACE);
        // Another test may have been first.
        let _ = tracing::subscriber::set_global_default(traces.with_writer(|| Synced).finish());
    }

    fn bytes() -> Option<usize> {
        let traces = String::from_utf8(TRACES.take()).expect("text");
        let (_, last) = traces.rsplit_once("synced the journal bytes=")?;
        last.split_whitespace().next()?.parse().ok()
    }
}

impl io::Write for Synced {
    fn write(&mut self, trace: &[u8]) -> io::Result<usize> {
        TRACES.with_borrow_mut(|traces| traces.extend_from_slice(trace));
        Ok(trace.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn what_a_power_cut_takes_from_the_journal_is_not_missed() {
    let dir = fresh();
    let path = dir.path().join("journal");
    let a = source().await;
    Synced::listen();
    let how = OnConflict::Overwrite;
    for jobs in [1, 3] {
        let (expected, result, writes) = whole(&a, how, jobs).await;
        let options = options(how, jobs);
        let cuts =
            [Fault::KilledBefore, Fault::KilledAfter].into_iter().flat_map(|f| (0..writes).map(move |at| (f, at)));
        for (fault, at) in cuts {
            // What was not synced is gone, is there as zeros, or has a hole.
            for left in ["nothing", "zeros", "a hole"] {
                let what = format!("{jobs} jobs, {fault:?} at write {at}, {left}");
                let b = destination(how).await;
                Synced::bytes();
                assert_eq!(until_fault(&a, &b, &options, &path, (fault, at)).await, None, "{what}");
                let kept = Synced::bytes().expect("it is synced before anything is sent");
                let mut noted = std::fs::read(&path).expect("the journal");
                match left {
                    "nothing" => noted.truncate(kept),
                    "zeros" => noted[kept..].fill(0),
                    _ => {
                        noted[kept..].fill(0);
                        noted.extend(b"\0}\n{\"done\":0}\n");
                    }
                }
                std::fs::write(&path, noted).expect("the power is cut");
                let journal = Journal::resume(&path, OF).expect("the journal is read");
                assert!(journal.is_some(), "{what}: the journal is gone");
                let report = copy(&a, &b, &options, journal, &mut Unwatched).await.expect("the copy goes on");
                assert_eq!((report.counts, report.end), (expected.counts, End::Complete), "{what}");
                assert_eq!(export(&b).await, result, "{what}");
            }
        }
    }
}

#[tokio::test]
async fn a_line_that_was_cut_off_is_as_if_it_was_never_written() {
    let dir = fresh();
    let path = dir.path().join("journal");
    let a = source().await;
    let how = OnConflict::Overwrite;
    let (expected, result, _) = whole(&a, how, 1).await;
    let options = options(how, 1);
    // Killed before write 4, in the middle of the line that announces it, or of the first line.
    let b = destination(how).await;
    assert_eq!(until_fault(&a, &b, &options, &path, (Fault::KilledBefore, 4)).await, None);
    let noted = std::fs::read(&path).expect("the journal");
    let lines: Vec<usize> = (0..noted.len()).filter(|n| noted[*n] == b'\n').collect();
    let last = lines[lines.len() - 2] + 1;
    for cut in last..noted.len() {
        let b = destination(how).await;
        assert_eq!(until_fault(&a, &b, &options, &path, (Fault::KilledBefore, 4)).await, None);
        std::fs::write(&path, &noted[..cut]).expect("the journal is cut");
        let journal = Journal::resume(&path, OF).expect("the journal is read");
        let report = copy(&a, &b, &options, journal, &mut Unwatched).await.expect("the copy goes on");
        assert_eq!((report.counts, export(&b).await), (expected.counts, result.clone()), "cut at {cut}");
    }
    for cut in 0..lines[0] {
        std::fs::write(&path, &noted[..cut]).expect("the journal is cut");
        let b = destination(how).await;
        let journal = Journal::resume(&path, OF).expect("the journal is read");
        let report = copy(&a, &b, &options, journal, &mut Unwatched).await.expect("the copy goes on");
        assert_eq!(report.counts, expected.counts, "cut at {cut}");
    }
}

#[tokio::test]
async fn without_its_journal_a_copy_is_finished_all_the_same() {
    let dir = fresh();
    let path = dir.path().join("journal");
    let (a, b) = (memory().await, memory().await);
    fill(&a, many(30)).await;
    let options = options(OnConflict::Fail, 2);
    assert_eq!(until_fault(&a, &b, &options, &path, (Fault::KilledAfter, 5)).await, None);
    let there = b.count_collections(None).await.unwrap();
    assert!((1..30).contains(&there));
    let report = copy(&a, &b, &options, None, &mut Unwatched).await.unwrap();
    assert_eq!(report.counts, CopyCounts { created: 30 - there, unchanged: there, ..CopyCounts::default() });
    assert_eq!(root(&a).await, root(&b).await);
}

#[tokio::test]
async fn a_resumed_copy_does_not_look_at_what_is_done() {
    let dir = fresh();
    let path = dir.path().join("journal");
    let (a, b) = (memory().await, memory().await);
    fill(&a, many(30)).await;
    let options = options(OnConflict::Fail, 1);
    assert_eq!(until_fault(&a, &b, &options, &path, (Fault::KilledBefore, 5)).await, None);
    // The database goes on counting: what was copied already is no conflict, and the proof says that it is behind.
    a.record_stats("id-0000003", StatsDelta { vectors: 1, bytes: 1 }).await.unwrap();
    let journal = Journal::resume(&path, OF).unwrap();
    let report = copy(&a, &b, &options, journal, &mut Unwatched).await.unwrap();
    assert_eq!((report.counts.created, report.end), (30, End::Complete));
    assert_eq!(report.proof.map(|p| (p.root, p.left)), Some((None, 1)));
}

#[tokio::test]
async fn a_journal_in_which_nothing_stands_does_not_stay() {
    let dir = fresh();
    let path = dir.path().join("journal");
    let (a, b) = (memory().await, memory().await);
    fill(&a, many(30)).await;
    fill(&b, vec![record("id-0000003", "other", 1)]).await;
    let begin = || Some(Journal::start(&path, OF).expect("a journal"));
    let report = copy(&a, &b, &options(OnConflict::Fail, 1), begin(), &mut Unwatched).await.unwrap();
    assert_eq!((report.end, path.exists()), (End::Refused, false));
    let journal = begin();
    assert_eq!(Journal::start(&path, OF).unwrap_err().kind(), ErrorKind::Locked, "two runs of one copy");
    assert_eq!(Journal::resume(&path, OF).unwrap_err().kind(), ErrorKind::Locked);
    b.close().await.unwrap();
    copy(&a, &b, &options(OnConflict::Skip, 1), journal, &mut Unwatched).await.unwrap_err();
    assert!(!path.exists());
}

#[tokio::test]
async fn a_journal_of_something_else_is_refused() {
    let dir = fresh();
    let path = dir.path().join("journal");
    assert!(Journal::resume(&path, OF).unwrap().is_none());
    drop(Journal::start(&path, OF).unwrap());
    let e = Journal::resume(&path, "another").unwrap_err();
    assert!(e.kind() == ErrorKind::InvalidInput && e.message().contains(OF), "{e}");
    let begun = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, [begun.as_bytes(), b"{\"done\":\xff}\n"].concat()).unwrap();
    let e = Journal::resume(&path, OF).unwrap_err();
    assert!(e.kind() == ErrorKind::Corruption && e.message().ends_with("line 2"), "{e}");
    for (text, kind) in [
        ("{}\n".to_owned(), ErrorKind::Corruption),
        (format!("{begun}{{\"done\":\"x\"}}\n"), ErrorKind::Corruption),
        (format!("{begun}{begun}"), ErrorKind::Corruption),
        (begun.replace("\"format\":1", "\"format\":2"), ErrorKind::Unsupported),
    ] {
        std::fs::write(&path, &text).unwrap();
        assert_eq!(Journal::resume(&path, OF).unwrap_err().kind(), kind, "{text}");
    }
    let e = Journal::start(dir.path(), OF).unwrap_err();
    assert!(e.message().contains("cannot be used"), "{e}");
}
