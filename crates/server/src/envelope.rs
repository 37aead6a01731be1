//! The JSON around a document: parsed strictly, the same over HTTP and WebSocket.
//!
//! Two readers of one text must not see two requests, so a duplicate key, a wrong type and text behind
//! the end are refused.

use std::{collections::HashSet, fmt};

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Request for an operation, with the document still unparsed.
#[derive(Debug, Default, PartialEq)]
pub struct Envelope {
    /// The document.
    pub query: Option<String>,
    /// Name of the operation to run.
    pub operation_name: Option<String>,
    /// Values of the variables.
    pub variables: Map<String, Value>,
    /// Id of a stored document: the SHA-256 in hexadecimal of an automatic persisted query, or the id of
    /// a trusted document in its manifest.
    pub id: Option<String>,
    /// Version of the protocol of persisted queries, as JSON, if it is not 1.
    pub unknown_version: Option<String>,
}

/// Fault of a request whose document is not read. Each holds a message for a developer.
#[derive(Debug, PartialEq, Eq)]
pub enum EnvelopeError {
    /// The text is not JSON, or a key comes twice.
    Unreadable(String),
    /// The JSON is not a well-formed request.
    Malformed(String),
}

impl Envelope {
    /// Parses the JSON of a request.
    pub fn read(bytes: &[u8], depth: usize) -> Result<Self, EnvelopeError> {
        let bytes = without_bom(bytes);
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            read(bytes, depth).map_err(EnvelopeError::Unreadable)?;
            return Err(EnvelopeError::Malformed(NO_OBJECT.to_owned()));
        }
        deserialize(bytes, FieldsSeed(Level(depth)))
            .map_err(EnvelopeError::Unreadable)?
            .into_envelope()
    }

    /// Parses the parameters of a URL.
    pub fn from_url(query: &str, depth: usize) -> Result<Self, EnvelopeError> {
        let mut request = Fields::default();
        for (name, text) in form_urlencoded::parse(query.as_bytes()) {
            let value = match &*name {
                "variables" | "extensions" if text.is_empty() => Value::Null,
                "query" | "operationName" | "documentId" => Value::String(text.into_owned()),
                "variables" | "extensions" => read(text.as_bytes(), depth).map_err(|error| {
                    EnvelopeError::Unreadable(format!("`{name}` is not JSON: {error}"))
                })?,
                _ => continue,
            };
            if !request.put(&name, value) {
                let message = format!("`{name}` is given twice.");
                return Err(EnvelopeError::Unreadable(message));
            }
        }
        request.into_envelope()
    }

    /// Converts parsed JSON.
    pub fn from_value(value: Value) -> Result<Self, EnvelopeError> {
        let Value::Object(fields) = value else {
            return Err(EnvelopeError::Malformed(NO_OBJECT.to_owned()));
        };
        let mut request = Fields::default();
        for (name, value) in fields {
            request.put(&name, value);
        }
        request.into_envelope()
    }
}

const NO_OBJECT: &str = "A request is a JSON object; batches are not offered.";

/// Fields of a request, of any type.
#[derive(Default)]
struct Fields {
    query: Option<Value>,
    operation_name: Option<Value>,
    document_id: Option<Value>,
    variables: Option<Value>,
    extensions: Option<Value>,
    /// Names of unknown fields, to find duplicates.
    others: HashSet<String>,
}

impl Fields {
    /// Stores a field. Returns false if it is a duplicate.
    fn put(&mut self, name: &str, value: Value) -> bool {
        let part = match name {
            "query" => &mut self.query,
            "operationName" => &mut self.operation_name,
            "documentId" => &mut self.document_id,
            "variables" => &mut self.variables,
            "extensions" => &mut self.extensions,
            other => return self.others.insert(other.to_owned()),
        };
        part.replace(value).is_none()
    }

    fn into_envelope(self) -> Result<Envelope, EnvelopeError> {
        self.try_into_envelope().map_err(EnvelopeError::Malformed)
    }

