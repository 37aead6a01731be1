//! Which columns of an entity a selection reads, so that no others are brought from the database.
//!
//! It is told by the names of the fields, so that no field is said twice: a field reads the column of
//! its own name, `employee` reads `employee_id`, a connection reads the key. Any other field may read
//! everything. `tests/shortcuts.rs` asks for every field alone and compares.

use std::sync::atomic::{AtomicU32, Ordering};

use async_graphql::{
    Context, OutputType, SelectionField,
    registry::{MetaTypeName, Registry},
};
use sea_orm::IdenStatic;

use crate::{
    context::{Record, batch},
    order::Order,
    rows::Row,
};

/// Some of the columns of a [`Row`], by their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnSet(u32);

impl ColumnSet {
    /// Every column.
    pub const ALL: Self = Self(u32::MAX);
    const NONE: Self = Self(0);

    /// Whether the column with this number is among them.
    pub fn has(self, number: usize) -> bool {
        self.0 >> number & 1 == 1
    }

    /// The names of those that the row has.
    pub fn names<R: Row>(self) -> impl Iterator<Item = &'static str> {
        let numbered = R::COLUMNS.iter().enumerate();
        numbered
            .filter(move |(number, _)| self.has(*number))
            .map(|(_, name)| *name)
    }

    /// Tells it from others.
    pub fn signature(self) -> String {
        self.0.to_string()
    }

    fn named<R: Row>(name: &str) -> Option<Self> {
        let number = R::COLUMNS.iter().position(|column| *column == name)?;
        Some(Self(1 << number))
    }

    fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The columns that are wanted of rows, by all who ask for the same rows.
#[derive(Debug)]
pub struct Wanted(AtomicU32);

impl Wanted {
    /// The first who asks wants these.
    pub fn new(columns: ColumnSet) -> Self {
        Self(AtomicU32::new(columns.0))
    }

    /// Another one asks for the same rows.
    pub fn join(&self, other: &Self) {
        self.0.fetch_or(other.get().0, Ordering::Relaxed);
    }

    /// All that is wanted so far.
    pub fn get(&self) -> ColumnSet {
        ColumnSet(self.0.load(Ordering::Relaxed))
    }
}

/// The columns of entities that the field gives itself, and their key.
pub fn of_field<E: Record>(ctx: &Context<'_>) -> ColumnSet {
    if !batch(ctx).shortcuts.columns {
        return ColumnSet::ALL;
    }
    of_object::<E>(&ctx.schema_env.registry, &ctx.field()).or(key::<E>())
}

/// The columns of the rows of the connection that the field gives.
pub fn of_connection<E: Record>(ctx: &Context<'_>, order: &Order<E>) -> ColumnSet {
    if !batch(ctx).shortcuts.columns {
        return ColumnSet::ALL;
    }
    let registry = &ctx.schema_env.registry;
    let of_cursor = || order.columns().fold(key::<E>(), ColumnSet::or);
    let of = |field: SelectionField<'_>| match field.name() {
        "nodes" => of_object::<E>(registry, &field),
        // What an edge has of its own is looked up by the key.
        "edges" => field
            .selection_set()
            .filter(|field| field.name() == "node")
            .map(|node| of_object::<E>(registry, &node))
            .fold(of_cursor(), ColumnSet::or),
        "pageInfo" => of_cursor(),
        "totalCount" | TYPENAME => ColumnSet::NONE,
        _ => ColumnSet::ALL,
    };
    let connection = ctx.field();
    let columns = connection.selection_set().map(of);
    match columns.fold(ColumnSet::NONE, ColumnSet::or) {
        // They are counted.
        ColumnSet::NONE => key::<E>(),
        columns => columns,
    }
}

const TYPENAME: &str = "__typename";

fn key<E: Record>() -> ColumnSet {
    of_column::<E>(E::ID)
}

/// This column of the entity.
pub fn of_column<E: Record>(column: E::Column) -> ColumnSet {
    ColumnSet::named::<E::Model>(column.as_str()).unwrap_or(ColumnSet::ALL)
}

/// What the fields selected of the objects read.
fn of_object<E: Record>(registry: &Registry, objects: &SelectionField<'_>) -> ColumnSet {
    let fields = objects.selection_set();
    let columns = fields.map(|field| read_by::<E>(registry, field.name()));
    columns.fold(ColumnSet::NONE, ColumnSet::or)
}

fn read_by<E: Record>(registry: &Registry, field: &str) -> ColumnSet {
    if field == TYPENAME {
        return ColumnSet::NONE;
    }
    let mut column = String::with_capacity(field.len() + 4);
    for letter in field.chars() {
        if letter.is_ascii_uppercase() {
            column.push('_');
        }
        column.push(letter.to_ascii_lowercase());
    }
    let named = |name: &str| ColumnSet::named::<E::Model>(name);
    named(&column)
        .or_else(|| named(&format!("{column}_id")))
        .or_else(|| is_connection::<E>(registry, field).then(key::<E>))
        .unwrap_or(ColumnSet::ALL)
}

/// The Relay specification reserves the ending.
fn is_connection<E: Record>(registry: &Registry, field: &str) -> bool {
    let object = registry.types.get(&*E::Object::type_name());
    object
        .and_then(|object| object.field_by_name(field))
        .is_some_and(|field| MetaTypeName::concrete_typename(&field.ty).ends_with("Connection"))
}
