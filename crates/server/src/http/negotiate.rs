//! Content negotiation: the media type of the answer, and the accepted types of a request.
//!
//! See «GraphQL over HTTP» and RFC 9110, section 12.5.1.

use axum::http::{HeaderMap, HeaderValue, header};

/// The media types of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    /// `application/graphql-response+json`.
    Response,
    /// `application/json`, for clients that do not know the other type: the label of answers with a
    /// 2xx status only, which then is 200.
    Json,
    /// `text/event-stream`: the result as server-sent events.
    Events,
}

impl Media {
    /// Returns the value of `Content-Type` of a successful answer.
    pub(super) fn content_type(self) -> HeaderValue {
        const RESPONSE: HeaderValue =
            HeaderValue::from_static("application/graphql-response+json; charset=utf-8");
        const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
        const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");
        match self {
            Self::Response => RESPONSE,
            Self::Json => JSON,
            Self::Events => EVENTS,
        }
    }

    /// Returns the type that the client prefers; `None` if it accepts none. A client that accepts
    /// several alike gets the first of them in the order of this enum.
    pub(super) fn accepted(headers: &HeaderMap) -> Option<Self> {
        let ranges = ranges(headers);
        if ranges.is_empty() {
            return Some(Self::Response);
        }
        let types = [
            (Self::Response, "application", "graphql-response+json"),
            (Self::Json, "application", "json"),
        ];
        let qualities =
            types.map(|(media, kind, subtype)| (media, quality(&ranges, kind, subtype)));
        // By name only: a wildcard belongs to clients that wait for the end of an answer.
        let events = (Self::Events, quality_of_events(&ranges));
        let mut best = None;
        for (media, quality) in qualities.into_iter().chain([events]) {
            if quality > best.map_or(0, |(_, quality)| quality) {
                best = Some((media, quality));
            }
        }
        best.map(|(media, _)| media)
    }

    /// Returns whether the client accepts server-sent events, by name.
    pub(super) fn accepts_events(headers: &HeaderMap) -> bool {
        quality_of_events(&ranges(headers)) > 0
    }
}

/// Returns the quality of server-sent events, in thousandths; 0 unless the client names them.
fn quality_of_events(ranges: &[Range<'_>]) -> u16 {
    let named = ranges.iter().find(|range| {
        range.kind.eq_ignore_ascii_case("text")
            && range.subtype.eq_ignore_ascii_case("event-stream")
    });
    named.map_or(0, |range| range.quality)
}

/// Returns true if the client prefers HTML, as a browser does.
pub(super) fn wants_page(headers: &HeaderMap) -> bool {
    let ranges = ranges(headers);
    let html = ranges
        .iter()
        .filter(|range| range.kind == "text" && range.subtype == "html");
    let data = ranges
        .iter()
        .filter(|range| range.subtype.ends_with("json"));
    let best = |quality: Option<u16>| quality.unwrap_or(0);
    let html = best(html.map(|range| range.quality).max());
    html > 0 && html >= best(data.map(|range| range.quality).max())
}

/// Returns whether the body is JSON in UTF-8. All else is refused, so that a form or a simple
/// request of another site's page runs nothing.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(Ok(value)), None) = (types.next().map(|value| value.to_str()), types.next()) else {
        return false;
    };
    let mut parts = value.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    essence.eq_ignore_ascii_case("application/json")
        && parts.filter(|part| !part.is_empty()).all(|part| {
            part.split_once('=').is_some_and(|(name, value)| {
                let value = value.trim().trim_matches('"');
                !name.trim().eq_ignore_ascii_case("charset")
                    // The second is no registered name, but some clients write it.
                    || value.eq_ignore_ascii_case("utf-8")
                    || value.eq_ignore_ascii_case("utf8")
            })
        })
}

/// Returns whether the body has a content coding, such as gzip.
pub(super) fn is_encoded(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::CONTENT_ENCODING).iter();
    let mut codings = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    codings.any(|coding| {
        let coding = coding.trim_ascii();
        !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity")
    })
}

struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    /// In thousandths.
    quality: u16,
}

