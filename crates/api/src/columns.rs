//! Which columns of an entity a selection reads, so that no others are brought from the database.
//!
//! The names of the fields decide: a field reads the column of its own name, `employee` brings
//! columns of the row that `employee_id` refers to, and a connection reads the key. Any other field
//! may read everything. `tests/shortcuts.rs` selects every field alone and compares.

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

/// Some of the columns of a [`Row`], by their number: first its own, then those of its references.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ColumnSet(u32);

impl ColumnSet {
    const NONE: Self = Self(0);
    /// The position of the row in its list, which a cursor is made of: no column of a [`Row`].
    const POSITION: Self = Self(1 << 31);

    /// Whether the selection needs the position of each row.
    pub fn has_position(self) -> bool {
        self.0 & Self::POSITION.0 != 0
    }

    /// Every column that the row has itself.
    pub fn own<R: Row>() -> Self {
        Self((1 << R::COLUMNS.len()) - 1)
    }

    /// Whether the column with this number is among them.
    pub fn has(self, number: usize) -> bool {
        self.0 >> number & 1 == 1
    }

    /// Those of the names that are among them.
    pub fn of(self, names: &'static [&'static str]) -> impl Iterator<Item = &'static str> {
        let numbered = names.iter().enumerate();
        numbered
            .filter(move |(number, _)| self.has(*number))
            .map(|(_, name)| *name)
    }

    /// The columns of the row's own table that a SELECT needs for these: its own, and the keys by
    /// which the references are joined.
    pub fn of_table<R: Row>(self) -> impl Iterator<Item = &'static str> {
        let keys = self.keys_of_references::<R>();
        let keys = keys.filter(move |key| self.of(R::COLUMNS).all(|own| own != *key));
        self.of(R::COLUMNS).chain(keys)
    }

    /// The columns that hold the keys of the references that are among them.
    fn keys_of_references<R: Row>(self) -> impl Iterator<Item = &'static str> {
        let referred = self.referred::<R>();
        referred
            .filter(|(_, columns)| !columns.is_empty())
            .map(|(reference, _)| reference.column)
    }

    /// Each of the row's references, and which columns of what it leads to are among them.
    pub fn referred<R: Row>(self) -> impl Iterator<Item = (&'static Reference, Self)> {
        let mut rest = self.0 >> R::COLUMNS.len();
        R::REFERENCES.iter().map(move |reference| {
            let columns = Self(rest & ((1 << reference.columns.len()) - 1));
            rest >>= reference.columns.len();
            (reference, columns)
        })
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self == Self::NONE
    }

    /// Tells it from others.
    pub fn signature(self) -> String {
        self.0.to_string()
    }

    fn named<R: Row>(name: &str) -> Option<Self> {
        let number = R::COLUMNS.iter().position(|column| *column == name)?;
        Some(Self(1 << number))
    }

    /// These and those.
    pub fn or(self, other: Self) -> Self {
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
    let columns = of_object::<E>(&ctx.schema_env.registry, &ctx.field());
    // A row by itself comes without the rows that it refers to, which are looked up by their keys.
    let keys = columns.keys_of_references::<E::Listed>();
    let keys = keys.filter_map(ColumnSet::named::<E::Model>);
    let ColumnSet(own) = ColumnSet::own::<E::Model>();
    let own = ColumnSet(columns.0 & own);
    whole_unless_pruned::<E>(ctx, keys.fold(own.or(key::<E>()), ColumnSet::or))
}

/// The columns, or, without this shortcut, all columns of the rows that have any.
fn whole_unless_pruned<E: Record>(ctx: &Context<'_>, columns: ColumnSet) -> ColumnSet {
    if batch(ctx).shortcuts.columns {
        return columns;
    }
    let mut first = E::Model::COLUMNS.len();
    let referred = columns.referred::<E::Listed>();
    let position = ColumnSet(columns.0 & ColumnSet::POSITION.0);
    referred.fold(
        ColumnSet::own::<E::Model>().or(position),
        |whole, (reference, columns)| {
            let all = ((1 << reference.columns.len()) - 1) << first;
            first += reference.columns.len();
            if columns.is_empty() {
                whole
            } else {
                whole.or(ColumnSet(all))
            }
        },
    )
}

