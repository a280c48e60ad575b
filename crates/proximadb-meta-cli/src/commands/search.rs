//! search: the records that fit a few words best, by the store's own ranking.

use proximadb_meta::core::{Error, ErrorKind, Filter, SearchRequest};

use super::session::Session;
use crate::args::{self, Format};
use crate::exit::Result;
use crate::output::ranked;
use crate::talk::collections;

pub(crate) struct Search(SearchRequest);

impl Search {
    pub(crate) fn new(x: &args::Search) -> Result<Self> {
        let mut request = SearchRequest::new(&*x.query);
        request.filter = super::filter(x.filter.as_deref())?;
        request.limit = x.limit;
        Ok(Self(request))
    }

    pub(crate) async fn run(self, s: &Session) -> Result<u8> {
        let found = s.catalog.search(self.0.clone()).await.map_err(|e| self.told(e))?;
        ranked(&found, s.format)?;
        if s.format == Format::Table {
            s.say(collections(found.len() as u64));
        }
        Ok(0)
    }

    /// Where there is no ranking, what comes nearest to it on every backend.
    fn told(&self, e: Error) -> Error {
        if e.kind() != ErrorKind::Unsupported {
            return e;
        }
        let words = Filter::words(self.0.query.clone());
        let filter = match &self.0.filter {
            Some(filter) => words.and(filter.clone()),
            None => words,
        };
        e.with_hint(format!(
            "on every backend, the records with all of the words, unranked: pxmeta ls --filter {}",
            quoted(&filter.to_string())
        ))
    }
}

/// A text as the shell takes it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(query: &str, filter: Option<&str>) -> String {
        let x = args::Search { query: query.to_owned(), filter: filter.map(str::to_owned), limit: None };
        let Ok(search) = Search::new(&x) else { panic!("{x:?}") };
        search.told(Error::unsupported("no ranking")).hint().map(str::to_owned).unwrap_or_default()
    }

    #[test]
    fn the_hint_is_a_command_for_the_shell_that_any_backend_takes() {
        let of = |text: &str| format!("pxmeta ls --filter '{text}'");
        assert!(hint("a b", None).ends_with(&of(r#"text("a b")"#)));
        assert!(hint("can't", Some("owner = x")).ends_with(&of(r#"text("can'\''t") AND owner = "x""#)));
        let grouped = hint("a", Some("owner = x OR owner = y"));
        assert!(grouped.ends_with(&of(r#"text("a") AND (owner = "x" OR owner = "y")"#)), "{grouped}");
    }

    #[test]
    fn another_error_keeps_its_own_hint() {
        let search = Search(SearchRequest::new("a"));
        assert_eq!(search.told(Error::invalid("no").with_hint("other")).hint(), Some("other"));
    }
}
