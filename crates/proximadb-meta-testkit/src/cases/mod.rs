//! The cases, one file a rule or two.

use crate::case::Case;

/// Fails the case unless the condition holds.
macro_rules! ensure {
    ($cond:expr) => {
        if !$cond {
            return Err($crate::case::Failure::new(format!("does not hold: {}", stringify!($cond))));
        }
    };
    ($cond:expr, $($text:tt)+) => {
        if !$cond {
            return Err($crate::case::Failure::new(format!($($text)+)));
        }
    };
}

/// Fails the case unless both are equal.
macro_rules! same {
    ($a:expr, $b:expr) => {
        match (&$a, &$b) {
            (a, b) => {
                if *a != *b {
                    let what = concat!(stringify!($a), " should be ", stringify!($b));
                    return Err($crate::case::Failure::new(format!("{what}: {a:?} is not {b:?}")));
                }
            }
        }
    };
}

/// Declares the cases of a file: `[need] fn name(store) { body }`.
macro_rules! cases {
    ($rule:literal $module:ident; $($([$need:expr])? fn $name:ident($s:ident) { $($body:tt)* })+) => {
        /// The cases of this file.
        pub(crate) fn all() -> Vec<$crate::case::Case> {
            $(async fn $name($s: &mut $crate::case::Store) -> $crate::case::CaseResult {
                $($body)*
                Ok(())
            })+
            vec![$($crate::case::Case {
                name: concat!(stringify!($module), "::", stringify!($name)),
                rule: $rule,
                needs: [$($need,)? $crate::case::Need::Nothing][0],
                threads: 1,
                run: |s| Box::pin($name(s)),
            }),+]
        }
    };
}

mod rule02_strings;
mod rule03_config;
mod rule04_stamping;
mod rule05_update;
mod rule06_counters;
mod rule07_batch;
mod rule08_expiry;
mod rule09_reads;
mod rule10_paging;
mod rule11_filter;
mod rule12_text;
mod rule13_errors;
mod rule17_backup;
mod rule19_digest;

/// Every case of the rules, in their order.
pub(crate) fn all() -> Vec<Case> {
    [
        rule02_strings::all(),
        rule03_config::all(),
        rule04_stamping::all(),
        rule05_update::all(),
        rule06_counters::all(),
        rule07_batch::all(),
        rule08_expiry::all(),
        rule09_reads::all(),
        rule10_paging::all(),
        rule11_filter::all(),
        rule12_text::all(),
        rule13_errors::all(),
        rule17_backup::all(),
        rule19_digest::all(),
        crate::concurrency::all(),
        crate::cancel::all(),
        crate::history::all(),
        crate::random::all(),
    ]
    .concat()
}
