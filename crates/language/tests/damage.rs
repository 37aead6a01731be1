//! Damaged texts: no panic, and errors that point into the text.

mod support;

use std::sync::LazyLock;

use language::{Diagnostic, DocumentLimits, MAX_ERRORS, Schema, prepare};
use proptest::prelude::*;
use serde_json::Map;
use support::{PETS, schema};

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| schema(PETS));

/// Documents whose damaged forms reach every part of the crate.
const TEXTS: [&str; 5] = [
    "query Q($a: Filter = {sizes: [[1]], not: {kind: LARGE}}, $b: Boolean! = true) @a { filter(filter: $a, count: 1) @skip(if: $b) }",
    "{ being(by: {id: \"\\u{1F600}\\n\"}) { ...F ... on Dog @include(if: false) { owner { pets { __typename } } } } } fragment F on Being { self { friends(first: 1) { name } } }",
    "\"\"\"about\n  it\"\"\" subscription S { changed { ... on Cat { size } ... on Dog { s: size self { size } } } }",
    "# comment\r\nmutation M($n: String!) { a: rename(name: $n) { name name } b: rename(name: \"\u{1F600}é\") {} }",
    "{ text(of: \"\"\"\n  a\n    b \\\"\"\"\n\"\"\", id: -12, ids: [1, \"2\", null]) pet { __typename } __type(name: \"Dog\") { fields { name } } }",
];

const PIECES: [&str; 24] = [
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "\"",
    "\"\"\"",
    "\\",
    "...",
    "on",
    "$a",
    "@skip(if: true)",
    ":",
    "!",
    "=",
    "null",
    "-0",
    "1e",
    "\u{FEFF}",
    "\u{1F600}",
    "\r",
    "#",
    "fragment G on Being { ...G }",
];

#[derive(Clone, Debug)]
enum Damage {
    Remove(usize, usize),
    Insert(usize, usize),
    Double(usize, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (any::<usize>(), 1..20_usize).prop_map(|(at, length)| Damage::Remove(at, length)),
        (any::<usize>(), 0..PIECES.len()).prop_map(|(at, piece)| Damage::Insert(at, piece)),
        (any::<usize>(), 1..40_usize).prop_map(|(at, length)| Damage::Double(at, length)),
    ]
}

fn apply(text: &str, damage: &Damage) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    let place = |at: usize| at % (characters.len() + 1);
    let end = |at: usize, length: usize| (at + length).min(characters.len());
    match *damage {
        Damage::Remove(at, length) => {
            let at = place(at);
            characters.drain(at..end(at, length));
        }
        Damage::Insert(at, piece) => {
            let at = place(at);
            characters.splice(at..at, PIECES[piece].chars());
        }
        Damage::Double(at, length) => {
            let at = place(at);
            let copy = characters[at..end(at, length)].to_vec();
            characters.splice(at..at, copy);
        }
    }
    characters.into_iter().collect()
}

fn check(text: &str) -> Vec<Diagnostic> {
    let limits = DocumentLimits::DEFAULT;
    match prepare(&SCHEMA, text, None, Map::new(), &limits) {
        Ok(_) => Vec::new(),
        Err(errors) => errors,
    }
}

fn assert_sound(text: &str) -> Result<(), TestCaseError> {
    let errors = check(text);
    let lines = text.replace("\r\n", "\n").matches(['\n', '\r']).count() + 1;
    let units = text.encode_utf16().count();
    prop_assert!(errors.len() <= MAX_ERRORS + 1);
    for error in &errors {
        prop_assert!(!error.message.is_empty());
        for at in &error.locations {
            prop_assert!((1..=lines).contains(&(at.line as usize)), "{error:?}");
            prop_assert!((1..=units + 1).contains(&(at.column as usize)), "{error:?}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_document_is_answered(
        text in 0..TEXTS.len(),
        damages in prop::collection::vec(damage(), 1..6),
    ) {
        let damaged = damages.iter().fold(TEXTS[text].to_owned(), |text, damage| apply(&text, damage));
        assert_sound(&damaged)?;
    }

    #[test]
    fn any_text_is_answered(text in "\\PC{0,200}") {
        assert_sound(&text)?;
    }

    #[test]
    fn any_mix_of_tokens_is_answered(pieces in prop::collection::vec(0..PIECES.len(), 0..60)) {
        let text: String = pieces.iter().map(|piece| PIECES[*piece]).collect::<Vec<_>>().join(" ");
        assert_sound(&text)?;
    }

    #[test]
    fn any_text_is_a_schema_or_an_error(pieces in prop::collection::vec(0..PIECES.len(), 0..20), at in any::<usize>()) {
        let mut sdl = PETS.to_owned();
        let mut at = at % sdl.len();
        for piece in pieces {
            sdl.insert_str(at, PIECES[piece]);
            at = (at * 31) % sdl.len();
            while !sdl.is_char_boundary(at) {
                at -= 1;
            }
        }
        drop(Schema::parse(&sdl));
    }
}

#[test]
fn the_undamaged_documents_reach_every_stage() {
    let valid = TEXTS.iter().filter(|text| check(text).is_empty()).count();
    assert_eq!(valid, 2);
}
