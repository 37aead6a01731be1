//! Columns of SQLite.

use chrono::{DateTime, NaiveDate, Utc};
use sea_level::sql::Value;
use serde_json::Deserializer;

#[test]
fn dates_and_times_are_read_as_chrono_reads_them() {
    for text in [
        "2022-05-17",
        "0001-01-01",
        "2022-5-17",
        "+12022-05-17",
        "2023-02-29",
        "2023-10-31T09:30:00+00:00",
        "2023-10-31T09:30:00Z",
        "2023-10-31T09:30:00.123456+00:00",
        "2023-10-31T11:30:00+02:00",
        "2023-10-31T09:30:60+00:00",
        "2023-10-31T09:60:00+00:00",
        "2023-10-31 09:30:00",
        "2023-10-31T:9:30:00+00:00",
        "",
    ] {
        let json = serde_json::Value::from(text).to_string();
        let date = NaiveDate::read_json(&mut Deserializer::from_str(&json));
        assert_eq!(date.ok(), serde_json::from_str(&json).ok(), "{text}");
        let time = DateTime::<Utc>::read_json(&mut Deserializer::from_str(&json));
        assert_eq!(time.ok(), serde_json::from_str(&json).ok(), "{text}");
    }
}
