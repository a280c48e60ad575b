//! The connections that read.
//!
//! A pool of our own: a read is one round trip to a connection's thread, without the check that a general pool makes before
//! and after. A connection that met an error is not used again.

use std::sync::{Mutex, MutexGuard, PoisonError};

use proximadb_meta_core::{Error, Result};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::error::failed;
use crate::row::Query;

#[derive(Debug)]
pub(crate) struct Readers {
    options: SqliteConnectOptions,
    permits: Semaphore,
    size: u32,
    idle: Mutex<Vec<SqliteConnection>>,
}

impl Readers {
    pub(crate) fn new(options: SqliteConnectOptions, size: usize) -> Self {
        let size = u32::try_from(size.clamp(1, 1024)).unwrap_or(1);
        Self { options, permits: Semaphore::new(size as usize), size, idle: Mutex::default() }
    }

    /// The first row that a query gives.
    pub(crate) async fn one(&self, what: &str, query: Query<'static>) -> Result<Option<SqliteRow>> {
        let mut reader = self.acquire().await?;
        let row = query.fetch_optional(reader.connection()?).await;
        reader.checked(what, row)
    }

    /// Every row that a query gives.
    pub(crate) async fn all(&self, what: &str, query: Query<'static>) -> Result<Vec<SqliteRow>> {
        let mut reader = self.acquire().await?;
        let rows = query.fetch_all(reader.connection()?).await;
        reader.checked(what, rows)
    }

    async fn acquire(&self) -> Result<Reader<'_>> {
        let permit = self.permits.acquire().await.map_err(|_| Error::closed())?;
        let idle = self.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        Ok(Reader { connection: Some(connection), readers: self, _permit: permit })
    }

    /// A connection outside the pool, for work that takes long.
    pub(crate) async fn connect(&self) -> Result<SqliteConnection> {
        self.options.connect().await.map_err(|e| failed("connect to the database", e))
    }

    /// Idle connections end: the next ones read the statistics of the indexes anew.
    pub(crate) fn renew(&self) {
        self.idle().clear();
    }

    /// Refuses new reads, lets those that run finish, and closes.
    pub(crate) async fn close(&self) {
        if let Ok(all) = self.permits.acquire_many(self.size).await {
            self.permits.close();
            drop(all);
        }
        let idle = std::mem::take(&mut *self.idle());
        for connection in idle {
            // A reader has nothing that closing could lose.
            let _ = connection.close().await;
        }
    }

    /// The list is whole between any two statements.
    fn idle(&self) -> MutexGuard<'_, Vec<SqliteConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection on loan. It goes back when it is dropped, also in the middle of a query: the next one waits for its end.
struct Reader<'a> {
    connection: Option<SqliteConnection>,
    readers: &'a Readers,
    _permit: SemaphorePermit<'a>,
}

impl Reader<'_> {
    fn connection(&mut self) -> Result<&mut SqliteConnection> {
        self.connection.as_mut().ok_or_else(Error::closed)
    }

    /// The answer; after an error the connection does not go back.
    fn checked<T>(mut self, what: &str, answer: sqlx::Result<T>) -> Result<T> {
        answer.map_err(|e| {
            self.connection = None;
            failed(what, e)
        })
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.readers.idle().push(connection);
        }
    }
}
