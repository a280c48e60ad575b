//! The table of all namespaces: one writer publishes, readers take no lock.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::Deref;
use std::sync::{Arc, PoisonError};

use crossbeam_skiplist::SkipMap;
use crossbeam_skiplist::map::Entry;
use proximadb_meta_core::driver::{Key, Prepared, Push, Refusal, Scan, Scanned};
use proximadb_meta_core::filter::Literal;
use proximadb_meta_core::{Error, Namespace, Timestamp};

use crate::chain::At;
use crate::flaw::{Flaw, flawed};
use crate::plan::{Effect, Effects, Overlay, plan};
use crate::scan;
use crate::snapshot::{Snapshot, Snapshots};
use crate::space::{Delta, Garbage, Record, Space};
use crate::sync::{Mutex, Ordering, Ref, pin};

/// Changed values that one sweep drops for good.
const SWEEP: usize = 256;

/// Records and indexes of every namespace, in memory. See the [crate documentation](crate).
#[derive(Debug)]
pub struct Table {
    /// The namespace of those who never name one; the others are below.
    default: Arc<Space>,
    spaces: SkipMap<Namespace, Arc<Space>>,
    snapshots: Arc<Snapshots>,
    garbage: Mutex<VecDeque<(u64, Arc<Space>, Garbage)>>,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            default: Arc::new(Space::new(Namespace::default())),
            spaces: SkipMap::new(),
            snapshots: Arc::default(),
            garbage: Mutex::default(),
        }
    }
}

/// A namespace's space, without a count of its own.
enum SpaceRef<'a> {
    Default(&'a Arc<Space>),
    Other(Entry<'a, Namespace, Arc<Space>>),
}

impl Deref for SpaceRef<'_> {
    type Target = Arc<Space>;

    fn deref(&self) -> &Arc<Space> {
        match self {
            Self::Default(space) => space,
            Self::Other(entry) => entry.value(),
        }
    }
}

/// What was swept in one namespace.
struct Swept {
    space: Arc<Space>,
    slots: Vec<u32>,
    /// Slots without a record.
    gone: Vec<u32>,
}

