//! Entities with a GraphQL object, and their rows.

use std::{ops::Deref, sync::Arc};

use async_graphql::InputType;
use sea_orm::{EntityTrait, PrimaryKeyTrait};

use crate::{
    columns::{ColumnSet, FieldColumns},
    fields::ObjectFields,
    filter::Filter,
    sort_key::SortKey,
    sql::Row,
};

/// GraphQL object of an entity: its public id, default order and filter. Decodes the entity's rows. Derived
/// with [`Node`](derive@crate::Node).
///
/// The primary key is one 64-bit column: a composite key does not compile.
pub trait Node:
    ObjectFields
    + FieldColumns
    + From<Record<Self>>
    + Row<Value = <<Self as Node>::Entity as EntityTrait>::Model>
{
    /// The entity.
    type Entity: EntityTrait<Model: Sync, PrimaryKey: PrimaryKeyTrait<ValueType = i64>>;
    /// Name in messages, as in `employee`.
    const NAME: &'static str;
    /// Description of its connection type.
    const CONNECTION: &'static str;
    /// Description of its edge type.
    const EDGE: &'static str;
    /// Prefix of its public ids.
    const PREFIX: &'static str;
    /// Order of its lists below a parent, before the primary key.
    const ORDER: &'static [SortKey<Self::Entity>];
    /// Filter of its lists.
    type Filter: Filter<Entity = Self::Entity>;
    /// Sort key of its lists.
    type Order: InputType + Into<SortKey<Self::Entity>>;
    /// Decoder of the rows of a list: the entity's row, with the rows that it refers to.
    type ListRow: Row;
    /// Referenced rows of a list, in the order of the list.
    type Preloaded: Default + Send + Sync;
    /// Primary key of a row.
    fn key(model: &Model<Self>) -> i64;
    /// Splits the rows of a list into its own rows and the referenced ones in `columns`.
    fn batch(rows: Vec<<Self::ListRow as Row>::Value>, columns: ColumnSet) -> RecordBatch<Self>;
}

/// Row of a node's entity.
pub type Model<N> = <<N as Node>::Entity as EntityTrait>::Model;

/// Rows that one statement loaded together.
pub struct RecordBatch<N: Node> {
    models: Vec<Model<N>>,
    preloaded: N::Preloaded,
}

impl<N: Node> RecordBatch<N> {
    /// Creates a batch with referenced rows.
    pub fn new(models: Vec<Model<N>>, preloaded: N::Preloaded) -> Self {
        Self { models, preloaded }
    }
}

impl<N: Node> From<Vec<Model<N>>> for RecordBatch<N> {
    fn from(models: Vec<Model<N>>) -> Self {
        Self::new(models, N::Preloaded::default())
    }
}

impl<N: Node> Deref for RecordBatch<N> {
    type Target = [Model<N>];

    fn deref(&self) -> &[Model<N>] {
        &self.models
    }
}

/// Row of an entity within its [`RecordBatch`]. Cheap to clone; the row itself is never copied.
pub struct Record<N: Node> {
    rows: Arc<RecordBatch<N>>,
    index: usize,
}

impl<N: Node> Record<N> {
    /// The row with this index.
    pub fn new(rows: Arc<RecordBatch<N>>, index: usize) -> Self {
        Self { rows, index }
    }

    /// A row that was loaded alone.
    pub fn single(model: Model<N>) -> Self {
        Self::new(Arc::new(vec![model].into()), 0)
    }

    /// Objects of all rows of a batch.
    pub fn objects<T: From<Self>>(rows: &Arc<RecordBatch<N>>) -> Vec<T> {
        let record = |index| Self::new(rows.clone(), index).into();
        (0..rows.len()).map(record).collect()
    }

    /// Referenced row that was loaded with the list, if the list has such rows.
    pub fn preloaded<B: Node>(
        &self,
        rows: fn(&N::Preloaded) -> &Option<Arc<RecordBatch<B>>>,
    ) -> Option<Record<B>> {
        let rows = rows(&self.rows.preloaded).clone()?;
        Some(Record::new(rows, self.index))
    }

    /// Primary key of the row.
    pub fn key(&self) -> i64 {
        N::key(self)
    }
}

impl<N: Node> Clone for Record<N> {
    fn clone(&self) -> Self {
        Self {
            rows: self.rows.clone(),
            index: self.index,
        }
    }
}

impl<N: Node> Deref for Record<N> {
    type Target = Model<N>;

    fn deref(&self) -> &Model<N> {
        &self.rows[self.index]
    }
}
