//! A full disk: on a small tmpfs the log, a rotation, a checkpoint and a backup each meet the end of the space. Writes say so,
//! reads go on, nothing acknowledged is lost, and once there is space again the same handle writes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use proximadb_meta_core::report::{BackupOptions, HealthStatus, RestoreOptions};
use proximadb_meta_core::{ConfigJson, Error, ErrorKind, MetadataBackend};
use tokio::task::JoinSet;

use crate::ballast::{Ballast, PAGE, Reader};
use crate::dice::Dice;
use crate::exact::exactly;
use crate::failure::{At as _, Failure, Outcome};
use crate::mount::{Mounts, Tmpfs};
use crate::perform::{count, perform, prepare};
use crate::script::{SHARED, Script};

const TMPFS_BYTES: u64 = 4 * 1024 * 1024;
const WRITERS: usize = 4;

/// Where the space ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// In an append to the log.
    Append,
    /// When the log turns to its next segment.
    Rotation,
    /// In a checkpoint.
    Checkpoint,
    /// In a backup to the same disk.
    Backup,
    /// In the few bytes that end a segment whose successor took the last page.
    Turn,
}

/// Runs `rounds` rounds, each with another amount of space left.
///
/// # Errors
/// The round and what was wrong.
pub fn disk(right: Mounts, point: Point, seed: u64, rounds: u64) -> Outcome<String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (mut refused, mut reads) = (0, 0u64);
    for round in 0..rounds {
        let work = async {
            let mut scene = Scene::new(right, point, seed + round).await?;
            scene.fill(round, &mut Dice::of(&[seed, round, 4])).await?;
            scene.reopen_while_full(round).await?;
            scene.free().await?;
            refused += scene.refused;
            reads += scene.done().await?;
            Outcome::Ok(())
        };
        runtime.block_on(work).at(format!("{point:?}, seed {seed}, round {round}"))?;
    }
    Ok(format!("{rounds} full disks, {refused} calls refused, {reads} lists read meanwhile"))
}

/// A store on a small disk with what fills it.
struct Scene {
    point: Point,
    disk: Tmpfs,
    ballast: Ballast,
    db: Arc<dyn MetadataBackend>,
    reader: Reader,
    scripts: Vec<Script>,
    refused: u64,
    reads: u64,
}

impl Scene {
    async fn new(right: Mounts, point: Point, seed: u64) -> Outcome<Self> {
        let disk = Tmpfs::new(right, TMPFS_BYTES)?;
        let ballast = Ballast::new(&disk.path().join("ballast"))?;
        let db = open(disk.path(), point).await?;
        prepare(&*db).await?;
        let scripts = (0..WRITERS).map(|w| Script::new(seed, w, 0)).collect();
        let reader = Reader::start(db.clone());
        let mut scene = Self { point, disk, ballast, db, reader, scripts, refused: 0, reads: 0 };
        let errors = scene.write(60).await?;
        ensure!(errors.is_empty(), "there was space: {errors:?}");
        Ok(scene)
    }

    fn backups(&self) -> PathBuf {
        self.disk.path().join("backups")
    }

    /// Every writer does so many steps, or stops where it is refused.
    async fn write(&mut self, steps: u64) -> Outcome<Vec<Error>> {
        let mut writers = JoinSet::new();
        for mut script in std::mem::take(&mut self.scripts) {
            let (db, backups) = (self.db.clone(), self.backups());
            writers.spawn(async move {
                for _ in 0..steps {
                    if let Err(e) = perform(&*db, &script, &backups).await {
                        return (script, Some(e));
                    }
                    script.advance();
                }
                (script, None)
            });
        }
        let mut errors = Vec::new();
        while let Some(done) = writers.join_next().await {
            let (script, error) = done?;
            self.scripts.push(script);
            errors.extend(error);
        }
        self.scripts.sort_unstable_by_key(Script::writer);
        Ok(errors)
    }

    /// Writes until every writer is refused for want of space. `StorageFull`: the step was not done, and can be done again.
    async fn write_until_full(&mut self) -> Outcome {
        // A writer whose step shared its sync with a large one is refused together with it, and may go on afterwards.
        for _ in 0..100 {
            let before: u64 = self.scripts.iter().map(Script::done).sum();
            let errors = self.write(u64::MAX).await?;
            for e in &errors {
                ensure!(e.kind() == ErrorKind::StorageFull, "a full disk is answered {e:?}");
                ensure!(e.hint().is_some(), "the answer does not say what to do: {e:?}");
            }
            self.refused += errors.len() as u64;
            if self.scripts.iter().map(Script::done).sum::<u64>() == before {
                return self.holds().await;
            }
        }
        Err(Failure::new("the disk never fills"))
    }

