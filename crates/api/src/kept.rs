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

/// Entries that a [`Kept`] no longer has.
pub type Evicted<V> = HashMap<Arc<str>, (V, usize)>;

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
        let (text, entry) = self.older.remove_entry(text)?;
        let value = entry.0.clone();
        // Nothing is evicted here: both generations together stay within the maximum.
        self.bytes += entry.1;
        self.younger.insert(text, entry);
        Some(value)
    }

    /// Keeps a value of this many bytes, unless the entry is larger than half of everything. Returns
    /// what is evicted, to be dropped after the lock of the cache is released.
    #[must_use]
    pub fn keep(&mut self, text: &str, value: V, bytes: usize) -> Evicted<V> {
        let bytes = ENTRY + text.len() + bytes;
        let mut evicted = Evicted::new();
        if bytes > self.most / 2 {
            return evicted;
        }
        if self.bytes + bytes > self.most / 2 {
            evicted = std::mem::replace(&mut self.older, std::mem::take(&mut self.younger));
            self.bytes = 0;
        }
        if let Some((_, before)) = self.younger.insert(text.into(), (value, bytes)) {
            self.bytes -= before;
        }
        self.bytes += bytes;
        evicted
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
        let _evicted = kept().keep(text, value.clone(), bytes(&value));
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
            let _ = kept.keep(&format!("{n:03}"), n, 10);
            assert!(kept.younger.len() + kept.older.len() <= 10);
            assert_eq!(kept.get("000"), Some(0));
        }
        assert_eq!(kept.get("999"), Some(999));
        assert_eq!(kept.get("500"), None);
        let _ = kept.keep("large", 0, each * 5);
        assert_eq!(kept.get("large"), None);
    }
}
