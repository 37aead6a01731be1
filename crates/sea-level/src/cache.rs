//! Cache by text, bounded by bytes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Bytes of an entry beside its text and its value.
const ENTRY: usize = 128;

/// Cache of values by text, within a number of bytes that includes the texts.
///
/// There are two generations. When the younger one has half of the bytes it becomes the older one, and
/// entries that were not used since are evicted.
pub struct Cache<V> {
    younger: HashMap<Arc<str>, (V, usize)>,
    older: HashMap<Arc<str>, (V, usize)>,
    /// Bytes in the younger generation.
    bytes: usize,
    most: usize,
}

/// Entries that a [`Cache`] no longer has.
pub type Evicted<V> = HashMap<Arc<str>, (V, usize)>;

impl<V: Clone> Cache<V> {
    /// Creates a cache of this many bytes; 0 keeps nothing.
    pub fn new(most: usize) -> Self {
        Self {
            younger: HashMap::new(),
            older: HashMap::new(),
            bytes: 0,
            most,
        }
    }

    /// Returns the value of a text, if it is cached.
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

/// A cache that all clones share.
#[derive(Clone)]
pub struct SharedCache<V>(Arc<Mutex<Cache<V>>>);

impl<V: Clone> SharedCache<V> {
    /// Creates a cache of this many bytes.
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Mutex::new(Cache::new(most))))
    }

    /// Returns the value of a text, made if it is not cached. The lock is not held while it is made.
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
        let mut kept = Cache::new(each * 10);
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
