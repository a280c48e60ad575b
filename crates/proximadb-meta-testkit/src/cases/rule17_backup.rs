//! Rule 17: backup and restore.

use proximadb_meta_core::ErrorKind::{AlreadyExists, NotFound};
use proximadb_meta_core::report::{BackupOptions, RestoreOptions};

use crate::case::{Need, rec_with, refused};

cases! { 17 rule17;
    [Need::Backup] fn a_backup_restores_every_record(s) {
        let dir = s.backup_dir()?;
        for id in ["a", "b", "é"] {
            s.add(id).await?;
        }
        s.count("a", 3, 4).await?;
        let before = s.db.list_collections(None).await?;
        let made = s.db.backup(&dir.location, BackupOptions::default()).await?;
        same!(made.records, 3);
        let other = s.another().await?;
        same!(other.db.restore(&made.id, &dir.location, RestoreOptions::default()).await?.records, 3);
        let after = other.db.list_collections(None).await?;
        same!(after.len(), 3);
        for (x, y) in before.iter().zip(&after) {
            ensure!(x.same_content(y), "{x:?} became {y:?}");
        }
        other.close().await?;
    }
    [Need::Backup] fn a_namespace_that_holds_records_is_refused(s) {
        let dir = s.backup_dir()?;
        s.add("a").await?;
        let made = s.db.backup(&dir.location, BackupOptions::default()).await?;
        s.add("b").await?;
        refused(s.db.restore(&made.id, &dir.location, RestoreOptions::default()).await, AlreadyExists)?;
        same!(s.matching("").await?, "a,b");
    }
    [Need::Backup] fn replace_takes_the_place_of_what_is_there(s) {
        let dir = s.backup_dir()?;
        s.add("a").await?;
        let made = s.db.backup(&dir.location, BackupOptions::default()).await?;
        s.add("b").await?;
        s.db.delete_collection("a").await?;
        same!(s.db.restore(&made.id, &dir.location, RestoreOptions::replacing()).await?.records, 1);
        same!(s.matching("").await?, "a");
    }
    [Need::Backup] fn a_backup_holds_one_namespace(s) {
        let dir = s.backup_dir()?;
        s.add("a").await?;
        s.space("one")?.create_collection(rec_with("b", |_| ())).await?;
        let made = s.db.backup(&dir.location, BackupOptions::default()).await?;
        same!(made.records, 1);
        s.space("two")?.restore(&made.id, &dir.location, RestoreOptions::default()).await?;
        same!(crate::case::ids(&s.space("two")?.list_collections(None).await?), "a");
    }
    [Need::Backup] fn an_unknown_backup_is_not_found(s) {
        let dir = s.backup_dir()?;
        refused(s.db.restore("01890000-0000-7000-8000-000000000000", &dir.location, RestoreOptions::default()).await, NotFound)?;
    }
}
