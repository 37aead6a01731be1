//! Scalars of the schema, and the public form of ids. Knows no table.

use std::borrow::Cow;

use async_graphql::{
    ContextSelectionSet, ID, InputValueError, InputValueResult, Number, OutputType, Positioned,
    Scalar, ScalarType, ServerResult, Value, parser::types::Field, registry::Registry,
};
use chrono::{Datelike, FixedOffset, NaiveDate, SecondsFormat, SubsecRound, Timelike, Utc};
use language::ScalarCheck;

use crate::json::{self, ToJson};

macro_rules! outputs {
    ($($type:ty => $scalar:ty),*) => {$(
        impl OutputType for $type {
            fn type_name() -> Cow<'static, str> {
                <$scalar as OutputType>::type_name()
            }

            fn create_type_info(registry: &mut Registry) -> String {
                <$scalar as OutputType>::create_type_info(registry)
            }

            async fn resolve(
                &self,
                _ctx: &ContextSelectionSet<'_>,
                _field: &Positioned<Field>,
            ) -> ServerResult<Value> {
                Ok(self.to_text())
            }
        }
    )*};
}

outputs!(Text<'_> => String, PublicId => ID);

/// String of a row, borrowed until the answer is written.
pub struct Text<'a>(pub &'a str);

impl ToJson for Text<'_> {
    fn write_json(&self, json: &mut Vec<u8>) {
        json::write_string(self.0, json);
    }
}

/// An exact point in time: RFC 3339 with an offset, always returned in UTC, for example `2023-10-31T09:30:00Z`. Input without an offset is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DateTime(pub chrono::DateTime<Utc>);

impl DateTime {
    /// Parses. The error names the expected form.
    fn read(text: Option<&str>) -> Result<Self, &'static str> {
        let instant = chrono::DateTime::<FixedOffset>::parse_from_rfc3339(text.unwrap_or_default())
            .map_err(|_| "Give RFC 3339 with an offset, for example \"2023-10-31T09:30:00Z\".")?
            .with_timezone(&Utc)
            .trunc_subsecs(6);
        if instant.timestamp_subsec_nanos() >= 1_000_000_000 {
            return Err("Leap seconds are not supported.");
        }
        if !(1..=9999).contains(&instant.year()) {
            return Err("The year must be 0001 to 9999.");
        }
        Ok(Self(instant))
    }

    /// Calls `then` with the text.
    fn text<T>(self, then: impl FnOnce(&str) -> T) -> T {
        let instant = &self.0;
        if instant.nanosecond() != 0 {
            return then(&instant.to_rfc3339_opts(SecondsFormat::AutoSi, true));
        }
        let mut text = *b"0000-00-00T00:00:00Z";
        put_date(&mut text, instant.date_naive());
        put(&mut text, 11, instant.hour());
        put(&mut text, 14, instant.minute());
        put(&mut text, 17, instant.second());
        then(str::from_utf8(&text).unwrap_or_default())
    }
}

impl ToJson for DateTime {
    fn write_json(&self, json: &mut Vec<u8>) {
        self.text(|text| json::write_string(text, json));
    }
}

/// An exact point in time: RFC 3339 with an offset, always returned in UTC, for example `2023-10-31T09:30:00Z`. Input without an offset is rejected.
#[Scalar(
    name = "DateTime",
    specified_by_url = "https://scalars.graphql.org/chillicream/date-time"
)]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        Self::read(text_of(&value)).map_err(InputValueError::custom)
    }

    fn to_value(&self) -> Value {
        self.text(|text| text.into())
    }
}

/// A calendar date with no time and no time zone, `YYYY-MM-DD`, for example `2022-05-17`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Date(pub NaiveDate);

impl Date {
    /// Parses. The error names the expected form.
    fn read(text: Option<&str>) -> Result<Self, &'static str> {
        // chrono alone also takes `2022-5-17` and `+12022-05-17`.
        let text = text.filter(|text| text.len() == 10);
        let date = text.and_then(|text| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok());
        date.filter(|date| (1..=9999).contains(&date.year()))
            .map(Self)
            .ok_or("Give YYYY-MM-DD, for example \"2022-05-17\".")
    }

    /// Calls `then` with the text.
    fn text<T>(self, then: impl FnOnce(&str) -> T) -> T {
        let mut text = *b"0000-00-00";
        put_date(&mut text, self.0);
        then(str::from_utf8(&text).unwrap_or_default())
    }
}

impl ToJson for Date {
    fn write_json(&self, json: &mut Vec<u8>) {
        self.text(|text| json::write_string(text, json));
    }
}

/// A calendar date with no time and no time zone, `YYYY-MM-DD`, for example `2022-05-17`.
#[Scalar(
    name = "Date",
    specified_by_url = "https://scalars.graphql.org/andimarek/local-date"
)]
impl ScalarType for Date {
    fn parse(value: Value) -> InputValueResult<Self> {
        Self::read(text_of(&value)).map_err(InputValueError::custom)
    }

    fn to_value(&self) -> Value {
        self.text(|text| text.into())
    }
}

/// Writes a date. chrono takes ten times as long, and most rows have a date.
fn put_date(text: &mut [u8], date: NaiveDate) {
    let year = date.year().unsigned_abs();
    put(text, 0, year / 100);
    put(text, 2, year % 100);
    put(text, 5, date.month());
    put(text, 8, date.day());
}

