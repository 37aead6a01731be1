//! A proxy between a server and PostgreSQL that freezes connections or drops notifications.

use std::sync::Arc;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    time::sleep,
};

use super::client::PATIENCE;

/// What the proxy does with a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Forward,
    /// Forwards nothing and closes nothing.
    Freeze,
    /// Drops the notifications of PostgreSQL.
    Deafen,
}

/// A proxy in front of PostgreSQL that can freeze its open connections and still serve new ones.
pub struct Proxy {
    port: u16,
    /// The mode of open and future connections.
    open: Arc<std::sync::Mutex<watch::Sender<Mode>>>,
}

impl Proxy {
    pub async fn to(port: u16, mode: Mode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            open: Arc::new(std::sync::Mutex::new(watch::Sender::new(mode))),
        };
        let open = proxy.open.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let mode = open.lock().unwrap().subscribe();
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else {
                    continue;
                };
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                tokio::spawn(forward(from_client, to_server, mode.clone()));
                tokio::spawn(deliver(from_server, to_client, mode));
            }
        });
        proxy
    }

    pub fn freeze(&self) {
        let mut open = self.open.lock().unwrap();
        let frozen = std::mem::replace(&mut *open, watch::Sender::new(Mode::Forward));
        frozen.send_replace(Mode::Freeze);
        // The receivers must see the last value, not a closed channel.
        std::mem::forget(frozen);
    }

    pub fn url(&self) -> String {
        format!(
            "postgres://roster@127.0.0.1:{}/postgres?sslmode=disable",
            self.port
        )
    }
}

/// Returns long after the connection was frozen, so that it stays open.
async fn frozen(mode: &mut watch::Receiver<Mode>) {
    let _ = mode.wait_for(|mode| *mode == Mode::Freeze).await;
    sleep(10 * PATIENCE).await;
}

async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut mode: watch::Receiver<Mode>) {
    let copied = tokio::io::copy(&mut from, &mut to);
    tokio::select! {
        () = frozen(&mut mode) => {}
        _ = copied => {}
    }
}

/// Forwards message by message, so that notifications can be dropped.
async fn deliver(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut mode: watch::Receiver<Mode>) {
    const NOTIFICATION: u8 = b'A';
    let is_deaf = *mode.borrow() == Mode::Deafen;
    let copied = async {
        loop {
            let kind = from.read_u8().await?;
            let length = from.read_u32().await?;
            let mut message = vec![0; length as usize - 4];
            from.read_exact(&mut message).await?;
            if is_deaf && kind == NOTIFICATION {
                continue;
            }
            let head = [&[kind][..], &length.to_be_bytes()].concat();
            to.write_all(&[head, message].concat()).await?;
        }
        #[expect(unreachable_code, reason = "it tells the type of the errors")]
        Ok::<(), std::io::Error>(())
    };
    tokio::select! {
        () = frozen(&mut mode) => {}
        _ = copied => {}
    }
}
