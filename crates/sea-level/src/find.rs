//! Loads of single rows by primary key or public id.

use std::{marker::PhantomData, sync::Arc};

use async_graphql::Context;
use futures_util::future::try_join_all;
use sea_orm::sea_query::SelectStatement;

use crate::{
    budget::charge_rows,
    coalescer::Coalescers,
    columns::RequestedColumns,
    error::Result,
    key::Key,
    loader::Loader,
    node::{Node, Record, RecordBatch},
    objects::{ListOutput, ObjectOutput},
    operation::operation,
    scalar::key_of,
    selection,
    sql::{Reader, rows_by_key, select_per_key},
};

/// Loads the row with this primary key, with the columns that the field reads.
pub async fn find<N: Node>(ctx: &Context<'_>, key: i64) -> Result<Option<Record<N>>> {
    let operation = operation(ctx);
    if let Some(row) = operation.written::<N, RecordBatch<N>>(key).await? {
        return Ok(Some(Record::new(row, 0)));
    }
    let loader = operation.shared_or(ctx, || ByKey::<N> {
        requested: RequestedColumns::new(selection::of_field::<N>(ctx)),
        coalescers: operation
            .shortcuts
            .together
            .then(|| operation.coalescers.clone()),
        node: PhantomData,
    });
    let found = operation.load(&loader, key).await?;
    Ok(found.as_ref().clone())
}

/// Loads the object with this primary key; null if there is none.
pub async fn find_object<N: Node>(
    ctx: &Context<'_>,
    key: Option<i64>,
) -> Option<Result<ObjectOutput<N>>> {
    let found = find::<N>(ctx, key?).await.transpose()?;
    Some(found.map(|found| ObjectOutput(found.into())))
}

/// Loads the object with this public id; null if there is none.
pub async fn find_by_id<N: Node>(ctx: &Context<'_>, id: &str) -> Option<Result<ObjectOutput<N>>> {
    find_object::<N>(ctx, key_of(N::PREFIX, id)).await
}

/// Loads the objects with these primary keys that exist, in this order.
pub async fn find_objects<N: Node>(ctx: &Context<'_>, keys: &[i64]) -> Result<ListOutput<N>> {
    let found = keys.iter().map(|key| find::<N>(ctx, *key));
    let found = try_join_all(found).await?;
    Ok(ListOutput(
        found.into_iter().flatten().map(Into::into).collect(),
    ))
}

/// Returns the object that a foreign key of the record refers to: from `rows`, if the list has loaded
/// them, or else by its key.
pub async fn referenced<N: Node, R: Node>(
    ctx: &Context<'_>,
    record: &Record<N>,
    rows: fn(&N::Preloaded) -> &Option<Arc<RecordBatch<R>>>,
    key: i64,
) -> Result<ObjectOutput<R>> {
    let found = match record.preloaded(rows) {
        Some(found) => found,
        None => find::<R>(ctx, key)
            .await?
            .ok_or_else(|| operation(ctx).vanished())?,
    };
    Ok(ObjectOutput(found.into()))
}

/// Loads the rows of a SELECT of all columns of `N` for each key.
pub async fn records_per_key<K: Key, N: Node>(
    db: &Reader,
    select: &SelectStatement,
    keys: &[K],
) -> Result<Vec<RecordBatch<N>>> {
    let found = select_per_key::<K, N>(db, select, keys).await?;
    Ok(found.into_iter().map(RecordBatch::from).collect())
}

struct ByKey<N> {
    requested: RequestedColumns,
    /// Set if the load may share a statement with other operations.
    coalescers: Option<Coalescers>,
    node: PhantomData<fn() -> N>,
}

impl<N> PartialEq for ByKey<N> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<N: Node> Loader for Arc<ByKey<N>> {
    type Key = i64;
    type Value = Option<Record<N>>;

    fn join(&self, other: &Self) {
        self.requested.join(&other.requested);
    }

    async fn load(&self, db: &Reader, keys: &[i64]) -> Result<Vec<Option<Record<N>>>> {
        let columns = self.requested.get();
        if let ([key], Some(coalescers)) = (keys, &self.coalescers) {
            let reader = db.clone();
            let load = move |keys: Vec<i64>, log| {
                let reader = reader.with_log(log);
                async move {
                    let rows = rows_by_key::<N::Entity, N>(&reader, &keys, columns).await?;
                    Ok(Arc::new(RecordBatch::<N>::from(rows)))
                }
            };
            let coalescer = coalescers.of(columns);
            let rows = coalescer.load(*key, db.log().cloned(), load).await?;
            let index = rows.iter().position(|row| N::key(row) == *key);
            charge_rows(usize::from(index.is_some()))?;
            return Ok(vec![index.map(|index| Record::new(rows, index))]);
        }
        let rows: RecordBatch<N> = rows_by_key::<N::Entity, N>(db, keys, columns).await?.into();
        let rows = Arc::new(rows);
        let indexes: foldhash::HashMap<i64, usize> = rows.iter().map(N::key).zip(0..).collect();
        let found = |key| Some(Record::new(rows.clone(), *indexes.get(key)?));
        Ok(keys.iter().map(found).collect())
    }
}