/// Writes two digits at a position.
fn put(text: &mut [u8], position: usize, number: u32) {
    text[position..][..2]
        .copy_from_slice(&[number / 10, number % 10].map(|digit| b'0' + digit as u8));
}

/// A whole number wider than `Int`, sent as a JSON number. This API keeps it within ±9007199254740991 so that JavaScript reads it exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Long(pub i64);

impl Long {
    /// Largest integer that every JSON reader keeps exact: 2^53 − 1 (RFC 8259, section 6).
    pub const MAX: i64 = (1 << 53) - 1;

    /// Parses. The error names the expected form.
    fn read(number: Option<&Number>) -> Result<Self, &'static str> {
        number
            .and_then(integer)
            .filter(|number| number.unsigned_abs() <= Self::MAX.unsigned_abs())
            .map(Self)
            .ok_or("Give a whole number within ±9007199254740991.")
    }
}

impl ToJson for Long {
    fn write_json(&self, json: &mut Vec<u8>) {
        json::serialize(&self.0, json);
    }
}

/// A whole number wider than `Int`, sent as a JSON number. This API keeps it within ±9007199254740991 so that JavaScript reads it exactly.
#[Scalar(
    name = "Long",
    specified_by_url = "https://scalars.graphql.org/chillicream/long"
)]
impl ScalarType for Long {
    fn parse(value: Value) -> InputValueResult<Self> {
        Self::read(number_of(&value)).map_err(InputValueError::custom)
    }

    fn to_value(&self) -> Value {
        Value::from(self.0)
    }
}

fn text_of(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn number_of(value: &Value) -> Option<&Number> {
    match value {
        Value::Number(number) => Some(number),
        _ => None,
    }
}

/// Returns the integer; also 2 for `2.0`, which is the same number in JSON.
pub fn integer(number: &Number) -> Option<i64> {
    // A larger double stands for several integers.
    let is_exact = |float: &f64| float.fract() == 0.0 && float.abs() <= Long::MAX as f64;
    let whole = || number.as_f64().filter(is_exact).map(|float| float as i64);
    number.as_i64().or_else(whole)
}

/// Checks of input values, by scalar. The error says why a value is refused.
pub const CHECKS: [(&str, ScalarCheck); 3] = [
    ("DateTime", |json| outcome(DateTime::read(json.as_str()))),
    ("Date", |json| outcome(Date::read(json.as_str()))),
    ("Long", |json| outcome(Long::read(json.as_number()))),
];

fn outcome<T>(read: Result<T, &'static str>) -> Result<(), String> {
    read.map(|_| ()).map_err(str::to_owned)
}

/// Public id of a row: prefix and key. See [`public_id`].
pub struct PublicId(pub &'static str, pub i64);

impl ToJson for PublicId {
    fn write_json(&self, json: &mut Vec<u8>) {
        let Self(prefix, key) = self;
        json::write_string(prefix, json);
        json.pop();
        json.extend_from_slice(itoa::Buffer::new().format(*key).as_bytes());
        json.push(b'"');
    }
}

/// Returns the public id of a row: a prefix that names the type, then the key.
pub fn public_id(prefix: &str, key: i64) -> ID {
    ID([prefix, itoa::Buffer::new().format(key)].concat())
}

/// Returns the key of a public id; `None` if the id is malformed or has another prefix. Each key has
/// one spelling: no sign, no leading zero.
pub fn key_of(prefix: &str, id: &str) -> Option<i64> {
    let digits = id.strip_prefix(prefix)?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    if plain { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling() {
        assert_eq!(key_of("emp_", "emp_42"), Some(42));
        assert_eq!(key_of("emp_", "emp_9223372036854775807"), Some(i64::MAX));
        for wrong in [
            "emp_",
            "emp_0",
            "emp_042",
            "emp_+42",
            "emp_-1",
            "emp_4 2",
            "prj_42",
            "42",
            "EMP_42",
            "emp_9223372036854775808",
            "emp_٤٢",
        ] {
            assert_eq!(key_of("emp_", wrong), None, "{wrong}");
        }
    }

    #[test]
    fn times_need_an_offset_and_are_cut_at_the_microsecond() {
        let parse = |text: &str| DateTime::parse(Value::from(text)).map(|time| time.to_value());
        assert_eq!(
            parse("2023-10-31T11:30:00.1234567+02:00").ok(),
            Some(Value::from("2023-10-31T09:30:00.123456Z"))
        );
        for wrong in [
            "2023-10-31T09:30:00",
            "2023-10-31",
            "soon",
            "+12023-10-31T09:30:00Z",
            "2016-12-31T23:59:60Z",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn dates_have_one_spelling() {
        assert!(Date::parse(Value::from("2022-05-17")).is_ok());
        for wrong in [
            "2022-5-17",
            "2022-02-30",
            "0000-01-01",
            "2022-05-17T00:00:00Z",
            "-022-05-17",
        ] {
            assert!(Date::parse(Value::from(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn longs_stay_within_what_json_carries_exactly() {
        assert!(Long::parse(Value::from(Long::MAX)).is_ok());
        assert!(Long::parse(Value::from(-Long::MAX)).is_ok());
        assert!(Long::parse(Value::from(Long::MAX + 1)).is_err());
        assert!(Long::parse(Value::from(1.5)).is_err());
    }
}
