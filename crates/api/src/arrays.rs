//! Values of PostgreSQL in the form in which it sends them, most often many in an array, read one
//! after the other: SQLx would look up what each is.

use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::{
    SqlxError,
    sqlx::{Row as _, ValueRef as _, error::BoxDynError, postgres::PgRow},
};

/// A column of all rows, as an array; or one that was not asked for, which has only defaults.
#[derive(Clone, Default)]
pub struct Column<'r> {
    /// What has not been read yet; of each value its length and its bytes.
    left: &'r [u8],
    /// How many values there are.
    count: usize,
    /// What they are, in PostgreSQL's catalogue.
    oid: u32,
    is_asked: bool,
}

impl<'r> Column<'r> {
    /// The column with this number.
    pub fn of(row: &'r PgRow, number: usize) -> Result<Self, SqlxError> {
        let value = row.try_get_raw(number)?;
        if value.is_null() {
            // The array of no rows.
            return Ok(Self {
                is_asked: true,
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
            is_asked: true,
        })
    }

    /// How many values there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// All values.
    pub fn all<T: Value + Default>(mut self) -> Result<Vec<T>, SqlxError> {
        let values: Option<_> = (0..self.count).map(|_| self.read()).collect();
        values.ok_or_else(malformed)
    }

    /// The value of the next row, unless it is something else than its entity says.
    pub fn read<T: Value + Default>(&mut self) -> Option<T> {
        if !self.is_asked {
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

/// The length of a null.
const NULL: u32 = u32::MAX;

fn take_u32(bytes: &mut &[u8]) -> Option<u32> {
    let (first, left) = bytes.split_first_chunk()?;
    *bytes = left;
    Some(u32::from_be_bytes(*first))
}

/// What a row is that does not fit its entity.
pub fn malformed() -> SqlxError {
    SqlxError::Decode(BoxDynError::from(
        "a column holds something else than its entity says",
    ))
}

/// What an array can hold.
pub trait Value: Sized {
    /// Its type in PostgreSQL's catalogue.
    const OID: u32;
    /// From its binary form.
    fn read(bytes: &[u8]) -> Option<Self>;
    /// In place of a null, where there may be one.
    fn null() -> Option<Self> {
        None
    }
}

impl<T: Value> Value for Option<T> {
    const OID: u32 = T::OID;

    fn read(bytes: &[u8]) -> Option<Self> {
        T::read(bytes).map(Some)
    }

    fn null() -> Option<Self> {
        Some(None)
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

    /// Days since the first of 2000.
    fn read(bytes: &[u8]) -> Option<Self> {
        const FIRST_OF_2000: i32 = 730_120;
        let days = <i32 as Value>::read(bytes)?.checked_add(FIRST_OF_2000)?;
        Self::from_num_days_from_ce_opt(days)
    }
}

impl Value for DateTime<Utc> {
    const OID: u32 = 1184;

    /// Microseconds since the first of 2000, UTC.
    fn read(bytes: &[u8]) -> Option<Self> {
        const FIRST_OF_2000: i64 = 946_684_800_000_000;
        let microseconds = <i64 as Value>::read(bytes)?.checked_add(FIRST_OF_2000)?;
        Self::from_timestamp_micros(microseconds)
    }
}
