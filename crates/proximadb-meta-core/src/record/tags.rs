//! A sorted set of tags that clones in O(1).

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

/// Tags: sorted by UTF-8 bytes, unique. Duplicates given are dropped; a set is what is meant.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Tags(Arc<[Arc<str>]>);

static EMPTY: LazyLock<Arc<[Arc<str>]>> = LazyLock::new(|| Arc::from([]));

impl Tags {
    /// Whether `tag` is in the set. O(log n).
    #[must_use]
    pub fn contains(&self, tag: &str) -> bool {
        self.0.binary_search_by(|t| (**t).cmp(tag)).is_ok()
    }
}

impl Default for Tags {
    fn default() -> Self {
        Self(EMPTY.clone())
    }
}

impl<S: Into<Arc<str>>> FromIterator<S> for Tags {
    fn from_iter<I: IntoIterator<Item = S>>(iter: I) -> Self {
        let mut tags: Vec<Arc<str>> = iter.into_iter().map(Into::into).collect();
        if tags.is_empty() {
            return Self::default();
        }
        tags.sort_unstable();
        tags.dedup();
        Self(tags.into())
    }
}

impl<S: Into<Arc<str>>, const N: usize> From<[S; N]> for Tags {
    fn from(tags: [S; N]) -> Self {
        tags.into_iter().collect()
    }
}

impl Deref for Tags {
    type Target = [Arc<str>];
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl fmt::Debug for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter()).finish()
    }
}
