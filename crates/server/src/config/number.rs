//! Parsers of numbers and times. Each has a range, which the message of a refusal names.

use std::{ops::RangeInclusive, time::Duration};

/// Seconds of a timeout. Zero would end what it limits at once, and PostgreSQL takes no more
/// milliseconds than an `int` holds.
pub(super) const TIME: RangeInclusive<u64> = 1..=2_000_000;

/// Longest life of a token, 10 years.
const LONGEST: u64 = 3_650 * 86_400;

/// Parses a whole number of this range.
pub(super) fn within<T: TryFrom<u64>>(
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| {
                let (least, most) = range.clone().into_inner();
                format!("expected a whole number from {least} to {most}")
            })
    }
}

/// Parses a time like `30m`, `8h` or `7d`.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let seconds = || {
        let unit = match text.chars().last()? {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return None,
        };
        let number: u64 = text[..text.len() - 1].parse().ok()?;
        number.checked_mul(unit)
    };
    seconds()
        .filter(|seconds| (1..=LONGEST).contains(seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| "expected a number and s, m, h or d, like 8h, from 1s to 3650d".to_owned())
}
