//! Cursors, used on a list of a store in memory.

use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proximadb_meta_core::{
    CollectionMetadata, Cursor, ErrorKind, Filter, ListRequest, MetadataBackend, Operation, Order, Page, PutIf, Result,
};

use crate::sample::{full, small};
use crate::wait::wait;

static STORE: LazyLock<Arc<dyn MetadataBackend>> = LazyLock::new(|| {
    let store = proximadb_meta_memory::memory().into_backend();
    let put = |record: CollectionMetadata| Operation::Put { record, when: PutIf::Absent };
    let records = [small(0), small(1), full(2), small(3), small(4)];
    wait(store.batch_operations(records.map(put).into())).expect("the sample is stored");
    store
});

/// The lists a cursor is tried on: every order, with and without a filter.
fn request(choice: u8) -> ListRequest {
    let fields = Order::FIELDS;
    let field = fields.get(usize::from(choice & 3)).copied().unwrap_or(fields[0]);
    let order = Order::by(field).unwrap_or_default();
    let request = ListRequest::new().with_limit(2).with_order(if choice & 4 == 0 { order } else { order.reversed() });
    if choice & 8 == 0 { request } else { request.with_filter(filter()) }
}

fn filter() -> Filter {
    Filter::present(proximadb_meta_core::Field::Name)
}

fn list(choice: u8, cursor: Cursor) -> Result<Page> {
    wait(STORE.list_page(request(choice).after(cursor)))
}

/// The first byte chooses the list; the rest is the cursor's text, and then the position inside a cursor that is bound to the
/// list.
pub(crate) fn cursor(data: &[u8]) -> bool {
    let Some((choice, rest)) = data.split_first() else { return false };
    let as_text = std::str::from_utf8(rest).is_ok_and(|text| try_cursor(*choice, Cursor::from_text(text)));
    as_text | try_cursor(*choice, bound(*choice, rest))
}

fn try_cursor(choice: u8, cursor: Cursor) -> bool {
    let order = request(choice).order;
    match list(choice, cursor) {
        Err(e) => {
            assert_eq!(e.kind(), ErrorKind::InvalidInput, "{e}");
            false
        }
        Ok(page) => {
            let in_order = page.records.windows(2).all(|w| match w {
                [a, b] => order.compare(a, b).is_lt(),
                _ => true,
            });
            assert!(in_order && page.records.len() <= 2, "a page is not what was asked for: {page:?}");
            if let (Some(next), Some(last)) = (page.next, page.records.last()) {
                let page = list(choice, next).expect("a cursor that was given out is taken");
                assert!(page.records.iter().all(|r| order.compare(last, r).is_lt()), "a row comes twice: {page:?}");
            }
            true
        }
    }
}

/// A cursor of the list with this position in it, whatever it is: format 1, sixteen bytes of binding, the position.
fn bound(choice: u8, position: &[u8]) -> Cursor {
    let request = request(choice);
    let query = request.filter.map(|f| f.to_string()).unwrap_or_default();
    let mut binding = blake3::Hasher::new();
    for part in ["", &request.order.to_string(), &query] {
        binding.update(&(part.len() as u64).to_le_bytes());
        binding.update(part.as_bytes());
    }
    binding.update(position);
    let mut bytes = vec![1];
    bytes.extend(binding.finalize().as_bytes().iter().take(16));
    bytes.extend(position);
    Cursor::from_text(&URL_SAFE_NO_PAD.encode(bytes))
}

/// Seeds of [`cursor`].
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for choice in 0..16 {
        let first = wait(STORE.list_page(request(choice))).expect("the sample is listed");
        if let Some(cursor) = first.next {
            seeds.push([&[choice], cursor.as_str().as_bytes()].concat());
        }
    }
    seeds.push(b"\x00id-1".to_vec());
    seeds.push(b"\x09\x00\x00\x00\x06name-1id-1".to_vec());
    seeds.push(b"\x01\xff\xff\xff\xffname-1id-1".to_vec());
    seeds.push(b"\x06\x00\x00\x00\x00\x00\x00\x00\x01id-1".to_vec());
    seeds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_position_is_the_cursor_that_the_store_gives_out() {
        let first = wait(STORE.list_page(request(1))).unwrap();
        assert_eq!(first.next, Some(bound(1, b"\x00\x00\x00\x06name-1id-1")));
    }
}
