//! Sets of columns, and foreign keys whose rows are joined.

use std::sync::atomic::{AtomicU64, Ordering};

use async_graphql::{SelectionField, registry::Registry};
use sea_orm::{EntityTrait, IdenStatic, Iterable, PrimaryKeyToColumn};

/// Columns of a row, by the position in which they are decoded.
pub trait Columns {
    /// Names of the columns. At most 63 with those of the references.
    const COLUMNS: &'static [&'static str];
    /// Foreign keys whose rows are joined; their columns come behind the row's own.
    const REFERENCES: &'static [Reference] = &[];
    /// Number of columns, with those of the references.
    const WIDTH: usize = width(Self::COLUMNS, Self::REFERENCES);
}

/// Set of [`Columns`] by number: the row's own first, then those of its references.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ColumnSet(u64);

impl ColumnSet {
    /// No columns.
    pub const NONE: Self = Self(0);
    /// Position of the row in its list, for cursors. Not a column of a row.
    pub(crate) const POSITION: Self = Self(1 << MAX_WIDTH);

    /// True if the position of each row is requested.
    pub fn has_position(self) -> bool {
        self.0 & Self::POSITION.0 != 0
    }

    /// All columns of the row itself.
    pub fn own<R: Columns>() -> Self {
        const {
            assert!(
                R::WIDTH <= MAX_WIDTH,
                "a row has at most 63 columns, with those of its references"
            );
        }
        Self((1 << R::COLUMNS.len()) - 1)
    }

    /// True if the column with this number is in the set.
    pub fn has(self, number: usize) -> bool {
        self.0 >> number & 1 == 1
    }

    /// Names of the columns in the set.
    pub fn of(self, names: &'static [&'static str]) -> impl Iterator<Item = &'static str> {
        let numbered = names.iter().enumerate();
        numbered
            .filter(move |(number, _)| self.has(*number))
            .map(|(_, name)| *name)
    }

    /// Columns of the row's own table that a SELECT needs: its own, and the foreign keys of the
    /// references.
    pub fn of_table<R: Columns>(self) -> impl Iterator<Item = &'static str> {
        let keys = self.keys_of_references::<R>();
        let keys = keys.filter(move |key| self.of(R::COLUMNS).all(|own| own != *key));
        self.of(R::COLUMNS).chain(keys)
    }

    /// Foreign keys of the references of which columns are in the set.
    pub(crate) fn keys_of_references<R: Columns>(self) -> impl Iterator<Item = &'static str> {
        let referred = self.referred::<R>();
        referred
            .filter(|(_, columns)| !columns.is_empty())
            .map(|(reference, _)| reference.column)
    }

    /// The references of the row, each with the columns of its table that are in the set.
    pub fn referred<R: Columns>(self) -> impl Iterator<Item = (&'static Reference, Self)> {
        let mut rest = self.0 >> R::COLUMNS.len();
        R::REFERENCES.iter().map(move |reference| {
            let columns = Self(rest & Self::first(reference.columns.len()).0);
            rest >>= reference.columns.len();
            (reference, columns)
        })
    }

    /// True if the set has no columns.
    pub fn is_empty(self) -> bool {
        self == Self::NONE
    }

    /// Text that identifies the set, for names of cached statements.
    pub fn signature(self) -> String {
        self.0.to_string()
    }

    /// The columns of the row itself that are in the set.
    pub(crate) fn only_own<R: Columns>(self) -> Self {
        Self(self.0 & Self::own::<R>().0)
    }

    /// The position, if it is in the set.
    pub(crate) fn only_position(self) -> Self {
        Self(self.0 & Self::POSITION.0)
    }

    /// Moves the columns behind the first `columns` ones.
    pub(crate) fn behind(self, columns: usize) -> Self {
        Self(self.0 << columns)
    }

    /// The first `columns` columns.
    pub(crate) fn first(columns: usize) -> Self {
        Self((1 << columns) - 1)
    }

    /// Returns the column with this name. A constant with a name that is no column of the row does not
    /// compile:
    ///
    /// ```compile_fail
    /// use sea_level::{ColumnSet, Columns};
    /// struct Pair;
    /// impl Columns for Pair {
    ///     const COLUMNS: &'static [&'static str] = &["one", "other"];
    /// }
    /// const MISSING: ColumnSet = ColumnSet::with_name::<Pair>("third");
    /// # let _ = MISSING;
    /// ```
    pub const fn with_name<R: Columns>(name: &str) -> Self {
        Self(1 << position(R::COLUMNS, name))
    }

    pub(crate) fn named<R: Columns>(name: &str) -> Option<Self> {
        let number = R::COLUMNS.iter().position(|column| *column == name)?;
        Some(Self(1 << number))
    }

    /// Union of two sets.
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Columns per row at most, with those of its references.
const MAX_WIDTH: usize = 63;

