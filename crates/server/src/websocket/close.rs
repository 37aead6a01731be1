//! Close codes of the protocol, and the close handshake.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt, stream::FusedStream};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Error, Message, error::ProtocolError, protocol::CloseFrame},
};

use crate::metrics;

/// Time for the close handshake.
const CLOSING: Duration = Duration::from_secs(1);

/// Limit in bytes of what is read after a close by the server.
const CLOSING_BYTES: usize = 8 << 20;

/// WebSocket of a client.
pub(super) type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Close code and reason of a socket.
pub(super) struct Close(pub(super) u16, pub(super) &'static str);

pub(super) const BAD_MESSAGE: Close = Close(4400, "Bad message");
pub(super) const UNAUTHORIZED: Close = Close(4401, "Unauthorized");
pub(super) const FORBIDDEN: Close = Close(4403, "Forbidden");
pub(super) const NO_PROTOCOL: Close = Close(4406, "Subprotocol not acceptable");
pub(super) const NO_INIT: Close = Close(4408, "Connection initialisation timeout");
pub(super) const DUPLICATE: Close = Close(4409, "Subscriber already exists");
pub(super) const SECOND_INIT: Close = Close(4429, "Too many initialisation requests");
pub(super) const GOING_AWAY: Close = Close(1001, "Going away");
pub(super) const PROTOCOL_ERROR: Close = Close(1002, "Protocol error");
pub(super) const TOO_LARGE: Close = Close(1009, "Message too large");
/// The client closes the socket; the library answers.
pub(super) const CLOSED: Close = Close(1000, "");
/// The client no longer answers, so there is no close handshake.
pub(super) const GONE: Close = Close(1006, "");

/// Closes a socket and its connection, in bounded time.
pub(super) async fn close(mut socket: Socket, close: Close) {
    if close.0 == GONE.0 {
        return;
    }
    let _ = timeout(CLOSING, shake_hands(&mut socket, close)).await;
    // Ends the writing side, then lingers: see `Timed`.
    let _ = socket.into_inner().shutdown().await;
}

/// Carries out the close handshake (RFC 6455, section 7.1.2).
async fn shake_hands(socket: &mut Socket, Close(code, reason): Close) {
    if code != CLOSED.0 {
        let frame = CloseFrame {
            code: code.into(),
            reason: reason.into(),
        };
        if socket.send(Message::Close(Some(frame))).await.is_err() {
            return;
        }
    }
    let mut left = CLOSING_BYTES;
    while left > 0 && !socket.is_terminated() {
        // Also writes the answer to a Close of the client.
        match socket.next().await {
            Some(Ok(message)) => left = left.saturating_sub(message.len()),
            Some(Err(_)) => {}
            None => return,
        }
    }
    // After an error the library reads no further, but the client may still be sending.
    let mut bytes = [0; 4 << 10];
    while left > 0 {
        match socket.get_mut().read(&mut bytes).await {
            Ok(read @ 1..) => left = left.saturating_sub(read),
            _ => return,
        }
    }
}

/// Returns the close that answers an error of the connection.
pub(super) fn of_error(error: &Error) -> Close {
    match error {
        Error::Capacity(_) => {
            metrics::rejected("socket_message");
            TOO_LARGE
        }
        Error::Utf8(_) => BAD_MESSAGE,
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => GONE,
        Error::Protocol(_) => PROTOCOL_ERROR,
        _ => GONE,
    }
}
