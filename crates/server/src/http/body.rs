//! Reading what a client sends, and no more than it may.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, header},
};
use http_body_util::BodyExt;
use tokio::time::timeout;

/// After a body that is too large: what is read on, so that the client gets to see the answer.
const READ_ON: usize = 8 << 20;
/// And for how long.
const READ_ON_FOR: Duration = Duration::from_secs(2);

/// Why there is no body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoBody {
    /// Larger than it may be.
    TooLarge,
    /// Slower than it may be.
    TooSlow,
    /// The client went away.
    Broken,
}

/// The body, of `most` bytes at most, sent in time.
pub(super) async fn read(
    headers: &HeaderMap,
    mut body: Body,
    most: usize,
    time: Duration,
) -> Result<Bytes, NoBody> {
    let told = headers.get(header::CONTENT_LENGTH);
    let told = told.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let read = timeout(time, async {
        if told.is_some_and(|told| told > most) {
            return Err(NoBody::TooLarge);
        }
        let mut bytes = Vec::with_capacity(told.unwrap_or(0));
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| NoBody::Broken)?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            if bytes.len() + data.len() > most {
                return Err(NoBody::TooLarge);
            }
            bytes.extend_from_slice(&data);
        }
        Ok(bytes.into())
    });
    let read = read.await.unwrap_or(Err(NoBody::TooSlow));
    // Who waits for our permission to send has not begun.
    if read == Err(NoBody::TooLarge) && !headers.contains_key(header::EXPECT) {
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
