//! Serves the schema at port 8000, and writes each statement to the standard error stream.

use std::{env, error::Error};

use tokio::net::TcpListener;
use workshop_4::{database, schema, server};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("DATABASE_URL");
    let url = url.unwrap_or_else(|_| "sqlite:workshop.db?mode=rwc".to_owned());
    let mut db = database::open(&url).await?;
    db.set_metric_callback(|metric| eprintln!("{}", metric.statement));

    let listener = TcpListener::bind("127.0.0.1:8000").await?;
    eprintln!("http://{}", listener.local_addr()?);
    axum::serve(listener, server::router(schema::build(db))).await?;
    Ok(())
}