fn ranges(headers: &HeaderMap) -> Vec<Range<'_>> {
    let values = headers.get_all(header::ACCEPT).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let (kind, subtype) = parts.next()?.split_once('/')?;
            let quality =
                parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
            Some(Range {
                kind,
                subtype,
                quality: quality.map_or(1_000, thousandths),
            })
        })
        .collect()
}

fn thousandths(quality: &str) -> u16 {
    let quality: f32 = quality.trim().parse().unwrap_or(0.0);
    // Between 0 and 1000 after the clamp.
    (quality.clamp(0.0, 1.0) * 1_000.0) as u16
}

/// Returns the quality of the most specific range that matches; 0 if none does.
fn quality(ranges: &[Range], kind: &str, subtype: &str) -> u16 {
    let fits = |range: &&Range| {
        (range.kind == "*" || range.kind.eq_ignore_ascii_case(kind))
            && (range.subtype == "*" || range.subtype.eq_ignore_ascii_case(subtype))
    };
    let specific = |range: &&Range| (range.kind != "*", range.subtype != "*");
    ranges
        .iter()
        .filter(fits)
        .max_by_key(specific)
        .map_or(0, |range| range.quality)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: header::HeaderName, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn the_type_of_the_answer_follows_accept() {
        use Media::{Events, Json, Response};
        assert_eq!(Media::accepted(&HeaderMap::new()), Some(Response));
        for (accept, expected) in [
            ("*/*", Some(Response)),
            ("application/*", Some(Response)),
            ("application/json", Some(Json)),
            ("application/json; charset=utf-8", Some(Json)),
            ("application/json, */*;q=0.1", Some(Json)),
            ("application/graphql-response+json", Some(Response)),
            (
                "application/graphql-response+json, application/json;q=0.9",
                Some(Response),
            ),
            (
                "application/json, application/graphql-response+json",
                Some(Response),
            ),
            (
                "application/json, application/graphql-response+json;q=0.9",
                Some(Json),
            ),
            ("application/graphql-response+json;q=0, */*", Some(Json)),
            ("application/json;q=0, */*", Some(Response)),
            (
                "application/graphql-response+json;q=0.5, */*;q=0.1",
                Some(Response),
            ),
            ("text/event-stream", Some(Events)),
            ("text/event-stream, multipart/mixed", Some(Events)),
            ("text/event-stream, application/json", Some(Json)),
            ("text/event-stream, application/json;q=0.5", Some(Events)),
            ("text/html", None),
            ("application/json;q=0", None),
            ("image/png, text/*", None),
            ("application/*;q=0.5, */*", Some(Response)),
        ] {
            assert_eq!(
                Media::accepted(&with(header::ACCEPT, accept)),
                expected,
                "{accept}"
            );
        }
    }

    #[test]
    fn events_are_accepted_by_name_only() {
        let accepts = |accept| Media::accepts_events(&with(header::ACCEPT, accept));
        assert!(accepts("text/event-stream"));
        assert!(accepts("application/json, Text/Event-Stream;q=0.1"));
        assert!(!accepts("*/*"));
        assert!(!accepts("text/*"));
        assert!(!accepts("text/event-stream;q=0"));
    }

    #[test]
    fn browsers_want_a_page_and_programs_do_not() {
        let wants = |accept| wants_page(&with(header::ACCEPT, accept));
        assert!(wants(
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
        ));
        assert!(!wants("*/*"));
        assert!(!wants("application/json"));
        assert!(!wants("application/graphql-response+json, text/html;q=0.5"));
    }

    #[test]
    fn only_json_in_utf_8_is_understood() {
        let is_json = |value| is_json(&with(header::CONTENT_TYPE, value));
        for good in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/json;charset=\"utf-8\"",
            "application/json; charset=utf8",
            "application/json; charset=\"UTF8\"",
        ] {
            assert!(is_json(good), "{good}");
        }
        for bad in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/json; charset=iso-8859-1",
            "application/graphql",
            "application/jsonp",
            "",
        ] {
            assert!(!is_json(bad), "{bad}");
        }
        assert!(!super::is_json(&HeaderMap::new()));
    }
}