    fn try_into_envelope(self) -> Result<Envelope, String> {
        let text = |name: &str, value| match value {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(format!("`{name}` must be a string.")),
        };
        let query = text("query", self.query)?;
        // Some clients send an empty name instead of none.
        let operation_name = text("operationName", self.operation_name)?;
        let operation_name = operation_name.filter(|name| !name.is_empty());
        let document_id = text("documentId", self.document_id)?;
        let object = |name: &str, value| match value {
            None | Some(Value::Null) => Ok(Map::new()),
            Some(Value::Object(object)) => Ok(object),
            Some(_) => Err(format!("`{name}` must be an object.")),
        };
        let variables = object("variables", self.variables)?;
        let mut extensions = object("extensions", self.extensions)?;
        let mut unknown_version = None;
        let id = match extensions.remove("persistedQuery") {
            None | Some(Value::Null) => None,
            Some(Value::Object(persisted)) => {
                let version = persisted.get("version").filter(|v| **v != Value::Null);
                let is_known = version.is_none_or(|version| {
                    matches!(version, Value::Number(number) if number.as_f64() == Some(1.0))
                });
                unknown_version = version.filter(|_| !is_known).map(Value::to_string);
                match persisted.get("sha256Hash") {
                    Some(Value::String(hash)) => Some(hash.clone()),
                    // Another version may have another name for the hash.
                    _ if !is_known => None,
                    _ => return Err("`persistedQuery` needs `sha256Hash`.".to_owned()),
                }
            }
            Some(_) => return Err("`persistedQuery` must be an object.".to_owned()),
        };
        let id = id.or(document_id);
        // Some clients cannot leave `query` out and send an empty text.
        let query = query.filter(|query| id.is_none() || !query.is_empty());
        if query.is_none() && id.is_none() && unknown_version.is_none() {
            return Err("`query` is missing.".to_owned());
        }
        Ok(Envelope {
            query,
            operation_name,
            variables,
            id,
            unknown_version,
        })
    }
}

/// Parses JSON strictly: no duplicate key, no text behind the end, at most `depth` levels.
pub fn read(bytes: &[u8], depth: usize) -> Result<Value, String> {
    deserialize(bytes, Level(depth))
}

/// Skips a byte order mark, which RFC 8259 lets a parser ignore.
fn without_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

fn deserialize<T>(
    bytes: &[u8],
    seed: impl for<'de> DeserializeSeed<'de, Value = T>,
) -> Result<T, String> {
    let mut json = serde_json::Deserializer::from_slice(without_bom(bytes));
    let value = seed
        .deserialize(&mut json)
        .and_then(|value| json.end().map(|()| value));
    value.map_err(|error| format!("This is not JSON as it should be: {error}."))
}

/// Deserializer of [`Fields`] with a limit of levels.
struct FieldsSeed(Level);

impl<'de> DeserializeSeed<'de> for FieldsSeed {
    type Value = Fields;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Fields, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for FieldsSeed {
    type Value = Fields;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a request")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Fields, A::Error> {
        let below = self.0.below()?;
        let mut request = Fields::default();
        while let Some(name) = fields.next_key::<String>()? {
            if !request.put(&name, fields.next_value_seed(below)?) {
                return Err(twice(&name));
            }
        }
        Ok(request)
    }
}

fn twice<E: de::Error>(name: &str) -> E {
    E::custom(format_args!("the key {name:?} comes twice"))
}

/// Levels that may still follow.
#[derive(Clone, Copy)]
struct Level(usize);

impl Level {
    fn below<E: de::Error>(self) -> Result<Self, E> {
        let below = self.0.checked_sub(1).map(Self);
        below.ok_or_else(|| E::custom("it is nested too deep"))
    }
}

