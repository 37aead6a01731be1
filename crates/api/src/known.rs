//! The rows that a mutation has in its hands when it ends: what it wrote, and what it locked and
//! left alone. Its payload is made of them, and they are not read again.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::Arc,
};

use crate::context::{Found, Loaded, Record};

/// Rows as one transaction left them, by entity and key.
#[derive(Default)]
pub struct Known(HashMap<(TypeId, i64), Arc<dyn Any + Send + Sync>>);

impl Known {
    /// The row is like this now.
    pub fn put<E: Record>(&mut self, row: E::Model) {
        let place = (TypeId::of::<E>(), E::key(&row));
        self.0.insert(place, Arc::new(Loaded::<E>::from(vec![row])));
    }

    /// The row is there no longer.
    pub fn remove<E: Record>(&mut self, key: i64) {
        self.0.remove(&(TypeId::of::<E>(), key));
    }

    /// The row with this key, if it is known.
    pub fn get<E: Record>(&self, key: i64) -> Option<Found<E>> {
        let row = self.0.get(&(TypeId::of::<E>(), key))?;
        let row = row.clone().downcast::<Loaded<E>>().ok()?;
        Some(Found::new(row, 0))
    }
}
