//! Reads the body of a request within its limits of size and time.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, header},
};
use http_body_util::BodyExt;
use tokio::time::timeout;

/// Bytes read and discarded after a body that is too large, so that the client can read the answer.
const READ_ON: usize = 8 << 20;
/// Time limit of reading these bytes.
const READ_ON_FOR: Duration = Duration::from_secs(2);

/// Error of a body that could not be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BodyError {
    /// The body exceeds the size limit.
    TooLarge,
    /// The body did not arrive in time.
    TooSlow,
    /// The connection broke.
    Broken,
}

/// Returns a body of at most `most` bytes that arrives within `time`.
pub(super) async fn read(
    headers: &HeaderMap,
    mut body: Body,
    most: usize,
    time: Duration,
) -> Result<Bytes, BodyError> {
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let read = timeout(time, async {
        if length.is_some_and(|length| length > most) {
            return Err(BodyError::TooLarge);
        }
        let mut bytes = Vec::with_capacity(length.unwrap_or(0));
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| BodyError::Broken)?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            if bytes.len() + data.len() > most {
                return Err(BodyError::TooLarge);
            }
            bytes.extend_from_slice(&data);
        }
        Ok(bytes.into())
    });
    let read = read.await.unwrap_or(Err(BodyError::TooSlow));
    // A client that sent `Expect: 100-continue` has not begun to send the body.
    if read == Err(BodyError::TooLarge) && !headers.contains_key(header::EXPECT) {
        let read_on = async {
            let mut left = READ_ON;
            while let Some(Ok(frame)) = body.frame().await {
                let length = frame.data_ref().map_or(0, Bytes::len);
                let Some(rest) = left.checked_sub(length) else {
                    break;
                };
                left = rest;
            }
        };
        let _ = timeout(READ_ON_FOR, read_on).await;
    }
    read
}
