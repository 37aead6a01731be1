//! Byte budget of all answers that clients have not read yet.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Answers up to this size are never refused, so that clients that leave large ones unread do not
/// shut out all others. The limit on operations at once bounds how many there are.
const SMALL: usize = 64 << 10;

/// Budget of bytes for unread answers.
pub struct Unread {
    bytes: Arc<Semaphore>,
    most: usize,
}

/// Share of one answer in the budget. Returns to the budget on drop.
pub struct Share {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Unread {
    /// Returns a budget of this many bytes.
    pub fn new(most: usize) -> Self {
        let most = most.min(u32::MAX as usize);
        Self {
            bytes: Arc::new(Semaphore::new(most)),
            most,
        }
    }

    /// Reserves the share of an answer; `None` if the budget is used up. The largest answer always fits
    /// into an unused budget.
    pub fn take(&self, answer: &[u8]) -> Option<Share> {
        if answer.len() <= SMALL {
            return Some(Share { _permit: None });
        }
        let bytes = u32::try_from(answer.len().min(self.most)).ok()?;
        let permit = self.bytes.clone().try_acquire_many_owned(bytes);
        permit.ok().map(|permit| Share {
            _permit: Some(permit),
        })
    }
}

/// Answer with its permits, which are free again once the socket has taken the last byte or the
/// connection has ended.
pub struct Unsent {
    /// The answer, or an event with it.
    pub bytes: Vec<u8>,
    /// Share in the budget of bytes.
    pub share: Share,
    /// Permit of a query or a mutation.
    pub permit: Option<OwnedSemaphorePermit>,
}

impl AsRef<[u8]> for Unsent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl From<Unsent> for Bytes {
    /// hyper drops a body as soon as it has taken its last part, and the bytes when they are sent. So
    /// the bytes own the permits, not the body.
    fn from(unsent: Unsent) -> Self {
        Self::from_owner(unsent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_answers_share_the_budget_and_small_ones_always_pass() {
        let unread = Unread::new(SMALL * 3);
        let large = vec![0; SMALL * 2];
        let first = unread.take(&large).unwrap();
        assert!(unread.take(&large).is_none());
        assert!(unread.take(&large[..SMALL]).is_some());
        drop(first);
        assert!(unread.take(&large).is_some());
        // Larger than the whole budget.
        assert!(unread.take(&vec![0; SMALL * 9]).is_some());
    }
}
