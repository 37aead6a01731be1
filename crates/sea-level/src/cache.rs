//! Cache by text, bounded by bytes.

use std::sync::Arc;

use quick_cache::{DefaultHashBuilder, Lifecycle, OptionsBuilder, Weighter, sync};

/// Bytes of an entry beside its text and its value.
const OVERHEAD: usize = 128;

/// Expected number of entries. The bytes are the limit.
const ENTRIES: usize = 1_000;

/// Cache of values by text, within a number of bytes that includes the texts.
pub struct Cache<V: Clone> {
    entries: sync::Cache<Arc<str>, Entry<V>, ByteWeighter, DefaultHashBuilder, DropLater>,
    most: usize,
}

/// Value with its bytes.
#[derive(Clone)]
struct Entry<V> {
    value: V,
    bytes: usize,
}

#[derive(Clone)]
struct ByteWeighter;

impl<V> Weighter<Arc<str>, Entry<V>> for ByteWeighter {
    fn weight(&self, text: &Arc<str>, entry: &Entry<V>) -> u64 {
        (OVERHEAD + text.len() + entry.bytes) as u64
    }
}

/// Collects all evicted entries, so that none is dropped under the lock of the cache.
#[derive(Clone)]
struct DropLater;

impl<V> Lifecycle<Arc<str>, Entry<V>> for DropLater {
    type RequestState = Vec<Entry<V>>;

    fn on_evict(&self, evicted: &mut Self::RequestState, _: Arc<str>, entry: Entry<V>) {
        evicted.push(entry);
    }
}

impl<V: Clone> Cache<V> {
    /// Creates a cache of this many bytes; 0 keeps nothing.
    pub fn new(most: usize) -> Self {
        // One shard: each has a part of the bytes, and large documents would find no place.
        let options = OptionsBuilder::new()
            .estimated_items_capacity(ENTRIES)
            .weight_capacity(most as u64)
            .shards(1)
            .build()
            .expect("both capacities are given");
        let hasher = DefaultHashBuilder::default();
        Self {
            entries: sync::Cache::with_options(options, ByteWeighter, hasher, DropLater),
            most,
        }
    }

    /// Returns the value of a text, if it is cached.
    pub fn get(&self, text: &str) -> Option<V> {
        self.entries.get(text).map(|entry| entry.value)
    }

    /// Keeps a value of this many bytes, unless the entry is larger than half of the cache.
    pub fn insert(&self, text: &str, value: V, bytes: usize) {
        if OVERHEAD + text.len() + bytes <= self.most / 2 {
            self.entries.insert(text.into(), Entry { value, bytes });
        }
    }

    /// Returns the value of a text, made if it is not cached. Others can use the cache while it is made.
    pub fn get_or_make<E>(
        &self,
        text: &str,
        bytes: impl FnOnce(&V) -> usize,
        make: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, E> {
        if let Some(value) = self.get(text) {
            return Ok(value);
        }
        let value = make()?;
        self.insert(text, value.clone(), bytes(&value));
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_in_use_and_the_newest_stay_within_the_bytes() {
        let each = OVERHEAD + 3 + 10;
        let cache = Cache::new(each * 10);
        for n in 0..1_000 {
            cache.insert(&format!("{n:03}"), n, 10);
            assert_eq!(cache.get(&format!("{n:03}")), Some(n));
            assert!(cache.entries.weight() <= (each * 10) as u64);
            assert_eq!(cache.get("000"), Some(0));
        }
        assert_eq!(cache.get("500"), None);
        cache.insert("large", 0, each * 5);
        assert_eq!(cache.get("large"), None);
    }

    #[test]
    fn a_cache_without_bytes_keeps_nothing() {
        let cache = Cache::new(0);
        cache.insert("a", 1, 0);
        assert_eq!(cache.get("a"), None);
    }
}
