//! JSON writer of answers. Parts of an answer may be JSON already, in a [`Value::Binary`]: no type of the
//! schema has binary values, and async-graphql passes them on unchanged.

use async_graphql::Value;
use serde::Serialize;

/// Returns JSON as a value, which [`write()`] copies unchanged.
pub fn text(json: Vec<u8>) -> Value {
    Value::Binary(json.into())
}

/// Returns the estimated length in bytes: escapes do not count, a number counts 8 bytes.
pub fn length(value: &Value) -> usize {
    match value {
        Value::Binary(json) => json.len(),
        Value::Object(fields) => {
            let fields = fields.iter();
            let fields = fields.map(|(name, value)| name.len() + 4 + length(value));
            fields.sum::<usize>().max(1) + 1
        }
        Value::List(items) => {
            let items = items.iter().map(|item| length(item) + 1);
            items.sum::<usize>().max(1) + 1
        }
        Value::String(text) => text.len() + 2,
        _ => 8,
    }
}

/// Scalar, enum or null that writes itself as JSON.
#[diagnostic::on_unimplemented(
    note = "an enum writes its `InputType::to_value` with `json::write`"
)]
pub trait ToJson {
    /// Appends the value.
    fn write_json(&self, json: &mut Vec<u8>);

    /// Returns the value, which [`write()`] copies unchanged.
    fn to_text(&self) -> Value {
        let mut json = Vec::new();
        self.write_json(&mut json);
        text(json)
    }
}

impl<T: ToJson> ToJson for Option<T> {
    fn write_json(&self, json: &mut Vec<u8>) {
        match self {
            Some(value) => value.write_json(json),
            None => json.extend_from_slice(b"null"),
        }
    }
}

macro_rules! to_json {
    ($($type:ty),*) => {$(
        impl ToJson for $type {
            fn write_json(&self, json: &mut Vec<u8>) {
                serialize(self, json);
            }
        }
    )*};
}

to_json!(bool, i32, f64);

/// JSON object some of whose members are JSON already.
#[derive(Debug)]
pub struct ObjectText(Vec<u8>);

impl ObjectText {
    /// Creates an empty object with room for this many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// Adds a member.
    pub fn add(&mut self, name: &str, value: &impl Serialize) {
        serialize(value, self.member(name));
    }

    /// Adds a member that may hold JSON.
    pub fn add_value(&mut self, name: &str, value: &Value) {
        write(value, self.member(name));
    }

    /// Adds a member that is JSON already.
    pub fn add_json(&mut self, name: &str, json: &[u8]) {
        self.member(name).extend_from_slice(json);
    }

    /// Returns the object as JSON.
    pub fn finish(mut self) -> Vec<u8> {
        if self.0.is_empty() {
            self.0.push(b'{');
        }
        self.0.push(b'}');
        self.0
    }

    fn member(&mut self, name: &str) -> &mut Vec<u8> {
        let json = &mut self.0;
        json.push(if json.is_empty() { b'{' } else { b',' });
        write_string(name, json);
        json.push(b':');
        json
    }
}

/// Writes a value as JSON.
pub fn write(value: &Value, json: &mut Vec<u8>) {
    match value {
        Value::Binary(text) => json.extend_from_slice(text),
        Value::String(text) => write_string(text, json),
        Value::Object(fields) => {
            json.push(b'{');
            for (index, (name, value)) in fields.iter().enumerate() {
                if index > 0 {
                    json.push(b',');
                }
                write_string(name, json);
                json.push(b':');
                write(value, json);
            }
            json.push(b'}');
        }
        Value::List(items) => {
            json.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    json.push(b',');
                }
                write(item, json);
            }
            json.push(b']');
        }
        value => serialize(value, json),
    }
}

/// Writes a string, copied as a whole unless it has a character to escape.
pub fn write_string(text: &str, json: &mut Vec<u8>) {
    if needs_no_escape(text.as_bytes()) {
        json.reserve(text.len() + 2);
        json.push(b'"');
        json.extend_from_slice(text.as_bytes());
        json.push(b'"');
    } else {
        serialize(text, json);
    }
}

fn needs_no_escape(text: &[u8]) -> bool {
    let are_plain = |bytes: &[u8]| {
        let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
        bytes
            .iter()
            .fold(true, |plain, byte| plain & is_plain(*byte))
    };
    // Chunks of constant length compile to vector instructions. The last chunk may overlap another.
    match text.last_chunk::<8>() {
        Some(last) => {
            let chunks = text.as_chunks::<8>().0;
            chunks.iter().all(|chunk| are_plain(chunk)) && are_plain(last)
        }
        None => are_plain(text),
    }
}

/// Appends a value as JSON.
pub fn serialize<T: Serialize + ?Sized>(value: &T, json: &mut Vec<u8>) {
    // Cannot fail: writing to memory succeeds, and the keys of all maps are text.
    let _ = serde_json::to_writer(json, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_escaped_at_every_position() {
        for length in 0..30 {
            for position in 0..length {
                for odd in ['"', '\\', '\n', '\u{1f}', '\u{7f}', 'é', ' '] {
                    let characters = (0..length).map(|at| if at == position { odd } else { 'a' });
                    let text: String = characters.collect();
                    let mut json = Vec::new();
                    write_string(&text, &mut json);
                    assert_eq!(serde_json::from_slice::<String>(&json).ok(), Some(text));
                }
            }
        }
    }

    #[test]
    fn an_object_takes_members_of_every_kind() {
        let mut object = ObjectText::with_capacity(0);
        object.add("id", &"a\"b");
        object.add_value("data", &Value::from(1));
        object.add_json("payload", b"{\"x\":null}");
        let json = object.finish();
        assert_eq!(json, br#"{"id":"a\"b","data":1,"payload":{"x":null}}"#);
        assert_eq!(ObjectText::with_capacity(0).finish(), b"{}");
    }
}
