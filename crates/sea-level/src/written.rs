//! Rows that a mutation wrote or locked. Its payload is made of them, so that they are not read again.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::Arc,
};

/// Rows as one transaction left them, by entity and primary key.
#[derive(Default)]
pub(crate) struct WrittenRows(HashMap<(TypeId, i64), Arc<dyn Any + Send + Sync>>);

impl WrittenRows {
    /// Sets the row of entity `E` with this key.
    pub(crate) fn put<E: 'static>(&mut self, key: i64, row: Arc<dyn Any + Send + Sync>) {
        self.0.insert((TypeId::of::<E>(), key), row);
    }

    /// Removes the row of entity `E` with this key.
    pub(crate) fn remove<E: 'static>(&mut self, key: i64) {
        self.0.remove(&(TypeId::of::<E>(), key));
    }

    /// Returns the row of entity `E` with this key, if the transaction touched it.
    pub(crate) fn get<E: 'static, T: Any + Send + Sync>(&self, key: i64) -> Option<Arc<T>> {
        let row = self.0.get(&(TypeId::of::<E>(), key))?;
        row.clone().downcast().ok()
    }
}
