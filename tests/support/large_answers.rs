//! Answers that are larger than the buffers between the server and a client.

use entity::{assignment, employee};
use sea_orm::ActiveValue::Set;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use super::{app::TestApp, rows::day};

/// Inserts a thousand employees with long names, all on one project.
pub async fn fill_with_long_names(app: &TestApp) {
    let project = app.project("P", None).await;
    let first = app.employee("E").await;
    let names = (0..1_000).map(|n| employee::ActiveModel {
        name: Set(format!("{n:0>200}")),
        hire_date: Set(day("2020-01-01")),
        ..Default::default()
    });
    app.insert_many(names.collect()).await;
    let assignments = (0..1_000).map(|n| assignment::ActiveModel {
        employee_id: Set(first + 1 + n),
        project_id: Set(project),
        ..Default::default()
    });
    app.insert_many(assignments.collect()).await;
}

/// Requests a large answer and reads only its first bytes.
pub async fn begin_to_read(url: &str, query: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    // A small receive buffer, so that most of the answer stays in the server.
    socket.set_recv_buffer_size(4 << 10).unwrap();
    let address = url.trim_start_matches("http://").parse().unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let body = json!({ "query": query }).to_string();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut beginning = [0; 12];
    stream.read_exact(&mut beginning).await.unwrap();
    stream
}
