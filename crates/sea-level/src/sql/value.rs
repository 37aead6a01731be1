//! Decoding of column values: PostgreSQL's binary arrays and SQLite's JSON.
//!
//! A row with a column whose type is no [`Value`] does not compile. SQLx would look up the type of each
//! element of an array.

use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::{
    SqlxError,
    sqlx::{Row as _, ValueRef as _, error::BoxDynError, postgres::PgRow},
};
use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned, IntoDeserializer, SeqAccess},
};

/// One column of all rows of a PostgreSQL result, as an array. A column that was not requested yields
/// defaults.
#[derive(Clone, Default)]
pub struct Column<'r> {
    /// Elements that were not read yet: the length and the bytes of each.
    left: &'r [u8],
    count: usize,
    /// Type of the elements in PostgreSQL's catalogue.
    oid: u32,
    is_requested: bool,
}

impl<'r> Column<'r> {
    /// Reads the column with this number.
    pub fn of(row: &'r PgRow, number: usize) -> Result<Self, SqlxError> {
        let value = row.try_get_raw(number)?;
        if value.is_null() {
            // `array_agg` of no rows.
            return Ok(Self {
                is_requested: true,
                ..Self::default()
            });
        }
        let bytes = value.as_bytes().map_err(SqlxError::Decode)?;
        Self::begin(bytes).ok_or_else(malformed)
    }

    fn begin(mut left: &'r [u8]) -> Option<Self> {
        let dimensions = take_u32(&mut left)?;
        let _has_nulls = take_u32(&mut left)?;
        let oid = take_u32(&mut left)?;
        let count = match dimensions {
            0 => 0,
            1 => take_u32(&mut left)?,
            _ => return None,
        };
        let _lower_bound = take_u32(&mut left);
        Some(Self {
            left,
            count: usize::try_from(count).ok()?,
            oid,
            is_requested: true,
        })
    }

    /// Number of elements.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Decodes all elements.
    pub fn all<T: Value + Default>(mut self) -> Result<Vec<T>, SqlxError> {
        let values: Option<_> = (0..self.count).map(|_| self.read()).collect();
        values.ok_or_else(malformed)
    }

    /// Decodes the element of the next row; `None` if its type is not `T`.
    pub fn read<T: Value + Default>(&mut self) -> Option<T> {
        if !self.is_requested {
            return Some(T::default());
        }
        if self.oid != T::OID {
            return None;
        }
        let length = take_u32(&mut self.left)?;
        if length == NULL {
            return T::null();
        }
        let (value, left) = self.left.split_at_checked(usize::try_from(length).ok()?)?;
        self.left = left;
        T::read(value)
    }
}

/// Length of a null element.
const NULL: u32 = u32::MAX;

fn take_u32(bytes: &mut &[u8]) -> Option<u32> {
    let (first, left) = bytes.split_first_chunk()?;
    *bytes = left;
    Some(u32::from_be_bytes(*first))
}

/// Error for a row that does not fit its entity.
pub(super) fn malformed() -> SqlxError {
    SqlxError::Decode(BoxDynError::from(
        "a column holds something else than its entity says",
    ))
}

/// Type of a column that both databases can deliver. A type of the domain, such as an enum in a text
/// column, implements it with the methods of the type that the column has.
pub trait Value: DeserializeOwned {
    /// Type in PostgreSQL's catalogue.
    const OID: u32;
    /// Decodes PostgreSQL's binary form.
    fn read(bytes: &[u8]) -> Option<Self>;
    /// Decodes SQLite's JSON.
    fn read_json<'de, D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        Self::deserialize(json)
    }
    /// Value for a null; `None` if the column is not nullable.
    fn null() -> Option<Self> {
        None
    }
}

impl<T: Value> Value for Option<T> {
    const OID: u32 = T::OID;

    fn read(bytes: &[u8]) -> Option<Self> {
        T::read(bytes).map(Some)
    }

    fn read_json<'de, D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        let value = Option::<JsonValue<T>>::deserialize(json)?;
        Ok(value.map(|JsonValue(value)| value))
    }

    fn null() -> Option<Self> {
        Some(None)
    }
}

