//! The schema and its root of queries.

use async_graphql::{Context, EmptySubscription, Object, Result, Schema};
use sea_orm::{DatabaseConnection, EntityTrait};

use crate::{
    entity::{employee, meeting, project},
    mutations::Mutation,
    objects::{Employee, Meeting, Project, database},
};

pub type WorkshopSchema = Schema<Query, Mutation, EmptySubscription>;

/// Builds the schema. Its resolvers use this database.
pub fn build(db: DatabaseConnection) -> WorkshopSchema {
    Schema::build(Query, Mutation, EmptySubscription)
        .data(db)
        .finish()
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

    /// All projects.
    async fn projects(&self, ctx: &Context<'_>) -> Result<Vec<Project>> {
        let rows = project::Entity::find().order_by_id_asc();
        let rows = rows.all(database(ctx)?).await?;
        Ok(rows.into_iter().map(Project).collect())
    }
}