    /// The catalog holds exactly what was acknowledged.
    async fn holds(&self) -> Outcome {
        exactly(&*self.db, &self.scripts).await
    }

    async fn fill(&mut self, round: u64, dice: &mut Dice) -> Outcome {
        match self.point {
            Point::Append => {
                self.ballast.leave(dice.below(8))?;
                self.write_until_full().await
            }
            Point::Turn => self.refuse_turn().await,
            Point::Rotation => self.refuse_rotation(round % 3).await,
            Point::Checkpoint => {
                self.ballast.leave(pages(round, dice))?;
                // The turn to a new segment gives back the zeros that were written ahead: that can be space enough.
                if let Err(e) = self.db.maintain().await {
                    self.refuse(|_, _| async move { Err(e) }).await?;
                    let names = names(&self.disk.path().join("store"))?;
                    ensure!(!names.iter().any(|n| n.contains("checkpoint")), "the checkpoint left a file: {names:?}");
                }
                self.write_until_full().await
            }
            Point::Backup => {
                self.make_noise(dice).await.at("there was space")?;
                self.ballast.leave(pages(round, dice))?;
                let backup = |db: Arc<dyn MetadataBackend>, place: PathBuf| async move {
                    db.backup(&place.to_string_lossy(), BackupOptions::default()).await.map(drop)
                };
                self.refuse(backup).await?;
                ensure!(names(&self.backups())?.is_empty(), "half a backup was left: {:?}", names(&self.backups())?);
                self.write_until_full().await
            }
        }
    }

    /// A call that must find no space.
    async fn refuse<F: Future<Output = proximadb_meta_core::Result<()>>>(
        &mut self,
        call: impl FnOnce(Arc<dyn MetadataBackend>, PathBuf) -> F,
    ) -> Outcome {
        match call(self.db.clone(), self.backups()).await {
            Ok(()) => Err(Failure::new("it found space on a full disk")),
            Err(e) if e.kind() == ErrorKind::StorageFull => {
                self.refused += 1;
                self.holds().await
            }
            Err(e) => Err(Failure::new(format!("a full disk is answered {e:?}"))),
        }
    }

    /// Fills the disk in a segment that still has room in its last page: the log goes on in it where it cannot turn.
    async fn refuse_rotation(&mut self, pages: u64) -> Outcome {
        let begun = self.number("log_segments").await?;
        while self.number("log_segments").await? == begun {
            self.count().await.at("there was space")?;
        }
        self.ballast.leave(pages)?;
        let mut turned = (self.number("log_segments").await?, self.number("log_bytes").await?);
        let refusal = loop {
            if let Err(e) = self.count().await {
                break e;
            }
            let segments = self.number("log_segments").await?;
            if segments != turned.0 {
                turned = (segments, self.number("log_bytes").await?);
            }
        };
        ensure!(refusal.kind() == ErrorKind::StorageFull, "a full disk is answered {refusal:?}");
        let grown = self.number("log_bytes").await? - turned.1;
        ensure!(grown > PAGE * 3 / 4, "the log took only {grown} bytes after it turned last: it did not go on");
        self.refused += 1;
        self.write_until_full().await
    }

    /// Lets a segment turn when its last page is as good as full and one page is left, which the next segment takes: the turn
    /// itself finds no room. Then the next segment is taken back, and the log goes on in the old one.
    async fn refuse_turn(&mut self) -> Outcome {
        // From here on the bytes of the log are those of one segment.
        self.db.maintain().await?;
        let (goal, short) = (PAGE - 16, 200);
        let before = self.number("log_bytes").await?;
        self.describe(short).await.at("there was space")?;
        let taken = self.number("log_bytes").await? - before;
        while self.number("log_bytes").await? + taken + 300 < goal {
            self.count().await.at("there was space")?;
        }
        let segments = self.number("log_segments").await?;
        let rest = goal - self.number("log_bytes").await? - taken;
        self.ballast.leave(1)?;
        self.describe(short + rest).await.at("it fits into the page")?;
        let length = self.number("log_bytes").await?;
        ensure!((PAGE - 31..=PAGE).contains(&length), "the segment has {length} bytes: a turn fits, or was not tried");
        ensure!(self.number("log_segments").await? == segments, "the log turned on a full disk");
        self.holds().await?;
        self.write_until_full().await
    }

