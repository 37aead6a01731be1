//! Changes of assignments, to the clients that are connected to this process.

use async_graphql::{Context, Enum, Result, SimpleObject, Subscription as GraphqlSubscription};
use futures_util::{Stream, stream};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::entity::assignment;

/// Changes kept for a client that reads slowly. A client that is further behind misses the oldest.
const KEPT: usize = 256;

#[derive(Clone, Copy, PartialEq, Eq, Enum)]
pub enum ChangeKind {
    Created,
    Deleted,
}

/// A change of one assignment.
#[derive(Clone, SimpleObject)]
pub struct AssignmentChange {
    kind: ChangeKind,
    assignment_id: i64,
    employee_id: i64,
    project_id: i64,
}

/// Sender of the changes of this process.
pub struct Changes(broadcast::Sender<AssignmentChange>);

impl Default for Changes {
    fn default() -> Self {
        Self(broadcast::Sender::new(KEPT))
    }
}

/// Sends a change to the subscribers. Called after the commit: a change that was rolled back is none.
pub fn announce(ctx: &Context<'_>, kind: ChangeKind, row: &assignment::Model) {
    let change = AssignmentChange {
        kind,
        assignment_id: row.id,
        employee_id: row.employee_id,
        project_id: row.project_id,
    };
    // An error means that there are no subscribers.
    let _ = ctx.data_unchecked::<Changes>().0.send(change);
}

pub struct Subscription;

#[GraphqlSubscription]
impl Subscription {
    /// Changes of assignments from now on.
    async fn assignment_changes(
        &self,
        ctx: &Context<'_>,
    ) -> Result<impl Stream<Item = AssignmentChange>> {
        let receiver = ctx.data::<Changes>()?.0.subscribe();
        Ok(stream::unfold(receiver, |mut receiver| async move {
            loop {
                match receiver.recv().await {
                    Ok(change) => return Some((change, receiver)),
                    // The client cannot know which changes it has missed.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        }))
    }
}
