//! The interface `Node`, and loads by public id.

use async_graphql::{Context, Interface};
use sea_level::{Node, PublicId, Result, find, scalar::key_of};

use crate::{assignment::Assignment, employee::Employee, meeting::Meeting, project::Project};

/// Anything that has a globally unique id and can be fetched again with `node`.
#[derive(Interface, Clone)]
#[graphql(
    name = "Node",
    field(
        name = "id",
        ty = "PublicId",
        desc = "Globally unique, readable, stable for the life of the object."
    )
)]
pub enum AnyNode {
    /// `emp_…`
    Employee(Employee),
    /// `mtg_…`
    Meeting(Meeting),
    /// `prj_…`
    Project(Project),
    /// `asg_…`
    Assignment(Assignment),
}

/// Loads the object with this public id; null if there is none.
pub async fn node(ctx: &Context<'_>, id: &str) -> Result<Option<AnyNode>> {
    let prefix = id.rfind('_').map_or("", |end| &id[..=end]);
    match key_of(prefix, id) {
        Some(key) => node_with_key(ctx, prefix, key).await,
        None => Ok(None),
    }
}

/// Loads the object with this prefix and primary key; null if there is none.
pub async fn node_with_key(ctx: &Context<'_>, prefix: &str, key: i64) -> Result<Option<AnyNode>> {
    async fn of<N: Node + Into<AnyNode>>(ctx: &Context<'_>, key: i64) -> Result<Option<AnyNode>> {
        let found = find::<N>(ctx, key).await?;
        Ok(found.map(|found| N::from(found).into()))
    }
    match prefix {
        Employee::PREFIX => of::<Employee>(ctx, key).await,
        Meeting::PREFIX => of::<Meeting>(ctx, key).await,
        Project::PREFIX => of::<Project>(ctx, key).await,
        Assignment::PREFIX => of::<Assignment>(ctx, key).await,
        _ => Ok(None),
    }
}
