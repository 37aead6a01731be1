//! Columns of an entity that a selection reads, so that a statement brings no others.
//!
//! A field reads the columns that it declares ([`FieldColumns`](crate::columns::FieldColumns)), a field of a
//! [`Reference`] reads columns of the referenced row, and a connection reads the key. Any other field reads
//! the whole row. `tests/shortcuts.rs` selects each field alone and compares.

use async_graphql::{Context, SelectionField, registry::Registry};
use sea_orm::{EntityName, IdenStatic};

use crate::{
    columns::{ColumnSet, Columns, Reads, Reference, key, primary_key},
    node::Node,
    operation::operation,
};

impl Reference {
    /// Reference from this field and column to `N`.
    pub const fn to<N: Node>(field: &'static str, column: &'static str) -> Self {
        Self {
            field,
            column,
            table: || {
                (
                    N::Entity::default().table_name(),
                    primary_key::<N::Entity>().as_str(),
                )
            },
            columns: N::COLUMNS,
            selected: of_object::<N>,
        }
    }
}

/// Columns of the row that the field returns, with its key.
pub(crate) fn of_field<N: Node>(ctx: &Context<'_>) -> ColumnSet {
    let columns = of_object::<N>(&ctx.schema_env.registry, &ctx.field());
    // A single row comes without its references, which are loaded by their keys.
    let keys = columns.keys_of_references::<N::ListRow>();
    let keys = keys.filter_map(ColumnSet::named::<N>);
    let own = columns.only_own::<N>();
    whole_unless_pruned::<N>(ctx, keys.fold(own.or(key::<N::Entity, N>()), ColumnSet::or))
}

/// Returns the columns, or all columns of the rows that have any if the shortcut is off.
fn whole_unless_pruned<N: Node>(ctx: &Context<'_>, columns: ColumnSet) -> ColumnSet {
    if operation(ctx).shortcuts.columns {
        return columns;
    }
    let mut first = N::COLUMNS.len();
    let referred = columns.referred::<N::ListRow>();
    let position = columns.only_position();
    referred.fold(
        ColumnSet::own::<N>().or(position),
        |whole, (reference, columns)| {
            let all = ColumnSet::first(reference.columns.len()).behind(first);
            first += reference.columns.len();
            if columns.is_empty() {
                whole
            } else {
                whole.or(all)
            }
        },
    )
}

/// Columns of the rows of the connection that the field returns, which is sorted by `sorted`.
pub(crate) fn of_connection<N: Node>(ctx: &Context<'_>, sorted: ColumnSet) -> ColumnSet {
    let registry = &ctx.schema_env.registry;
    let of_cursor = || sorted.or(key::<N::Entity, N>()).or(ColumnSet::POSITION);
    let of = |field: SelectionField<'_>| match field.name() {
        "nodes" => of_object::<N>(registry, &field),
        // Other fields of an edge load by the key.
        "edges" => field
            .selection_set()
            .map(|field| match field.name() {
                "node" => of_object::<N>(registry, &field),
                "cursor" => of_cursor(),
                _ => ColumnSet::NONE,
            })
            .fold(key::<N::Entity, N>(), ColumnSet::or),
        "pageInfo" => of_cursor(),
        "totalCount" | TYPENAME => ColumnSet::NONE,
        _ => ColumnSet::own::<N>(),
    };
    let connection = ctx.field();
    let columns = connection.selection_set().map(of);
    let columns = match columns.fold(ColumnSet::NONE, ColumnSet::or) {
        // The rows are counted.
        ColumnSet::NONE => key::<N::Entity, N>(),
        columns => columns,
    };
    whole_unless_pruned::<N>(ctx, columns)
}

const TYPENAME: &str = "__typename";

/// Columns that a selection on objects reads.
fn of_object<N: Node>(registry: &Registry, objects: &SelectionField<'_>) -> ColumnSet {
    let fields = objects.selection_set();
    let columns = fields.map(|field| read_by::<N>(registry, &field));
    columns.fold(ColumnSet::NONE, ColumnSet::or)
}

fn read_by<N: Node>(registry: &Registry, field: &SelectionField<'_>) -> ColumnSet {
    let name = field.name();
    if name == TYPENAME {
        return ColumnSet::NONE;
    }
    let mut first = N::COLUMNS.len();
    for reference in N::ListRow::REFERENCES {
        if reference.field == name {
            let columns = (reference.selected)(registry, field);
            if columns.is_empty() {
                return ColumnSet::named::<N>(reference.column).unwrap_or_else(ColumnSet::own::<N>);
            }
            return columns.behind(first);
        }
        first += reference.columns.len();
    }
    match N::READS.iter().find(|(field, _)| *field == name) {
        Some((_, Reads::Columns(columns))) => *columns,
        Some((_, Reads::Key)) => key::<N::Entity, N>(),
        None => ColumnSet::own::<N>(),
    }
}
