//! Prints the meetings of each employee: the lesson's shell, as a program.

use std::{env, error::Error, io::Write};

use sea_orm::{EntityTrait, ModelTrait};
use workshop_2::{
    database,
    entity::{employee, meeting},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("DATABASE_URL");
    let url = url.unwrap_or_else(|_| "sqlite:workshop.db?mode=rwc".to_owned());
    let mut db = database::open(&url).await?;
    // The statements go to the standard error stream, the rows to the standard output.
    db.set_metric_callback(|metric| eprintln!("{}", metric.statement));

    let mut output = std::io::stdout().lock();
    let employees = employee::Entity::find().order_by_id_asc().all(&db).await?;
    for employee in employees {
        let meetings = employee.find_related(meeting::Entity).all(&db).await?;
        let topics: Vec<_> = meetings.into_iter().map(|meeting| meeting.topic).collect();
        writeln!(output, "{}: {}", employee.name, topics.join(", "))?;
    }
    Ok(())
}
