//! What two catalogs differ in.
//!
//! Where nothing narrows the comparison and both stores make [digests](proximadb_meta_core::digest), their trees are compared,
//! and only the records of differing leaves are looked at: first their hashes, then those records that differ themselves. Else,
//! and where a large part differs, both are listed in the order of their ids and compared record by record. Either way memory
//! stays flat, and every difference is told of records that were read, in the order of their ids.
//!
//! Catalogs that are written meanwhile are compared as they are read: no difference is told that did not stand when its two
//! records were read, one after the other; one that comes and goes may be missed.

mod merge;
mod parts;
mod tree;

use std::ops::ControlFlow;
use std::sync::Arc;

pub use parts::Part;
use proximadb_meta_core::{CollectionMetadata, Filter, MetadataBackend, Result};

use crate::records::Record;

/// What to compare.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DiffOptions {
    /// Records that match in one of the catalogs; `None`: all.
    pub filter: Option<Filter>,
    /// Parts of a record that count; `None`: all but the incarnation. The id always counts.
    pub parts: Option<Vec<Part>>,
    /// Whether records that are the same are told too.
    pub same: bool,
}

impl DiffOptions {
    /// Everything; only differences are told.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Only records that match in one of the catalogs.
    #[must_use]
    pub fn with_filter(mut self, filter: Option<Filter>) -> Self {
        self.filter = filter;
        self
    }

    /// Only these parts of a record.
    #[must_use]
    pub fn with_parts(mut self, parts: Option<Vec<Part>>) -> Self {
        self.parts = parts;
        self
    }

    /// Tells records that are the same, too.
    #[must_use]
    pub fn with_same(mut self, same: bool) -> Self {
        self.same = same;
        self
    }

    /// The parts in which two records of one id differ, of those that count.
    fn differing(&self, a: &CollectionMetadata, b: &CollectionMetadata) -> Vec<Part> {
        if a.same_content(b) {
            return Vec::new();
        }
        let counts = |part: &Part| self.parts.as_ref().is_none_or(|parts| parts.contains(part));
        Part::all().filter(|part| counts(part) && !part.is_same(a, b)).collect()
    }
}

/// What is true of one id.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Difference {
    /// Both have it, and it is the same.
    Same(Arc<CollectionMetadata>),
    /// Only the first catalog has it.
    OnlyInA(Arc<CollectionMetadata>),
    /// Only the second catalog has it.
    OnlyInB(Arc<CollectionMetadata>),
    /// Both have it, and it is not the same.
    Changed {
        /// In the first catalog.
        a: Arc<CollectionMetadata>,
        /// In the second.
        b: Arc<CollectionMetadata>,
        /// In what they differ; at least one.
        parts: Vec<Part>,
    },
}

impl Difference {
    /// The id.
    #[must_use]
    pub fn id(&self) -> &Arc<str> {
        match self {
            Self::Same(r) | Self::OnlyInA(r) | Self::OnlyInB(r) | Self::Changed { a: r, .. } => &r.id,
        }
    }

    /// `=` the same, `+` only in the first, `-` only in the second, `*` not the same: what a copy of the first to the second
    /// would leave, add, not touch, overwrite.
    #[must_use]
    pub const fn sign(&self) -> char {
        match self {
            Self::Same(_) => '=',
            Self::OnlyInA(_) => '+',
            Self::OnlyInB(_) => '-',
            Self::Changed { .. } => '*',
        }
    }
}

/// How catalogs were compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Method {
    /// By their digests.
    Digest,
    /// By lists of all their records.
    List,
}

impl Method {
    /// `digest`, `list`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Digest => "digest",
            Self::List => "list",
        }
    }
}

/// What a comparison found, and what it cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DiffReport {
    /// Records that are the same. By digest: those of the first catalog that are not among the others.
    pub same: u64,
    /// Records that only the first catalog has.
    pub only_in_a: u64,
    /// Records that only the second has.
    pub only_in_b: u64,
    /// Records that both have and that are not the same.
    pub changed: u64,
    /// How they were compared.
    pub method: Method,
    /// Records that the two stores gave out.
    pub records_read: u64,
    /// Ids with hashes that the two stores gave out.
    pub entries_read: u64,
}

impl DiffReport {
    fn new(method: Method) -> Self {
        Self { same: 0, only_in_a: 0, only_in_b: 0, changed: 0, method, records_read: 0, entries_read: 0 }
    }

    /// Whether nothing differs.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.only_in_a == 0 && self.only_in_b == 0 && self.changed == 0
    }
}

/// Who is told. `Break` ends the comparison.
pub type Tell<'a> = dyn FnMut(Difference) -> ControlFlow<()> + Send + 'a;

/// Compares two catalogs, and tells each difference in ascending order of the ids. A teller that breaks off gets the report of
/// what it was told.
///
/// # Errors
/// What lists, digests and point reads give; `InvalidInput` for a filter over its limits.
pub async fn diff(
    a: &Arc<dyn MetadataBackend>,
    b: &Arc<dyn MetadataBackend>,
    options: &DiffOptions,
    tell: &mut Tell<'_>,
) -> Result<DiffReport> {
    let narrowed = options.filter.is_some() || options.parts.is_some() || options.same;
    if !narrowed && a.capabilities().digest && b.capabilities().digest {
        if let Some(report) = tree::diff(a, b, options, tell).await? {
            return Ok(report);
        }
    }
    merge::diff(a, b, options, tell).await
}

/// What two reads of one id come to.
fn judge(options: &DiffOptions, a: Option<Record>, b: Option<Record>) -> Option<Difference> {
    match (a, b) {
        (None, None) => None,
        (Some(a), None) => Some(Difference::OnlyInA(a)),
        (None, Some(b)) => Some(Difference::OnlyInB(b)),
        (Some(a), Some(b)) => {
            let parts = options.differing(&a, &b);
            Some(if parts.is_empty() { Difference::Same(a) } else { Difference::Changed { a, b, parts } })
        }
    }
}

/// Counts a difference, and tells it unless it is none that was asked for.
fn tell_one(
    report: &mut DiffReport,
    options: &DiffOptions,
    found: Option<Difference>,
    tell: &mut Tell<'_>,
) -> ControlFlow<()> {
    let Some(found) = found else { return ControlFlow::Continue(()) };
    *match &found {
        Difference::Same(_) => &mut report.same,
        Difference::OnlyInA(_) => &mut report.only_in_a,
        Difference::OnlyInB(_) => &mut report.only_in_b,
        Difference::Changed { .. } => &mut report.changed,
    } += 1;
    if matches!(found, Difference::Same(_)) && !options.same {
        return ControlFlow::Continue(());
    }
    tell(found)
}