impl Value for bool {
    const OID: u32 = 16;

    fn read(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [byte] => Some(*byte != 0),
            _ => None,
        }
    }

    /// SQLite has numbers in place of booleans.
    fn read_json<'de, D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        u8::deserialize(json).map(|number| number != 0)
    }
}

impl Value for f64 {
    const OID: u32 = 701;

    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_be_bytes)
    }
}

impl Value for i64 {
    const OID: u32 = 20;

    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_be_bytes)
    }
}

impl Value for i32 {
    const OID: u32 = 23;

    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_be_bytes)
    }
}

impl Value for String {
    const OID: u32 = 25;

    fn read(bytes: &[u8]) -> Option<Self> {
        std::str::from_utf8(bytes).ok().map(str::to_owned)
    }
}

impl Value for NaiveDate {
    const OID: u32 = 1082;

    /// Days since 2000-01-01.
    fn read(bytes: &[u8]) -> Option<Self> {
        const FIRST_OF_2000: i32 = 730_120;
        let days = <i32 as Value>::read(bytes)?.checked_add(FIRST_OF_2000)?;
        Self::from_num_days_from_ce_opt(days)
    }

    fn read_json<'de, D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        text_as(json, date)
    }
}

impl Value for DateTime<Utc> {
    const OID: u32 = 1184;

    /// Microseconds since 2000-01-01, UTC.
    fn read(bytes: &[u8]) -> Option<Self> {
        const FIRST_OF_2000: i64 = 946_684_800_000_000;
        let microseconds = <i64 as Value>::read(bytes)?.checked_add(FIRST_OF_2000)?;
        Self::from_timestamp_micros(microseconds)
    }

    fn read_json<'de, D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        text_as(json, time)
    }
}

/// Decodes text in the form in which it is written. Any other form is left to chrono, which takes 2,000
/// instructions for a time.
fn text_as<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    json: D,
    usual: fn(&[u8]) -> Option<T>,
) -> Result<T, D::Error> {
    let text = <&str>::deserialize(json)?;
    let any = || T::deserialize(IntoDeserializer::<D::Error>::into_deserializer(text));
    usual(text.as_bytes()).map_or_else(any, Ok)
}

/// Reads `2022-05-17`.
fn date(text: &[u8]) -> Option<NaiveDate> {
    let &[a, b, c, d, b'-', e, f, b'-', g, h] = text else {
        return None;
    };
    let year = number([a, b])? * 100 + number([c, d])?;
    NaiveDate::from_ymd_opt(year.cast_signed(), number([e, f])?, number([g, h])?)
}

/// Reads `2023-10-31T09:30:00+00:00`.
fn time(text: &[u8]) -> Option<DateTime<Utc>> {
    let (day, time) = text.split_first_chunk::<10>()?;
    let &[b'T', a, b, b':', c, d, b':', e, f, ref offset @ ..] = time else {
        return None;
    };
    let time = date(day)?.and_hms_opt(number([a, b])?, number([c, d])?, number([e, f])?)?;
    (offset == b"+00:00").then(|| time.and_utc())
}

fn number(digits: [u8; 2]) -> Option<u32> {
    let [tens, ones] = digits.map(|digit| u32::from(digit.wrapping_sub(b'0')));
    (tens < 10 && ones < 10).then_some(tens * 10 + ones)
}

/// Decodes the next element of a JSON array; a default if the column was not requested.
pub fn json_element<'de, A: SeqAccess<'de>, T: Value + Default>(
    array: &mut A,
    is_requested: bool,
) -> Result<T, A::Error> {
    if !is_requested {
        return Ok(T::default());
    }
    let missing = || de::Error::custom("a row has too few columns");
    let JsonValue(value) = array.next_element()?.ok_or_else(missing)?;
    Ok(value)
}

/// Value in SQLite's JSON.
struct JsonValue<T>(T);

impl<'de, T: Value> Deserialize<'de> for JsonValue<T> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        T::read_json(json).map(Self)
    }
}
