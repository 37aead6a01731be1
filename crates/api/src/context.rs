//! What a resolver can reach, and what every entity of the API has in common.

use std::{marker::PhantomData, ops::Deref, sync::Arc};

use async_graphql::{Context, ObjectType};
use sea_orm::EntityTrait;

use crate::{
    allowance::take_rows,
    batch::{Batch, Question},
    columns::{self, ColumnSet, Wanted},
    error::Result,
    nodes::Object,
    order::SortKey,
    reader::Reader,
    rows::{Row, rows_by_key},
    transaction::Transactions,
    wakeup::CommitSource,
};

/// The connections of the process: readers and writers have pools of their own, so that neither waits
/// for the other.
#[derive(Clone, Debug)]
pub struct Database {
    /// For everything that only reads.
    pub reader: Reader,
    /// For transactions that write.
    pub transactions: Transactions,
    /// Commits of other processes.
    pub commits: CommitSource,
}

/// An entity with a public id, a GraphQL object and a default order.
pub trait Record: EntityTrait<Model: Row> {
    /// What its public ids begin with.
    const PREFIX: &'static str;
    /// The column of the key.
    const ID: Self::Column;
    /// The order of its lists below a parent.
    const ORDER: &'static [SortKey<Self>];
    /// How the API shows it.
    type Object: ObjectType + From<Found<Self>>;
    /// A row of its lists: the row, and what is brought beside it.
    type Listed: Row;
    /// What is brought beside the rows of a list, in their order.
    type Beside: Default + Send + Sync;
    /// The key of a row.
    fn key(model: &Self::Model) -> i64;
    /// The rows of a list of which these columns were asked for.
    fn loaded(listed: Vec<Self::Listed>, columns: ColumnSet) -> Loaded<Self>;
}

/// Rows that were found together, and what was brought beside them.
pub struct Loaded<E: Record> {
    models: Vec<E::Model>,
    beside: E::Beside,
}

impl<E: Record> Loaded<E> {
    /// With what is beside them.
    pub fn new(models: Vec<E::Model>, beside: E::Beside) -> Self {
        Self { models, beside }
    }
}

impl<E: Record> From<Vec<E::Model>> for Loaded<E> {
    fn from(models: Vec<E::Model>) -> Self {
        Self::new(models, E::Beside::default())
    }
}

impl<E: Record> Deref for Loaded<E> {
    type Target = [E::Model];

    fn deref(&self) -> &[E::Model] {
        &self.models
    }
}

/// A row that was found, together with those found with it: cheap to clone, never copied.
pub struct Found<E: Record> {
    rows: Arc<Loaded<E>>,
    index: usize,
}

impl<E: Record> Found<E> {
    /// The row with this index.
    pub fn new(rows: Arc<Loaded<E>>, index: usize) -> Self {
        Self { rows, index }
    }

    /// What stands beside it, given the rows that were brought beside all.
    pub fn beside<B: Record>(
        &self,
        rows: fn(&E::Beside) -> &Option<Arc<Loaded<B>>>,
    ) -> Option<Found<B>> {
        let rows = rows(&self.rows.beside).clone()?;
        Some(Found::new(rows, self.index))
    }

    /// The key of the row.
    pub fn key(&self) -> i64 {
        E::key(self)
    }
}

impl<E: Record> Clone for Found<E> {
    fn clone(&self) -> Self {
        Self {
            rows: self.rows.clone(),
            index: self.index,
        }
    }
}

impl<E: Record> Deref for Found<E> {
    type Target = E::Model;

    fn deref(&self) -> &E::Model {
        &self.rows[self.index]
    }
}

/// The lookups of the operation that is running.
pub fn batch<'a>(ctx: &Context<'a>) -> &'a Arc<Batch> {
    ctx.data_unchecked::<Arc<Batch>>()
}

/// The row with this key, if there is one, with the columns that the field reads of it.
pub async fn find<E: Record>(ctx: &Context<'_>, key: i64) -> Result<Option<Found<E>>> {
    let batch = batch(ctx);
    if let Some(row) = batch.known(key).await? {
        return Ok(Some(row));
    }
    let question = batch.shared_or(ctx, || ById::<E> {
        wanted: Wanted::new(columns::of_field::<E>(ctx)),
        together: batch.shortcuts.together,
        entity: PhantomData,
    });
    let found = batch.load(&question, key).await?;
    Ok(found.as_ref().clone())
}

/// The row that a foreign key refers to, as an object.
pub async fn referred<E: Record>(ctx: &Context<'_>, key: i64) -> Result<Object<E::Object>> {
    let found = find::<E>(ctx, key)
        .await?
        .ok_or_else(|| batch(ctx).vanished())?;
    Ok(Object(found.into()))
}

struct ById<E> {
    wanted: Wanted,
    /// Whether the row may be looked up with those of other operations.
    together: bool,
    entity: PhantomData<E>,
}

impl<E> PartialEq for ById<E> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<E: Record> Question for Arc<ById<E>> {
    type Key = i64;
    type Answer = Option<Found<E>>;

    fn join(&self, other: &Self) {
        self.wanted.join(&other.wanted);
    }

    async fn ask(&self, db: &Reader, keys: &[i64]) -> Result<Vec<Option<Found<E>>>> {
        let columns = self.wanted.get();
        if let ([key], true) = (keys, self.together) {
            let reader = db.clone();
            let look_up = move |keys: Vec<i64>| {
                let reader = reader.clone();
                async move {
                    let rows = rows_by_key::<E>(&reader, &keys, columns).await?;
                    Ok(Arc::new(Loaded::<E>::from(rows)))
                }
            };
            let rows = db.together.of(columns).ask(*key, look_up).await?;
            let place = rows.iter().position(|row| E::key(row) == *key);
            take_rows(usize::from(place.is_some()))?;
            return Ok(vec![place.map(|place| Found::new(rows, place))]);
        }
        let rows: Loaded<E> = rows_by_key::<E>(db, keys, columns).await?.into();
        let rows = Arc::new(rows);
        let places: foldhash::HashMap<i64, usize> = rows.iter().map(E::key).zip(0..).collect();
        let found = |key| Some(Found::new(rows.clone(), *places.get(key)?));
        Ok(keys.iter().map(found).collect())
    }
}
