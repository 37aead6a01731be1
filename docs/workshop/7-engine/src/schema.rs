//! The roots, and the engine that runs them.

use async_graphql::{Context, Description, ID, registry::Registry};
use sea_level::{
    Database, Domain, Engine, Limits, ObjectOutput, Result, Source, find_by_id, object,
};

use crate::{
    changes::{ChangeLog, Subscription},
    employee::Employee,
    meeting::Meeting,
    mutations::Mutation,
    project::Project,
};

/// Everything that can be read.
#[derive(Default, Description)]
pub struct Query;

#[object(root)]
impl Query {
    /// One employee; null when there is none with that id.
    async fn employee(&self, ctx: &Context<'_>, id: ID) -> Option<Result<ObjectOutput<Employee>>> {
        find_by_id::<Employee>(ctx, &id).await
    }

    /// All employees.
    #[connection(filter = "Keep only employees that match.", order = "Default: id.")]
    fn employees(&self) -> Source<Employee> {
        Source::all("Query.employees")
    }

    /// All meetings.
    #[connection(filter = "Keep only meetings that match.", order = "Default: id.")]
    fn meetings(&self) -> Source<Meeting> {
        Source::all("Query.meetings")
    }

    /// All projects.
    #[connection(filter = "Keep only projects that match.", order = "Default: id.")]
    fn projects(&self) -> Source<Project> {
        Source::all("Query.projects")
    }
}

/// The domain of the workshop.
pub struct Company;

impl Domain for Company {
    type Query = Query;
    type Mutation = Mutation;
    type Subscription = Subscription;
    type Log = ChangeLog;

    const DESCRIPTION: &'static str = "The company of the workshop.";

    fn register(_: &mut Registry) {}
}

/// Builds the engine. Its resolvers use this database.
pub fn build(database: Database) -> Engine<Company> {
    Engine::new(database, Limits::DEFAULT, ChangeLog::default(), ())
}
