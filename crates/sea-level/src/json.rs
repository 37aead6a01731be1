//! An answer as JSON. Parts of it may be JSON already, in a [`Value::Binary`]: no type of the schema
//! has values of that kind, and the library hands them on as they are.

use std::cell::Cell;

use async_graphql::Value;

thread_local! {
    static SPARE: Cell<String> = const { Cell::new(String::new()) };
}

/// The longest string whose memory is used again.
const MOST_SPARE: usize = 1 << 10;

/// A string of these parts as a value, in memory that was another one's before: most are written at
/// once, and a page of a thousand names would ask for memory a thousand times.
pub fn string(parts: &[&str]) -> Value {
    let mut string = SPARE.take();
    for part in parts {
        string.push_str(part);
    }
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

/// How long the JSON will be; escapes in strings are not counted, and a number counts 8 bytes.
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
    if is_same(text.as_bytes()) {
        json.reserve(text.len() + 2);
        json.push(b'"');
        json.extend_from_slice(text.as_bytes());
        json.push(b'"');
    } else {
        leaf(text, json);
    }
}

/// Whether nothing of it has to be escaped.
fn is_same(text: &[u8]) -> bool {
    let are = |bytes: &[u8]| {
        let is = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
        bytes.iter().fold(true, |same, byte| same & is(*byte))
    };
    // Of known length, so that they are compared at once; the last ones may be looked at twice.
    match text.last_chunk::<8>() {
        Some(last) => text.as_chunks::<8>().0.iter().all(|eight| are(eight)) && are(last),
        None => are(text),
    }
}

fn leaf<T: serde::Serialize + ?Sized>(value: &T, json: &mut Vec<u8>) {
    // A vector takes all that is written, and a leaf has no keys that could be no text.
    let _ = serde_json::to_writer(json, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_wherever_it_is_needed() {
        for length in 0..30 {
            for place in 0..length {
                for odd in ['"', '\\', '\n', '\u{1f}', '\u{7f}', 'é', ' '] {
                    let letters = (0..length).map(|at| if at == place { odd } else { 'a' });
                    let text: String = letters.collect();
                    let mut json = Vec::new();
                    write(&string(&[&text[..place], &text[place..]]), &mut json);
                    assert_eq!(serde_json::from_slice::<String>(&json).ok(), Some(text));
                }
            }
        }
    }
}
