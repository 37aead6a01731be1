//! Which rows a connection speaks of, whatever the page.

use sea_orm::{
    DbBackend, EntityTrait, Related,
    sea_query::{Condition, DynIden, Expr, Order as Direction, Query, SelectStatement},
};

use crate::{
    assignment::AssignmentFilter,
    columns::ColumnSet,
    context::Record,
    error::Result,
    filter::{Filter, Reading},
    link::Link,
    order::{Order, SortKey},
    reader::Reader,
    rows::{Row, Rows, key_part, rows, rows_per_key},
};

/// The name of a column of a link's table. A function, since names are not constants.
type ColumnName = fn() -> DynIden;

/// Where the rows of a connection come from.
pub struct Source<E: EntityTrait> {
    /// The field, as in `Employee.projects`. Cursors carry it, so it also tells sources apart.
    pub(super) field: &'static str,
    /// The order when none is given; the id comes behind it.
    pub(super) default_order: &'static [SortKey<E>],
    rows: Origin,
    /// The column that the default order sorts by, and its copy in the link's table.
    copied: Option<(E::Column, ColumnName)>,
}

/// Which rows belong to the parent, whose key is [`key_part`].
#[derive(Clone, Copy)]
enum Origin {
    /// All: it is the root.
    All,
    /// What is linked to it.
    Link(fn() -> Link),
    /// Those for which this holds, given what `through` asks of the links.
    Where(fn(through: Condition) -> Condition),
}

impl<E: EntityTrait> Clone for Source<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E: EntityTrait> Copy for Source<E> {}

impl<E: EntityTrait> PartialEq for Source<E> {
    fn eq(&self, other: &Self) -> bool {
        self.field == other.field
    }
}

impl<E: Record> Source<E> {
    /// All rows of the entity, by id, for a field of the root.
    pub const fn all(field: &'static str) -> Self {
        Self {
            field,
            default_order: &[],
            rows: Origin::All,
            copied: None,
        }
    }

    /// The rows of `E` that SeaORM's [`Related`] links to a row of `P`.
    pub const fn linked<P: EntityTrait + Related<E>>(field: &'static str) -> Self {
        Self {
            field,
            default_order: E::ORDER,
            rows: Origin::Link(Link::between::<P, E>),
            copied: None,
        }
    }

    /// The same, where the default order is by this column alone, ascending, and the link's table has
    /// a copy of it and an index of the parent's key, the copy and the other's key: a page is read
    /// from its position.
    #[must_use]
    pub const fn listed_by(mut self, column: E::Column, copy: ColumnName) -> Self {
        self.copied = Some((column, copy));
        self
    }

    /// Rows that belong to a parent in a way of their own, given what `through` asks of the links.
    pub const fn of(
        field: &'static str,
        default_order: &'static [SortKey<E>],
        belong: fn(through: Condition) -> Condition,
    ) -> Self {
        Self {
            field,
            default_order,
            rows: Origin::Where(belong),
            copied: None,
        }
    }
}

/// A list in the order of an index of its links; see [`Source::listed_by`].
///
/// Its cursors carry the copies, which the statements that read them compare with copies again. So
/// a walk over the pages meets every row once, whether its copy is right or stale.
pub(super) struct Listing<E: EntityTrait> {
    link: fn() -> Link,
    column: E::Column,
    copy: ColumnName,
}

impl<E: Record> Listing<E> {
    /// A SELECT of no columns from the rows whose positions are within these bounds, in order.
    pub(super) fn select(&self, within: Condition, backward: bool) -> SelectStatement {
        let direction = if backward {
            Direction::Desc
        } else {
            Direction::Asc
        };
        let copy = (self.copy)();
        (self.link)().select_listed::<E>(key_part(0), self.column, copy, within, direction)
    }

    /// The copy that, before the id, makes the position of a row.
    pub(super) fn position(&self) -> Expr {
        Expr::col(("l", self.column))
    }
}

/// The rows that a connection speaks of, whatever the page.
#[derive(Clone)]
pub struct Scope<F: Filter> {
    pub(super) source: Source<F::Entity>,
    pub(super) filter: Option<Box<F>>,
    pub(super) through: Option<Box<AssignmentFilter>>,
}

// Derived, it would ask the entity to be comparable.
impl<F: Filter> PartialEq for Scope<F> {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && self.filter == other.filter && self.through == other.through
    }
}

impl<F: Filter> Scope<F> {
    /// A SELECT of no columns from the rows.
    pub fn select(&self, backend: DbBackend) -> Result<SelectStatement> {
        let links = self.links(backend)?;
        let mut select = match self.source.rows {
            Origin::All => Query::select().from(F::Entity::default()).take(),
            Origin::Link(link) => link().select_others::<F::Entity>(key_part(0), links, backend),
            Origin::Where(belong) => Query::select()
                .from(F::Entity::default())
                .cond_where(belong(links))
                .take(),
        };
        if let Some(filter) = &self.filter {
            select.cond_where(filter.condition(&mut Reading::new(backend, "where"))?);
        }
        Ok(select)
    }

    /// Returns the listing for this order; `None` where all rows must be read and sorted.
    pub(super) fn listing(&self, order: &Order<F::Entity>) -> Option<Listing<F::Entity>> {
        let (column, copy) = self.source.copied?;
        let Origin::Link(link) = self.source.rows else {
            return None;
        };
        (self.is_whole() && order.0 == self.source.default_order).then_some(Listing {
            link,
            column,
            copy,
        })
    }

    /// What the assignments behind a link must match, as a condition on their table.
    pub fn links(&self, backend: DbBackend) -> Result<Condition> {
        links(self.through.as_deref(), backend)
    }

    /// Whether nothing is left out of what belongs to the parent.
    pub(super) fn is_whole(&self) -> bool {
        self.filter.is_none() && self.through.is_none()
    }

    /// Whether the rows come from there.
    pub fn is_from(&self, source: &Source<F::Entity>) -> bool {
        self.source == *source
    }

    /// What the assignments behind a link must match, as given.
    pub fn through(&self) -> Option<&AssignmentFilter> {
        self.through.as_deref()
    }

    /// Whether it is of the root, where there is but one parent that nobody names.
    fn is_root(&self) -> bool {
        matches!(self.source.rows, Origin::All)
    }

    /// Rows for each parent.
    pub async fn fetch<R: Row>(
        &self,
        db: &Reader,
        select: &SelectStatement,
        keys: &[i64],
    ) -> Result<Vec<Vec<R>>> {
        let rows = self.rows::<R>(db, select, ColumnSet::own::<R>(), 0);
        self.fetch_rows(db, rows, keys).await
    }

    pub(super) fn rows<R: Row>(
        &self,
        db: &Reader,
        select: &SelectStatement,
        columns: ColumnSet,
        extras: usize,
    ) -> Rows {
        if self.is_root() {
            Rows::alone::<R>(db, select, columns, extras)
        } else {
            Rows::per_key::<i64, R>(db, select, columns, extras)
        }
    }

    pub(super) async fn fetch_rows<R>(
        &self,
        db: &Reader,
        query: Rows,
        keys: &[i64],
    ) -> Result<Vec<Vec<R>>>
    where
        R: Row,
    {
        if self.is_root() {
            Ok(vec![rows(db, query).await?])
        } else {
            rows_per_key(db, query, keys).await
        }
    }
}

/// What `through` asks of the assignments behind a link, as a condition on their table.
pub fn links(through: Option<&AssignmentFilter>, backend: DbBackend) -> Result<Condition> {
    through.map_or(Ok(Condition::all()), |filter| {
        filter.condition(&mut Reading::new(backend, "through"))
    })
}
