//! Deletion of employees and projects. The client decides about their assignments.

use async_graphql::{Context, Enum, Object, Result, SimpleObject};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, TransactionTrait};

use crate::{
    entity::{assignment, employee, project},
    objects::database,
    subscription::{ChangeKind, announce},
};

/// Fate of the assignments of a deleted employee or project.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
pub enum OnAssignments {
    /// Refuse to delete while there are assignments.
    Restrict,
    /// Delete the assignments too.
    Cascade,
}

#[derive(SimpleObject)]
pub struct DeletePayload {
    /// The deleted id; null when there was none.
    deleted_id: Option<i64>,
    deleted_assignment_ids: Vec<i64>,
}

#[derive(Default)]
pub struct DeletionMutations;

#[Object]
impl DeletionMutations {
    async fn delete_employee(
        &self,
        ctx: &Context<'_>,
        id: i64,
        assignments: OnAssignments,
    ) -> Result<DeletePayload> {
        delete::<employee::Entity>(ctx, id, assignment::Column::EmployeeId, assignments).await
    }

    async fn delete_project(
        &self,
        ctx: &Context<'_>,
        id: i64,
        assignments: OnAssignments,
    ) -> Result<DeletePayload> {
        delete::<project::Entity>(ctx, id, assignment::Column::ProjectId, assignments).await
    }
}

async fn delete<E>(
    ctx: &Context<'_>,
    id: i64,
    key: assignment::Column,
    on_assignments: OnAssignments,
) -> Result<DeletePayload>
where
    E: EntityTrait,
    i64: Into<<E::PrimaryKey as sea_orm::PrimaryKeyTrait>::ValueType>,
{
    let transaction = database(ctx)?.begin().await?;
    let rows = assignment::Entity::find().filter(key.eq(id));
    let rows = rows.order_by_id_asc().all(&transaction).await?;
    if on_assignments == OnAssignments::Restrict && !rows.is_empty() {
        return Err(format!("Still referenced by {} assignments.", rows.len()).into());
    }
    // The foreign key deletes the assignments. They were read to report them.
    let deleted = E::delete_by_id(id).exec(&transaction).await?;
    transaction.commit().await?;
    for row in &rows {
        announce(ctx, ChangeKind::Deleted, row);
    }
    Ok(DeletePayload {
        deleted_id: (deleted.rows_affected > 0).then_some(id),
        deleted_assignment_ids: rows.iter().map(|row| row.id).collect(),
    })
}