impl Swept {
    fn new(space: &Arc<Space>) -> Self {
        Self { space: space.clone(), slots: Vec::new(), gone: Vec::new() }
    }
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn space(&self, ns: &Namespace) -> Option<SpaceRef<'_>> {
        if ns == self.default.namespace() {
            return Some(SpaceRef::Default(&self.default));
        }
        self.spaces.get(ns).map(SpaceRef::Other)
    }

    fn space_or_new(&self, ns: &Namespace) -> Arc<Space> {
        if ns == self.default.namespace() {
            return self.default.clone();
        }
        self.spaces.get_or_insert_with(ns.clone(), || Arc::new(Space::new(ns.clone()))).value().clone()
    }

    /// Every namespace that has, or had a moment ago, a record or a mark.
    fn every(&self) -> impl Iterator<Item = Arc<Space>> {
        let mut next = self.spaces.front();
        let others = std::iter::from_fn(move || {
            let entry = next.take()?;
            next = entry.next();
            Some(entry.value().clone())
        });
        Some(self.default.clone()).filter(|s| !s.is_bare()).into_iter().chain(others)
    }

    /// The record, expired or not. O(1) in the default namespace, O(log namespaces) in others; no lock.
    #[must_use]
    pub fn get(&self, ns: &Namespace, key: Key<'_>) -> Option<Record> {
        let (space, pin) = (self.space(ns)?, pin());
        loop {
            let seq = self.snapshots.published();
            let found = match key {
                Key::Id(id) => space.by_id(id, seq, &pin),
                Key::Name(name) => space.by_name(name, seq, &pin),
            };
            if let At::Was(record) = found {
                return record.map(Ref::to_arc);
            }
        }
    }

    /// Checks a unit against the newest versions and the group's earlier units; remembers it in the overlay when it passes.
    ///
    /// # Errors
    /// The first precondition that does not hold; the overlay is unchanged.
    pub fn plan(&self, overlay: &mut Overlay, ns: &Namespace, unit: &Prepared) -> Result<Effects, Refusal> {
        plan(self.space(ns).as_ref().map(|s| &***s), overlay, ns, unit)
    }

    /// Publishes planned units, in order. Readers see them all or none.
    pub fn install(&self, units: &[Effects]) {
        let changes = units.iter().map(|u| (&u.namespace, &*u.changes));
        self.write(changes);
    }

    /// Fills the table with records that are known to be consistent, as a log gives them back.
    pub fn load(&self, ns: &Namespace, records: impl IntoIterator<Item = Record>) {
        let changes: Vec<Effect> = records.into_iter().map(|record| Effect::Put { record, before: None }).collect();
        self.space_or_new(ns).reserve(changes.len());
        self.write([(ns, &*changes)].into_iter());
    }

    fn write<'a>(&self, units: impl Iterator<Item = (&'a Namespace, &'a [Effect])>) {
        // The lock keeps a second writer out, and guards the queue, which is whole between any two statements.
        let mut queue = self.garbage.lock().unwrap_or_else(PoisonError::into_inner);
        let mut work = self.collect(&mut queue);
        let seq = self.snapshots.published() + 1;
        let mut touched: Vec<(Arc<Space>, Delta)> = Vec::new();
        let mut garbage = Vec::new();
        for (ns, changes) in units {
            let at = match touched.iter().position(|(s, _)| s.namespace() == ns) {
                Some(at) => at,
                None => {
                    touched.push((self.space_or_new(ns), Delta::default()));
                    touched.len() - 1
                }
            };
            let Some((space, delta)) = touched.get_mut(at) else { continue };
            for change in changes {
                space.apply(change, seq, delta, &mut garbage);
                if flawed(Flaw::PublishedEarly) {
                    self.snapshots.publish(seq);
                }
            }
            work += garbage.len();
            queue.extend(garbage.drain(..).map(|(seq, g)| (seq, space.clone(), g)));
        }
        for (space, delta) in &touched {
            space.settle(delta);
        }
        self.snapshots.publish(seq);
        // Under a pin of its own each, so that the epoch can go on in between.
        for _ in 0..=work / SWEEP {
            pin().sweep();
        }
    }

    /// Drops what no reader needs any more, and says how much it was. The queue is in order of its numbers; all of one number
    /// goes at once, and only then are slots settled, and those of records that are gone given away.
    fn collect(&self, queue: &mut VecDeque<(u64, Arc<Space>, Garbage)>) -> usize {
        let oldest = if flawed(Flaw::SweptTooSoon) { self.snapshots.published() } else { self.snapshots.oldest() };
        let due = queue.partition_point(|(seq, ..)| *seq <= oldest);
        let mut swept: HashMap<*const Space, Swept> = HashMap::new();
        for (_, space, garbage) in queue.drain(..due) {
            let here = swept.entry(Arc::as_ptr(&space)).or_insert_with(|| Swept::new(&space));
            here.slots.push(garbage.slot());
            if flawed(Flaw::SettledEarly) {
                space.swept(&here.slots, oldest);
            }
            here.gone.extend(space.collect(&garbage, oldest));
        }
        for Swept { space, slots, mut gone } in swept.into_values() {
            space.swept(&slots, oldest);
            // A slot may have several entries in the queue, the last of them that of its end.
            gone.sort_unstable();
            gone.dedup();
            for slot in gone {
                space.release(slot);
            }
            if space.is_bare() {
                self.spaces.remove(space.namespace());
            }
        }
        due
    }

    /// Holds the present instant: [`scan_at`](Self::scan_at) and [`records_at`](Self::records_at) see it until it is dropped.
    #[must_use]
    pub fn hold(&self) -> Snapshot {
        self.snapshots.hold()
    }

    /// Reads in order, at the present instant; see [`Scan`]. Looks at a bounded number of records.
    #[must_use]
    pub fn scan(&self, ns: &Namespace, request: &Scan) -> Scanned {
        self.scan_at(&self.hold(), ns, request)
    }

    /// Reads in order at the instant of a snapshot of this table.
    #[must_use]
    pub fn scan_at(&self, snapshot: &Snapshot, ns: &Namespace, request: &Scan) -> Scanned {
        let Some(space) = self.space(ns) else { return Scanned::new(Vec::new(), None, 0, "empty namespace") };
        loop {
            match scan::scan(&space, snapshot.seq(), request) {
                Some(scanned) => return scanned,
                None => {
                    let _writer = self.garbage.lock().unwrap_or_else(PoisonError::into_inner);
                    space.make_order(request.order.field());
                }
            }
        }
    }

    /// Every leaf: records are here, and each candidate is checked against the whole filter.
    #[must_use]
    pub fn push(_: &Literal) -> Push {
        Push::Exact
    }

    /// Every record of a namespace by id at the instant of a snapshot. O(n log n), O(n) pointers.
    #[must_use]
    pub fn records_at(&self, snapshot: &Snapshot, ns: &Namespace) -> Vec<Record> {
        let Some(space) = self.space(ns) else { return Vec::new() };
        let mut records: Vec<Record> = space.all(snapshot.seq(), &pin()).collect();
        records.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        records
    }

    /// Every record of a namespace by id, at one instant. O(n) pointers; writers go on.
    #[must_use]
    pub fn snapshot(&self, ns: &Namespace) -> Vec<Record> {
        self.records_at(&self.hold(), ns)
    }

    /// Every namespace that has, or had a moment ago, a record or a mark.
    #[must_use]
    pub fn namespaces(&self) -> Vec<Namespace> {
        self.every().map(|s| s.namespace().clone()).collect()
    }

    /// Every record of every namespace, at one instant.
    #[must_use]
    pub fn snapshot_all(&self) -> BTreeMap<Namespace, Vec<Record>> {
        let snapshot = self.hold();
        let all = self.namespaces().into_iter().map(|ns| (ns.clone(), self.records_at(&snapshot, &ns)));
        all.filter(|(_, records)| !records.is_empty()).collect()
    }

    /// Marks or unmarks a namespace as being restored.
    pub fn set_restoring(&self, ns: &Namespace, on: bool) {
        self.space_or_new(ns).restoring.store(on, Ordering::SeqCst);
    }

    /// Whether the namespace is being restored.
    #[must_use]
    pub fn is_restoring(&self, ns: &Namespace) -> bool {
        self.space(ns).is_some_and(|s| s.restoring.load(Ordering::SeqCst))
    }

    /// Refuses a call into a namespace that is being restored, unless it is the restore's own.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn admit(&self, ns: &Namespace, restoring: bool) -> Result<(), Error> {
        if restoring || !self.is_restoring(ns) {
            return Ok(());
        }
        Err(Error::being_restored())
    }

    /// Every namespace that is being restored.
    #[must_use]
    pub fn restoring(&self) -> BTreeSet<Namespace> {
        self.namespaces().into_iter().filter(|ns| self.is_restoring(ns)).collect()
    }

    /// Records that are live at `now` in a namespace. Cost: one step for each that expired and was not reaped.
    #[must_use]
    pub fn live(&self, ns: &Namespace, now: Timestamp) -> u64 {
        self.space(ns).map_or(0, |s| s.records().saturating_sub(s.expired(now)))
    }

    /// Records of all namespaces, expired ones included.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.sum(|s| s.records())
    }

    /// Namespaces with a record.
    #[must_use]
    pub fn used_namespaces(&self) -> u64 {
        self.sum(|s| u64::from(s.records() > 0))
    }

    /// Bytes of all records' own memory, counted from their sizes; without index nodes and allocator overhead.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.sum(|s| s.bytes())
    }

    fn sum(&self, of: impl Fn(&Space) -> u64) -> u64 {
        self.every().map(|s| of(&s)).sum()
    }
}
