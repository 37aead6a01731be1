//! Which columns of an entity a selection reads, so that no others are brought from the database.
//!
//! It is told by the names of the fields, so that no field is said twice: a field reads the column of
//! its own name, `employee` reads `employee_id`, and brings what it refers to beside the row, a
//! connection reads the key. Any other field may read everything. `tests/shortcuts.rs` asks for every
//! field alone and compares.

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

    /// The columns that the row's table has for these: its own, and its copies of others.
    pub fn of_table<R: Row>(self) -> impl Iterator<Item = &'static str> {
        let referred = self.referred::<R>();
        let copies = referred.filter_map(|(reference, columns)| {
            let (column, copy) = reference.copied?;
            let is_asked = columns.of(reference.columns).any(|asked| asked == column);
            (is_asked && reference.is_at_hand(columns)).then_some(copy)
        });
        self.of(R::COLUMNS).chain(copies)
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

    /// Whether all of these are among them.
    pub fn has_all(self, others: Self) -> bool {
        self.or(others) == self
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
    let ColumnSet(columns) = of_object::<E>(&ctx.schema_env.registry, &ctx.field());
    let ColumnSet(own) = ColumnSet::own::<E::Model>();
    // One that stands alone has nothing beside it.
    whole_unless_pruned::<E>(ctx, ColumnSet(columns & own).or(key::<E>()))
}

/// The columns, or, without this shortcut, all columns of the rows that have any.
fn whole_unless_pruned<E: Record>(ctx: &Context<'_>, columns: ColumnSet) -> ColumnSet {
    if batch(ctx).shortcuts.columns {
        return columns;
    }
    let mut first = E::Model::COLUMNS.len();
    let referred = columns.referred::<E::Listed>();
    referred.fold(
        ColumnSet::own::<E::Model>(),
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
                return Some(named(reference.column)?.or(ColumnSet(columns << first)));
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
    /// One of them, and what its copy in the row's own table is called, which no entity has.
    copied: Option<(&'static str, &'static str)>,
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
            copied: None,
            read_by: of_object::<E>,
        }
    }

    /// The row's own table has a copy of this column, by this name.
    #[must_use]
    pub const fn copied(self, column: &'static str, copy: &'static str) -> Self {
        Self {
            copied: Some((column, copy)),
            ..self
        }
    }

    /// What the row's own table calls the column of the other, if it has it: as the key that refers,
    /// or as a copy.
    pub fn at_hand(&self, column: &str) -> Option<&'static str> {
        let (_, key) = (self.table)();
        if column == key {
            return Some(self.column);
        }
        self.copied
            .filter(|(copied, _)| *copied == column)
            .map(|(_, copy)| copy)
    }

    /// Whether the row's own table has all of these columns, so that nothing need be looked up.
    pub fn is_at_hand(&self, columns: ColumnSet) -> bool {
        let mut columns = columns.of(self.columns);
        columns.all(|column| self.at_hand(column).is_some())
    }
}

/// The Relay specification reserves the ending.
fn is_connection<E: Record>(registry: &Registry, field: &str) -> bool {
    let object = registry.types.get(&*E::Object::type_name());
    object
        .and_then(|object| object.field_by_name(field))
        .is_some_and(|field| MetaTypeName::concrete_typename(&field.ty).ends_with("Connection"))
}
