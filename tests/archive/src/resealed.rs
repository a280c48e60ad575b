//! Manifests that lie in good form: changed, and sealed again.

use std::path::Path;

/// What stands between a manifest and its seal.
const SEAL: &str = ",\"seal\":\"";

/// Changes the text of a manifest before its seal, and seals it again.
pub fn reseal(path: &Path, change: impl FnOnce(&str) -> String) {
    let text = std::fs::read_to_string(path).unwrap();
    let (body, _) = text.rsplit_once(SEAL).unwrap();
    let changed = change(body);
    assert_ne!(changed, body, "the change changes nothing");
    let seal = blake3::hash(changed.as_bytes()).to_hex();
    std::fs::write(path, format!("{changed}{SEAL}{seal}\"}}\n")).unwrap();
}

/// Replaces the first `from`, which must be there, in a manifest that is sealed again.
pub fn replace(path: &Path, from: &str, to: &str) {
    reseal(path, |body| {
        assert!(body.contains(from), "{from:?} is not in {body}");
        body.replacen(from, to, 1)
    });
}