    /// Gives the record of all a description of so many bytes.
    async fn describe(&self, bytes: u64) -> Outcome {
        let record = self.db.get_collection(SHARED).await?.ok_or_else(|| Failure::new("it is gone"))?;
        let mut record = (*record).clone();
        record.description = Some("x".repeat(usize::try_from(bytes)?).into());
        self.db.update_collection(record).await?;
        Ok(())
    }

    /// Gives the record of all a config that no compression makes smaller than nine pages.
    async fn make_noise(&self, dice: &mut Dice) -> Outcome {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let noise: String = (0..12 * PAGE).map(|_| char::from(LETTERS[dice.below(64) as usize])).collect();
        let record = self.db.get_collection(SHARED).await?.ok_or_else(|| Failure::new("it is gone"))?;
        let mut record = (*record).clone();
        record.config = ConfigJson::parse(&format!(r#"{{"noise":"{noise}"}}"#))?;
        self.db.update_collection(record).await?;
        Ok(())
    }

    async fn count(&mut self) -> proximadb_meta_core::Result<()> {
        let Some(script) = self.scripts.first_mut() else { return Ok(()) };
        count(&*self.db, script).await?;
        script.note_count();
        Ok(())
    }

    async fn number(&self, name: &str) -> Outcome<u64> {
        let stats = self.db.get_stats().await?;
        let found = stats.more.iter().find(|s| s.name == name);
        found.map(|s| s.value.value).ok_or_else(|| Failure::new(format!("there is no number {name}")))
    }

    /// Every other round: closed and opened again on the full disk, the store reads as before, and still refuses to write.
    async fn reopen_while_full(&mut self, round: u64) -> Outcome {
        self.holds().await?;
        let health = self.db.health_check().await?;
        ensure!(health.status == HealthStatus::Ready, "a full disk is no reason for {health:?}");
        if round % 2 == 1 {
            self.reads += self.reader.stop().await?;
            // Sealing the log takes space too.
            match self.db.close().await {
                Err(e) if e.kind() != ErrorKind::StorageFull => return Err(e).at("close on a full disk"),
                _ => {}
            }
            self.db = open(self.disk.path(), self.point).await.at("open on a full disk")?;
            self.reader = Reader::start(self.db.clone());
            self.write_until_full().await?;
        }
        Ok(())
    }

    /// Space again: the same handle writes, rotates, checkpoints and backs up.
    async fn free(&mut self) -> Outcome {
        self.ballast.leave(TMPFS_BYTES / PAGE)?;
        let errors = self.write(40).await?;
        ensure!(errors.is_empty(), "there is space again: {errors:?}");
        self.holds().await?;
        self.db.maintain().await.at("a checkpoint after space was freed")?;
        let backups = self.backups();
        let place = backups.to_string_lossy();
        let report = self.db.backup(&place, BackupOptions::default()).await.at("a backup after space was freed")?;
        let memory = proximadb_meta_memory::memory().into_backend();
        memory.restore(&report.id, &place, RestoreOptions::default()).await?;
        exactly(&*memory, &self.scripts).await.at("the backup")
    }

    /// Opens once more; how many lists were read meanwhile.
    async fn done(mut self) -> Outcome<u64> {
        self.reads += self.reader.stop().await?;
        self.db.close().await?;
        let again = open(self.disk.path(), self.point).await?;
        exactly(&*again, &self.scripts).await.at("opened again")?;
        again.close().await?;
        Ok(self.reads)
    }
}

/// A rotation needs a page of its own where an append to half a page needs none.
async fn open(disk: &Path, point: Point) -> Outcome<Arc<dyn MetadataBackend>> {
    let segment_bytes = match point {
        Point::Rotation => PAGE / 2,
        // The mark of a turn takes 32 bytes.
        Point::Turn => PAGE - 32,
        _ => 1024 * 1024,
    };
    Ok(proximadb_meta_wal::open_with(disk.join("store"), segment_bytes).await?.into_backend())
}

/// Pages left for what takes a dozen: none, the first one, and so on.
fn pages(round: u64, dice: &mut Dice) -> u64 {
    if round % 5 < 4 { round % 5 } else { 4 + dice.below(2) }
}

fn names(directory: &Path) -> Outcome<Vec<String>> {
    if !directory.exists() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    Ok(names)
}
