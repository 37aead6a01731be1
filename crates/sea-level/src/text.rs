//! Text as it is stored and compared: in Unicode NFC, and without regard to case.
//!
//! Case is folded here and not in SQL: SQLite folds ASCII only, and an ICU collation of PostgreSQL
//! serves neither `contains` nor the same answers on both databases.
//!
//! A text column `x` has a companion column `x_folded`, which no entity has. The companion is null
//! where the database's own `lower()`, which folds ASCII, gives the folded text. Otherwise it holds
//! the folded text, U+001F and the text that was folded. A companion whose second half is not
//! the text of the column is ignored: another program has written the column since, and such text
//! is compared without regard to ASCII case only. So no trigger is needed to keep it.

use std::borrow::Cow;

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizer;
use icu_properties::{
    CodePointSetData,
    props::{DefaultIgnorableCodePoint, WhiteSpace},
};
use sea_orm::DbBackend;

/// Stands between the folded text and the text in a companion: the unit separator.
const SEPARATOR: char = '\u{1f}';

/// Spaces without width, which the property `White_Space` leaves out.
const ZERO_WIDTH: [char; 3] = ['\u{200b}', '\u{2060}', '\u{feff}'];

/// Returns the text in NFC.
pub fn normalized(text: &str) -> Cow<'_, str> {
    ComposingNormalizer::new_nfc().normalize(text)
}

/// Removes spaces from both ends, those without width among them.
pub fn trimmed(text: &str) -> &str {
    text.trim_matches(|char: char| char.is_whitespace() || ZERO_WIDTH.contains(&char))
}

/// Whether the text shows nothing: it consists of spaces and of code points that are not drawn.
pub fn is_blank(text: &str) -> bool {
    let spaces = CodePointSetData::new::<WhiteSpace>();
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    text.chars()
        .all(|char| spaces.contains(char) || ignorable.contains(char))
}

/// Returns the text as it is compared without regard to case: NFC, full case folding, NFC again,
/// since folding can take a letter apart.
pub fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let folded = CaseMapper::new()
        .fold_string(&normalized(text))
        .into_owned();
    normalized(&folded).into_owned()
}

/// Returns the forms to look for in [`folded_sql`], each once: the folded text, and for columns without
/// a companion the text with ASCII folded, in NFC and as it was given. Text that this program wrote
/// equals the first only.
pub fn search_forms(text: &str) -> Vec<String> {
    let mut forms = vec![folded(text)];
    for form in [normalized(text), text.into()] {
        let ascii = form.to_ascii_lowercase();
        if !forms.contains(&ascii) {
            forms.push(ascii);
        }
    }
    forms
}

/// The name of the companion of this column.
pub fn companion_column(column: &str) -> String {
    format!("{column}_folded")
}

/// What the companion holds for this text.
pub fn companion(text: &str) -> Option<String> {
    let folded = folded(text);
    let is_needed = folded != text.to_ascii_lowercase() && !text.contains(SEPARATOR);
    is_needed.then(|| format!("{folded}{SEPARATOR}{text}"))
}

/// The SQL expression of a column's text as it is compared. An index on the same expression, without
/// the table, serves it.
pub fn folded_sql(backend: DbBackend, table: &str, column: &str) -> String {
    let text = format!(r#""{table}"."{column}""#);
    let both = format!(r#""{table}"."{}""#, companion_column(column));
    match backend {
        DbBackend::Sqlite => format!(
            "CASE WHEN substr({both}, instr({both}, char(31)) + 1) = {text} \
             THEN substr({both}, 1, instr({both}, char(31)) - 1) ELSE lower({text}) END"
        ),
        _ => format!(
            "CASE WHEN split_part({both}, chr(31), 2) = {text} \
             THEN split_part({both}, chr(31), 1) ELSE lower({text}) END"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_ignored_in_every_script_and_accents_are_not() {
        for (a, b) in [
            ("Ada", "ADA"),
            ("Élan", "éLAN"),
            ("ПЁТР", "пётр"),
            ("Straße", "STRASSE"),
            ("ΣΟΦΟΣ", "σοφος"),
            ("Cafe\u{301}", "CAFÉ"),
            ("J\u{30c}", "\u{1f0}"),
        ] {
            assert_eq!(folded(a), folded(b), "{a} {b}");
        }
        assert_ne!(folded("élan"), folded("elan"));
    }

    #[test]
    fn only_text_that_ascii_does_not_fold_has_a_companion() {
        assert_eq!(companion("Ada"), None);
        assert_eq!(companion("café"), None);
        assert_eq!(companion("Café"), None);
        assert_eq!(companion("Élan").as_deref(), Some("élan\u{1f}Élan"));
        assert_eq!(companion("É\u{1f}x"), None);
    }

    #[test]
    fn text_of_spaces_and_invisible_code_points_is_blank() {
        for blank in ["", " \u{a0}\u{3000}", "\u{200b}", "\u{feff}\u{ad}\u{200d}"] {
            assert!(is_blank(blank), "{blank:?}");
        }
        assert!(!is_blank("\u{200b}a"));
        assert_eq!(trimmed("\u{200b} Ada \u{feff}"), "Ada");
        // A heart is red by the invisible code point behind it.
        assert_eq!(trimmed(" \u{2764}\u{fe0f} "), "\u{2764}\u{fe0f}");
    }
}