/// The columns of the rows of the connection that the field gives.
pub fn of_connection<E: Record>(ctx: &Context<'_>, order: &Order<E>) -> ColumnSet {
    let registry = &ctx.schema_env.registry;
    let of_cursor = || {
        let of_order = order.columns();
        of_order.fold(key::<E>().or(ColumnSet::POSITION), ColumnSet::or)
    };
    let of = |field: SelectionField<'_>| match field.name() {
        "nodes" => of_object::<E>(registry, &field),
        // What an edge has of its own is looked up by the key.
        "edges" => field
            .selection_set()
            .map(|field| match field.name() {
                "node" => of_object::<E>(registry, &field),
                "cursor" => of_cursor(),
                _ => ColumnSet::NONE,
            })
            .fold(key::<E>(), ColumnSet::or),
        "pageInfo" => of_cursor(),
        "totalCount" | TYPENAME => ColumnSet::NONE,
        _ => ColumnSet::own::<E::Model>(),
    };
    let connection = ctx.field();
    let columns = connection.selection_set().map(of);
    let columns = match columns.fold(ColumnSet::NONE, ColumnSet::or) {
        // They are counted.
        ColumnSet::NONE => key::<E>(),
        columns => columns,
    };
    whole_unless_pruned::<E>(ctx, columns)
}

const TYPENAME: &str = "__typename";

/// The key of the entity.
pub fn key<E: Record>() -> ColumnSet {
    of_column::<E>(E::ID)
}

/// This column of the entity.
pub fn of_column<E: Record>(column: E::Column) -> ColumnSet {
    ColumnSet::named::<E::Model>(column.as_str()).unwrap_or_else(ColumnSet::own::<E::Model>)
}

/// What the fields selected of the objects read.
fn of_object<E: Record>(registry: &Registry, objects: &SelectionField<'_>) -> ColumnSet {
    let fields = objects.selection_set();
    let columns = fields.map(|field| read_by::<E>(registry, &field));
    columns.fold(ColumnSet::NONE, ColumnSet::or)
}

fn read_by<E: Record>(registry: &Registry, field: &SelectionField<'_>) -> ColumnSet {
    let name = field.name();
    if name == TYPENAME {
        return ColumnSet::NONE;
    }
    let mut column = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            column.push('_');
        }
        column.push(letter.to_ascii_lowercase());
    }
    let named = |name: &str| ColumnSet::named::<E::Model>(name);
    let reference = || {
        let mut first = E::Model::COLUMNS.len();
        for reference in E::Listed::REFERENCES {
            if reference.field == name {
                let ColumnSet(columns) = (reference.read_by)(registry, field);
                if columns == 0 {
                    return named(reference.column);
                }
                return Some(ColumnSet(columns << first));
            }
            first += reference.columns.len();
        }
        None
    };
    named(&column)
        .or_else(reference)
        .or_else(|| is_connection::<E>(registry, name).then(key::<E>))
        .unwrap_or_else(ColumnSet::own::<E::Model>)
}

/// A column of a row that holds the key of another row, which is brought beside it when it is asked
/// for.
#[derive(Debug)]
pub struct Reference {
    /// The field of the API that gives it, which is also what the statement calls it.
    pub field: &'static str,
    /// The column.
    pub column: &'static str,
    /// The table that it leads to, and its key.
    pub table: fn() -> (&'static str, &'static str),
    /// The columns of that table.
    pub columns: &'static [&'static str],
    read_by: fn(&Registry, &SelectionField<'_>) -> ColumnSet,
}

impl Reference {
    /// From this field and this column to `E`.
    pub const fn to<E: Record>(field: &'static str, column: &'static str) -> Self {
        Self {
            field,
            column,
            table: || (E::default().table_name(), E::ID.as_str()),
            columns: E::Model::COLUMNS,
            read_by: of_object::<E>,
        }
    }

    /// Whether these columns are the key alone, which the row that refers has itself.
    pub fn is_key_only(&self, columns: ColumnSet) -> bool {
        let (_, key) = (self.table)();
        columns.of(self.columns).all(|column| column == key)
    }
}

/// The Relay specification reserves the ending.
fn is_connection<E: Record>(registry: &Registry, field: &str) -> bool {
    let object = registry.types.get(&*E::Object::type_name());
    object
        .and_then(|object| object.field_by_name(field))
        .is_some_and(|field| MetaTypeName::concrete_typename(&field.ty).ends_with("Connection"))
}
