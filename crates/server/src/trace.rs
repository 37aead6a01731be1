//! Trace of a request: the header `traceparent` of W3C Trace Context, level 1.
//!
//! See <https://www.w3.org/TR/trace-context/#traceparent-header>.

use axum::http::HeaderMap;

/// Position of a request in a distributed trace, as its sender gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// 32 hexadecimal digits.
    trace_id: [u8; 32],
    /// 16 hexadecimal digits: the span of the sender.
    parent_id: [u8; 16],
}

impl TraceParent {
    /// Returns the trace of the headers; `None` if there is none, or if it is malformed or repeated, which
    /// the specification treats alike.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all("traceparent").iter();
        let value = values.next().filter(|_| values.next().is_none())?;
        Self::parse(value.as_bytes())
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let (fields, rest) = text.split_at_checked(55)?;
        let is_dash = |at: usize| fields[at] == b'-';
        let is_hex = |digits: &[u8]| {
            let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            digits.iter().all(is_digit)
        };
        let is_zero = |digits: &[u8]| digits.iter().all(|digit| *digit == b'0');
        let (version, trace_id, parent_id) = (&fields[..2], &fields[3..35], &fields[36..52]);
        let is_valid = is_dash(2)
            && is_dash(35)
            && is_dash(52)
            && [version, trace_id, parent_id, &fields[53..]]
                .into_iter()
                .all(is_hex)
            && version != b"ff"
            // A later version may append fields.
            && (rest.is_empty() || (version != b"00" && rest[0] == b'-'))
            && !is_zero(trace_id)
            && !is_zero(parent_id);
        if !is_valid {
            return None;
        }
        Some(Self {
            trace_id: trace_id.try_into().ok()?,
            parent_id: parent_id.try_into().ok()?,
        })
    }

    /// Returns the id of the trace.
    pub fn trace_id(&self) -> &str {
        // Hexadecimal digits only.
        std::str::from_utf8(&self.trace_id).unwrap_or_default()
    }

    /// Returns the id of the span that sent the request.
    pub fn parent_id(&self) -> &str {
        std::str::from_utf8(&self.parent_id).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::TraceParent;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const PARENT: &str = "b7ad6b7169203331";

    #[test]
    fn a_valid_header_is_read() {
        for text in [
            format!("00-{TRACE}-{PARENT}-01"),
            format!("00-{TRACE}-{PARENT}-00"),
            format!("01-{TRACE}-{PARENT}-01-more"),
        ] {
            let trace = TraceParent::parse(text.as_bytes()).unwrap();
            assert_eq!((trace.trace_id(), trace.parent_id()), (TRACE, PARENT));
        }
    }

    #[test]
    fn an_invalid_header_is_ignored() {
        let (zero_trace, zero_parent) = ("0".repeat(32), "0".repeat(16));
        for text in [
            String::new(),
            "00".to_owned(),
            format!("00-{TRACE}-{PARENT}"),
            format!("00-{TRACE}-{PARENT}-01-more"),
            format!("00-{TRACE}-{PARENT}-01x"),
            format!("01-{TRACE}-{PARENT}-01x"),
            format!("ff-{TRACE}-{PARENT}-01"),
            format!("00-{}-{PARENT}-01", TRACE.to_uppercase()),
            format!("00-{zero_trace}-{PARENT}-01"),
            format!("00-{TRACE}-{zero_parent}-01"),
            format!("00_{TRACE}_{PARENT}_01"),
        ] {
            assert_eq!(TraceParent::parse(text.as_bytes()), None, "{text}");
        }
    }
}
