//! A bounded memory of what has been worked out before, by text.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// What an entry takes beside its text and its value.
const ENTRY: usize = 128;

/// Values by text, as many as fit into a number of bytes, their texts included.
///
/// Two generations: when the younger has grown to half of what may be kept, it becomes the older,
/// and what was not used since is forgotten.
pub struct Kept<V> {
    younger: HashMap<Arc<str>, (V, usize)>,
    older: HashMap<Arc<str>, (V, usize)>,
    /// Bytes in the younger one.
    bytes: usize,
    most: usize,
}

impl<V: Clone> Kept<V> {
    /// Keeps entries of this many bytes together.
    pub fn new(most: usize) -> Self {
        Self {
            younger: HashMap::new(),
            older: HashMap::new(),
            bytes: 0,
            most,
        }
    }

    /// The value of this text, if it is still there.
    pub fn get(&mut self, text: &str) -> Option<V> {
        if let Some((value, _)) = self.younger.get(text) {
            return Some(value.clone());
        }
        let (text, (value, bytes)) = self.older.remove_entry(text)?;
        self.insert(text, value.clone(), bytes);
        Some(value)
    }

    /// Keeps a value of this many bytes, unless the entry is larger than half of everything.
    pub fn keep(&mut self, text: &str, value: V, bytes: usize) {
        let bytes = ENTRY + text.len() + bytes;
        if bytes <= self.most / 2 {
            self.insert(text.into(), value, bytes);
        }
    }

    fn insert(&mut self, text: Arc<str>, value: V, bytes: usize) {
        if self.bytes + bytes > self.most / 2 {
            self.older = std::mem::take(&mut self.younger);
            self.bytes = 0;
        }
        if self.younger.insert(text, (value, bytes)).is_none() {
            self.bytes += bytes;
        }
    }
}

/// The same for all who have a clone.
#[derive(Clone)]
pub struct SharedKept<V>(Arc<Mutex<Kept<V>>>);

impl<V: Clone> SharedKept<V> {
    /// Keeps values of this many bytes together.
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Mutex::new(Kept::new(most))))
    }

    /// The value of this text, made when it is not there; meanwhile nobody waits.
    pub fn get_or_make<E>(
        &self,
        text: &str,
        bytes: impl FnOnce(&V) -> usize,
        make: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, E> {
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept().get(text);
        if let Some(value) = known {
            return Ok(value);
        }
        let value = make()?;
        kept().keep(text, value.clone(), bytes(&value));
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_rest_is_forgotten() {
        let each = ENTRY + 3 + 10;
        let mut kept = Kept::new(each * 10);
        for n in 0..1_000 {
            kept.keep(&format!("{n:03}"), n, 10);
            assert!(kept.younger.len() + kept.older.len() <= 10);
            assert_eq!(kept.get("000"), Some(0));
        }
        assert_eq!(kept.get("999"), Some(999));
        assert_eq!(kept.get("500"), None);
        kept.keep("large", 0, each * 5);
        assert_eq!(kept.get("large"), None);
    }
}
