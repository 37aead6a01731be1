//! Entity tags of content that changes only with the program.

use axum::http::{HeaderMap, header};
use sha2::{Digest, Sha256};

/// Returns the tag of some content. Weak, because the answer may be compressed.
pub(crate) fn tag<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    parts.into_iter().for_each(|part| hash.update(part));
    format!("W/\"{:.32}\"", format!("{:x}", hash.finalize()))
}

/// Returns whether the client has the content with this tag (RFC 9110, section 13.1.2).
pub(crate) fn is_current(headers: &HeaderMap, tag: &str) -> bool {
    let opaque_tag = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let values = headers.get_all(header::IF_NONE_MATCH).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|known| known.trim() == "*" || opaque_tag(known) == opaque_tag(tag))
}
