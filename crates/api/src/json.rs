//! An answer as JSON. Parts of it may be JSON already, in a [`Value::Binary`]: no type of the schema
//! has values of that kind, and the library hands them on as they are.

use std::cell::Cell;

use async_graphql::Value;

thread_local! {
    static SPARE: Cell<String> = const { Cell::new(String::new()) };
}

/// The longest string whose memory is used again.
const MOST_SPARE: usize = 1 << 10;

/// A string as a value, in memory that was another one's before: most are written at once, and a
/// page of a thousand names would ask for memory a thousand times.
pub fn string(text: &str) -> Value {
    let mut string = SPARE.take();
    string.push_str(text);
    Value::String(string)
}

/// Keeps the memory of a value that has been written, for the next [`string()`].
pub fn reuse(value: Value) {
    if let Value::String(mut string) = value
        && string.capacity() <= MOST_SPARE
    {
        string.clear();
        SPARE.set(string);
    }
}

/// JSON that [`write()`] copies as it is.
pub fn text(json: Vec<u8>) -> Value {
    Value::Binary(json.into())
}

/// About how long the JSON will be: room for it.
pub fn length(value: &Value) -> usize {
    match value {
        Value::Binary(json) => json.len(),
        Value::Object(fields) => fields.values().map(length).sum::<usize>() + 16 * fields.len(),
        Value::List(items) => items.iter().map(length).sum(),
        Value::String(text) => text.len(),
        _ => 8,
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
                leaf(name.as_str(), json);
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
        value => leaf(value, json),
    }
}

/// Most strings are the same in JSON, and to see that takes a tenth of the time of writing them
/// letter by letter.
fn write_string(text: &str, json: &mut Vec<u8>) {
    let is_same = |byte| byte >= b' ' && byte != b'"' && byte != b'\\';
    // All are looked at, many at once.
    if text.bytes().fold(true, |same, byte| same & is_same(byte)) {
        json.push(b'"');
        json.extend_from_slice(text.as_bytes());
        json.push(b'"');
    } else {
        leaf(text, json);
    }
}

fn leaf<T: serde::Serialize + ?Sized>(value: &T, json: &mut Vec<u8>) {
    // A vector takes all that is written, and a leaf has no keys that could be no text.
    let _ = serde_json::to_writer(json, value);
}
