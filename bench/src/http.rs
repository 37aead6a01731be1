//! Minimal HTTP client: one request after the other on one connection.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};

use crate::{console::Result, operations::Request};

/// Persistent connection.
pub(crate) struct Connection(BufReader<TcpStream>);

impl Connection {
    pub(crate) fn open(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends a request and returns the body of the answer, whose status must be 200.
    pub(crate) fn ask(&mut self, request: &Request) -> Result<String> {
        self.ask_with(request, "")
    }

    /// Sends a request with additional headers.
    pub(crate) fn ask_with(&mut self, request: &Request, headers: &str) -> Result<String> {
        let Request { method, path, body } = request;
        let body = body.as_deref().unwrap_or_default();
        let message = format!(
            "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n{headers}\r\n{body}",
            body.len()
        );
        self.0.get_mut().write_all(message.as_bytes())?;

        let mut status = String::new();
        self.0.read_line(&mut status)?;
        let mut length = None;
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line)? == 0 {
                return Err(format!("{method} {path}: the server closed the connection").into());
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = Some(value.trim().parse()?);
            }
        }
        let length: usize = length.ok_or("an answer without content-length")?;
        let mut answer = vec![0; length];
        self.0.read_exact(&mut answer)?;
        let answer = String::from_utf8(answer)?;
        if status.split(' ').nth(1) != Some("200") {
            return Err(format!("{method} {path}: {}\n{answer}", status.trim_end()).into());
        }
        Ok(answer)
    }
}
