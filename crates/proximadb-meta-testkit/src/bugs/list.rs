//! The list of bugs.

macro_rules! bugs {
    ($($(#[$doc:meta])+ $name:ident,)+) => {
        /// One mistake.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Bug { $($(#[$doc])+ $name),+ }

        impl Bug {
            /// Every bug.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];
        }
    };
}

bugs! {
    /// A stale update overwrites.
    LostUpdate,
    /// Two creates at once get one name.
    RacyName,
    /// A failing batch leaves what came before the failure.
    TornBatch,
    /// A later page lacks its first row.
    SkippedPageRow,
    /// A later page repeats the last row of the page before.
    DoubledPageRow,
    /// A read shows what an earlier one cached.
    StaleRead,
    /// A read now and then shows the record as before its last update.
    StaleByOne,
    /// The old name of a record shows it once more.
    StaleName,
    /// An update now and then is acknowledged and not done.
    UpdateNotDone,
    /// An update compares first and writes later, whatever came between.
    CompareThenUpdate,
    /// A delta now and then counts twice.
    DeltaTwice,
    /// Of two deltas at once one is lost.
    CounterLost,
    /// A delta moves the version.
    CounterBumpsVersion,
    /// A counter is held at its limit instead of refused.
    CounterClamped,
    /// Of a refused delta one part is applied.
    CounterHalfApplied,
    /// Records vanish a microsecond early.
    ExpiryEarly,
    /// Records vanish a microsecond late.
    ExpiryLate,
    /// A deleted record keeps its name taken.
    NameKeptOnDelete,
    /// A renamed record keeps its old name taken.
    NameKeptOnRename,
    /// An update of an earlier life is accepted.
    AbaAccepted,
    /// `NOT` of a leaf wants the field to be present.
    NotOnAbsentField,
    /// Three-valued logic throughout.
    NullLogic,
    /// `!=` passes an absent field.
    NeOnAbsentField,
    /// Config numbers are compared as integers.
    TruncatedConfigNumber,
    /// `_` and `%` in a prefix are patterns.
    PrefixIsPattern,
    /// Tags are compared in lower case.
    FoldedTag,
    /// Names that differ by case collide.
    CaseFoldedName,
    /// Ids are trimmed.
    TrimmedId,
    /// A cursor of another list starts this one anew.
    ForeignCursorAccepted,
    /// Descending lists ascend.
    DescendingIgnored,
    /// Lists end after 100 records.
    ListCutShort,
    /// Counts ignore the filter.
    CountIgnoresFilter,
    /// What is not offered (maintenance, ranked search, schema, diagnosis) answers that it is done.
    UnsupportedAnsweredOk,
    /// A finding that is not in order says nothing of what to do.
    FindingWithoutFix,
    /// A clock that is behind is found in order.
    ClockNotLookedAt,
    /// What is to be applied is still pending afterwards.
    SchemaNeverApplied,
    /// A diagnosis writes.
    DiagnosisWrites,
    /// An idempotency key is ignored.
    IdempotencyIgnored,
    /// A passed deadline is ignored.
    DeadlineIgnored,
    /// An update writes `created_at`.
    CreatedAtOverwritten,
    /// `updated_at` follows the clock backwards.
    UpdatedAtBackwards,
    /// An update writes the counters it was given.
    UpdateWritesCounters,
    /// An update that changes nothing does nothing.
    NoopUpdateSkipped,
    /// A taken name is told before a conflict.
    NameBeforeConflict,
    /// A batch tells the index after the failing one.
    BatchWrongIndex,
    /// A delete always says true.
    DeleteAlwaysTrue,
    /// The last of several tags is dropped.
    TagDropped,
    /// Unknown fields are dropped.
    ExtraDropped,
    /// `Put` stamps the time.
    PutStamps,
    /// Times are kept to the millisecond.
    TimesToMillis,
    /// Namespaces are one.
    NamespaceLeak,
    /// A closed handle still answers.
    ClosedStillAnswers,
    /// Statistics count one too many.
    StatsOffByOne,
    /// A digest does not see the counters.
    DigestWithoutCounters,
    /// A digest does not see fields of newer releases.
    DigestWithoutExtra,
    /// The entries of a digest lack the last one.
    DigestEntryMissing,
    /// A digest shows an earlier one again.
    StaleDigest,
}
