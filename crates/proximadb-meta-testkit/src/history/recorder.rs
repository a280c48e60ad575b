//! The recorder: writes down what each client asked and was answered, in one order of all questions and answers.

use std::future::Future;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use proximadb_meta_core::{
    Change, CollectionMetadata, Error, ErrorKind, MetadataBackend, Operation, Outcome, Result, StatsDelta,
};

use super::call::{Action, Answer, Call};

type Record = Arc<CollectionMetadata>;
/// The calls of one client. It alone locks it while it runs: recording makes no client wait for another.
type Log = Arc<Mutex<Vec<Call>>>;

/// A history in the making.
#[derive(Debug, Default)]
pub struct Recorder {
    order: Arc<AtomicU64>,
    clients: AtomicUsize,
    logs: Mutex<Vec<Log>>,
}

impl Recorder {
    /// An empty history.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A new client that works through `db`.
    #[must_use]
    pub fn client(&self, db: Arc<dyn MetadataBackend>) -> Client {
        let log = Log::default();
        self.logs.lock().unwrap_or_else(PoisonError::into_inner).push(log.clone());
        Client { number: self.clients.fetch_add(1, Ordering::Relaxed), db, order: self.order.clone(), log }
    }

    /// Every call so far, in the order of the questions.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        let logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<Call> =
            logs.iter().flat_map(|log| log.lock().unwrap_or_else(PoisonError::into_inner).clone()).collect();
        all.sort_by_key(|call| call.asked);
        all
    }
}

/// One client: the calls of the backend, recorded. A call whose future is dropped after it began stays without an answer.
#[derive(Debug)]
pub struct Client {
    number: usize,
    db: Arc<dyn MetadataBackend>,
    order: Arc<AtomicU64>,
    log: Log,
}

impl Client {
    fn ask(&self, action: Action) -> usize {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = self.order.fetch_add(1, Ordering::SeqCst);
        log.push(Call { client: self.number, asked, action, answer: None });
        log.len() - 1
    }

    async fn record<T>(
        &self,
        action: Action,
        call: impl Future<Output = Result<T>>,
        answer: impl FnOnce(&T) -> Answer,
    ) -> Result<T> {
        let place = self.ask(action);
        let result = call.await;
        let at = self.order.fetch_add(1, Ordering::SeqCst);
        let answer = match &result {
            Ok(done) => answer(done),
            Err(e) => Answer::Failed(e.clone()),
        };
        if let Some(call) = self.log.lock().unwrap_or_else(PoisonError::into_inner).get_mut(place) {
            call.answer = Some((at, answer));
        }
        result
    }

    /// As [`MetadataBackend::get_collection`].
    ///
    /// # Errors
    /// The backend's.
    pub async fn get_collection(&self, id: &str) -> Result<Option<Record>> {
        let found = |r: &Option<Record>| Answer::Found(r.clone());
        self.record(Action::Get { id: id.into() }, self.db.get_collection(id), found).await
    }

    /// As [`MetadataBackend::get_collection_by_name`].
    ///
    /// # Errors
    /// The backend's.
    pub async fn get_collection_by_name(&self, name: &str) -> Result<Option<Record>> {
        let found = |r: &Option<Record>| Answer::Found(r.clone());
        self.record(Action::GetByName { name: name.into() }, self.db.get_collection_by_name(name), found).await
    }

    /// As [`MetadataBackend::create_collection`]; the id must be given.
    ///
    /// # Errors
    /// The backend's; `InvalidInput` for an empty id.
    pub async fn create_collection(&self, record: CollectionMetadata) -> Result<Record> {
        if record.id.is_empty() {
            return Err(Error::invalid("a recorded create needs an id")
                .with_hint("without an answer nobody would know which record it made"));
        }
        let stored = |r: &Record| Answer::Stored(r.clone());
        self.record(Action::Create(record.clone()), self.db.create_collection(record), stored).await
    }

    /// As [`MetadataBackend::update_collection`].
    ///
    /// # Errors
    /// The backend's.
    pub async fn update_collection(&self, record: CollectionMetadata) -> Result<Record> {
        let stored = |r: &Record| Answer::Stored(r.clone());
        self.record(Action::Update(record.clone()), self.db.update_collection(record), stored).await
    }

    /// As [`MetadataBackend::delete_collection`].
    ///
    /// # Errors
    /// The backend's.
    pub async fn delete_collection(&self, id: &str) -> Result<bool> {
        let deleted = |was: &bool| Answer::Deleted(*was);
        self.record(Action::Delete { id: id.into() }, self.db.delete_collection(id), deleted).await
    }

    /// As [`MetadataBackend::record_stats`].
    ///
    /// # Errors
    /// The backend's.
    pub async fn record_stats(&self, id: &str, delta: StatsDelta) -> Result<Record> {
        let stored = |r: &Record| Answer::Stored(r.clone());
        self.record(Action::RecordStats { id: id.into(), delta }, self.db.record_stats(id, delta), stored).await
    }

    /// One `Operation::Set` through [`MetadataBackend::batch_operations`].
    ///
    /// # Errors
    /// The backend's; `Internal` when it does not answer with one stored record.
    pub async fn set(&self, id: &str, change: Change) -> Result<Record> {
        let id: Arc<str> = id.into();
        let operation = Operation::Set { id: id.clone(), change: change.clone() };
        let call = async {
            match &*self.db.batch_operations(vec![operation]).await? {
                [Outcome::Stored(r)] => Ok(r.clone()),
                other => Err(Error::new(ErrorKind::Internal, format!("a batch of one set was answered {other:?}"))
                    .with_retry(proximadb_meta_core::Retry::UnknownOutcome)),
            }
        };
        let stored = |r: &Record| Answer::Stored(r.clone());
        self.record(Action::Set { id, change }, call, stored).await
    }
}