/// Columns that the loads which share a statement request together.
#[derive(Debug)]
pub(crate) struct RequestedColumns(AtomicU64);

impl RequestedColumns {
    /// Creates the columns of the first load.
    pub(crate) fn new(columns: ColumnSet) -> Self {
        Self(AtomicU64::new(columns.0))
    }

    /// Adds the columns of another load.
    pub(crate) fn join(&self, other: &Self) {
        self.0.fetch_or(other.get().0, Ordering::Relaxed);
    }

    /// Returns the columns of all loads so far.
    pub(crate) fn get(&self) -> ColumnSet {
        ColumnSet(self.0.load(Ordering::Relaxed))
    }
}

/// Foreign key of a row whose referenced row is joined on request.
#[derive(Debug)]
pub struct Reference {
    /// Field of the object, and alias in the statement.
    pub field: &'static str,
    /// Column with the foreign key.
    pub column: &'static str,
    /// Referenced table, and its primary key.
    pub table: fn() -> (&'static str, &'static str),
    /// Columns of the referenced table.
    pub columns: &'static [&'static str],
    /// Computes the columns that a selection on the referenced object reads.
    pub(crate) selected: fn(&Registry, &SelectionField<'_>) -> ColumnSet,
}

impl Reference {
    /// True if these columns are the key alone, which the referring row has.
    pub fn is_key_only(&self, columns: ColumnSet) -> bool {
        let (_, key) = (self.table)();
        columns.of(self.columns).all(|column| column == key)
    }
}

/// Columns that a field of an object reads.
#[derive(Clone, Copy, Debug)]
pub enum Reads {
    /// These.
    Columns(ColumnSet),
    /// The primary key: the field is a connection.
    Key,
}

/// Columns that the fields of an object read. Implemented by the attribute [`object`](macro@crate::object).
pub trait FieldColumns {
    /// Fields by name. Any other field reads the whole row.
    const READS: &'static [(&'static str, Reads)];
}

const fn position(columns: &[&str], name: &str) -> usize {
    let mut index = 0;
    while index < columns.len() {
        if is_same(columns[index].as_bytes(), name.as_bytes()) {
            return index;
        }
        index += 1;
    }
    panic!("the row has no column of this name")
}

/// Equality of texts, for constants.
const fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mut index = 0;
    while index < one.len() && index < other.len() && one[index] == other[index] {
        index += 1;
    }
    index == one.len() && index == other.len()
}

const fn width(columns: &[&str], references: &[Reference]) -> usize {
    let mut width = columns.len();
    let mut index = 0;
    while index < references.len() {
        width += references[index].columns.len();
        index += 1;
    }
    width
}

/// Returns the column of the primary key. Composite keys do not implement
/// [`Node`](crate::node::Node).
pub(crate) fn primary_key<E: EntityTrait>() -> E::Column {
    let mut keys = E::PrimaryKey::iter();
    let key = keys.next().expect("an entity of SeaORM has a primary key");
    assert!(
        keys.next().is_none(),
        "composite primary keys are not supported"
    );
    key.into_column()
}

/// The primary key of an entity whose rows `R` decodes.
pub(crate) fn key<E: EntityTrait, R: Columns>() -> ColumnSet {
    debug_assert_eq!(
        R::COLUMNS.first().copied(),
        Some(primary_key::<E>().as_str()),
        "the primary key is the first of the columns"
    );
    of_column::<E, R>(primary_key::<E>())
}

/// One column of an entity whose rows `R` decodes.
pub(crate) fn of_column<E: EntityTrait, R: Columns>(column: E::Column) -> ColumnSet {
    ColumnSet::named::<R>(column.as_str()).unwrap_or_else(ColumnSet::own::<R>)
}