impl<'de> DeserializeSeed<'de> for Level {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(serde_json::Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(below)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut object = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(twice(&name));
            }
            let value = fields.next_value_seed(below)?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_not_json_or_repeats_a_key_is_unreadable() {
        for bad in [
            "",
            "{",
            r#"{"query": "{ a }"} x"#,
            r#"{"query": "{ a }", "query": "{ b }"}"#,
            r#"{"query": "{ a }", "variables": {"x": 1, "x": 2}}"#,
            r#"{"query": "{ a }", "variables": {"x": {"y": 1, "y": 1}}}"#,
            "{\"query\": \"\u{0}\"}",
        ] {
            let refused = Envelope::read(bad.as_bytes(), 10);
            assert!(
                matches!(refused, Err(EnvelopeError::Unreadable(_))),
                "{bad}"
            );
        }
        assert!(Envelope::read(b"{\"query\": \"\xff\"}", 10).is_err());
    }

    #[test]
    fn json_of_another_shape_is_malformed() {
        for bad in [
            "[]",
            r#"[{"query": "{ a }"}]"#,
            r#"{"query": 1}"#,
            r#"{"query": null}"#,
            "{}",
            r#"{"query": "{ a }", "variables": []}"#,
            r#"{"query": "{ a }", "variables": "{}"}"#,
            r#"{"query": "{ a }", "operationName": 1}"#,
            r#"{"query": "{ a }", "extensions": 1}"#,
            r#"{"extensions": {"persistedQuery": {}}}"#,
        ] {
            let refused = Envelope::read(bad.as_bytes(), 10);
            assert!(matches!(refused, Err(EnvelopeError::Malformed(_))), "{bad}");
        }
    }

    #[test]
    fn what_is_as_it_should_be_is_read() {
        let read = |text: &str| Envelope::read(text.as_bytes(), 10).unwrap();
        let given = read(
            r#"{"query": "{ a }", "operationName": null, "variables": null, "extensions": null, "more": [1.5]}"#,
        );
        assert_eq!(given.query.as_deref(), Some("{ a }"));
        let hashed =
            read(r#"{"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "AB"}}}"#);
        assert_eq!(hashed.id.as_deref(), Some("AB"));
        assert_eq!(hashed.unknown_version, None);
        for version in ["2", "0", "1.5", "\"1\"", "[]"] {
            let other = format!(
                r#"{{"extensions": {{"persistedQuery": {{"version": {version}, "sha256Hash": "AB"}}}}}}"#
            );
            assert_eq!(read(&other).unknown_version.as_deref(), Some(version));
        }
        assert_eq!(
            read("\u{feff} {\"query\": \"{ a }\"}"),
            read(r#"{"query": "{ a }"}"#)
        );
        let nameless = read(r#"{"query": "{ a }", "operationName": ""}"#);
        assert_eq!(nameless.operation_name, None);
        let named = read(r#"{"query": "", "documentId": "Who works where"}"#);
        assert_eq!(named.id.as_deref(), Some("Who works where"));
        assert_eq!(named.query, None);
    }

    #[test]
    fn depth_is_counted() {
        let nested = |depth| {
            format!(
                r#"{{"query": "", "variables": {{"x": {}1{}}}}}"#,
                "[".repeat(depth),
                "]".repeat(depth)
            )
        };
        assert!(Envelope::read(nested(8).as_bytes(), 10).is_ok());
        assert!(Envelope::read(nested(9).as_bytes(), 10).is_err());
        assert!(Envelope::read(nested(100_000).as_bytes(), usize::MAX).is_err());
    }

    #[test]
    fn a_url_carries_the_same() {
        let read = |url| Envelope::from_url(url, 10);
        let given = read("query=%7B+a%20%7D&variables=%7B%22x%22:1%7D&operationName=").unwrap();
        assert_eq!(given.query.as_deref(), Some("{ a }"));
        assert_eq!(given.variables.len(), 1);
        assert!(read("query=a&query=b").is_err());
        assert!(read("query=a&variables=1").is_err());
        assert!(read("query=a&variables=%7B").is_err());
        assert!(read("").is_err());
    }
}
