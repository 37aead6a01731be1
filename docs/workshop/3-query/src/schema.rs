//! The GraphQL schema: objects over rows.

use async_graphql::{Context, EmptyMutation, EmptySubscription, Object, Result, Schema};
use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::{DatabaseConnection, EntityTrait, ModelTrait};

use crate::entity::{employee, meeting};

pub type WorkshopSchema = Schema<Query, EmptyMutation, EmptySubscription>;

/// Builds the schema. Its resolvers read from this database.
pub fn build(db: DatabaseConnection) -> WorkshopSchema {
    Schema::build(Query, EmptyMutation, EmptySubscription)
        .data(db)
        .finish()
}

fn database<'a>(ctx: &Context<'a>) -> Result<&'a DatabaseConnection> {
    ctx.data()
}

pub struct Query;

#[Object]
impl Query {
    /// All employees.
    async fn employees(&self, ctx: &Context<'_>) -> Result<Vec<Employee>> {
        let rows = employee::Entity::find().order_by_id_asc();
        let rows = rows.all(database(ctx)?).await?;
        Ok(rows.into_iter().map(Employee).collect())
    }

    /// One employee; null when there is none with that id.
    async fn employee(&self, ctx: &Context<'_>, id: i64) -> Result<Option<Employee>> {
        let row = employee::Entity::find_by_id(id);
        Ok(row.one(database(ctx)?).await?.map(Employee))
    }

    /// All meetings.
    async fn meetings(&self, ctx: &Context<'_>) -> Result<Vec<Meeting>> {
        let rows = meeting::Entity::find().order_by_id_asc();
        let rows = rows.all(database(ctx)?).await?;
        Ok(rows.into_iter().map(Meeting).collect())
    }
}

/// A person on staff.
pub struct Employee(employee::Model);

#[Object]
impl Employee {
    async fn id(&self) -> i64 {
        self.0.id
    }

    async fn name(&self) -> &str {
        &self.0.name
    }

    async fn hire_date(&self) -> NaiveDate {
        self.0.hire_date
    }

    /// Meetings that this employee attends.
    async fn meetings(&self, ctx: &Context<'_>) -> Result<Vec<Meeting>> {
        let rows = self.0.find_related(meeting::Entity).order_by_id_asc();
        let rows = rows.all(database(ctx)?).await?;
        Ok(rows.into_iter().map(Meeting).collect())
    }
}

/// An appointment that employees attend.
pub struct Meeting(meeting::Model);

#[Object]
impl Meeting {
    async fn id(&self) -> i64 {
        self.0.id
    }

    async fn topic(&self) -> &str {
        &self.0.topic
    }

    async fn scheduled_time(&self) -> DateTime<Utc> {
        self.0.scheduled_time
    }

    async fn location(&self) -> Option<&str> {
        self.0.location.as_deref()
    }

    /// Employees who attend this meeting.
    async fn employees(&self, ctx: &Context<'_>) -> Result<Vec<Employee>> {
        let rows = self.0.find_related(employee::Entity).order_by_id_asc();
        let rows = rows.all(database(ctx)?).await?;
        Ok(rows.into_iter().map(Employee).collect())
    }
}
