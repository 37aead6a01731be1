//! Source and scope of a connection: its rows before paging.

use sea_orm::{
    DbBackend, EntityTrait, Related,
    sea_query::{Condition, DynIden, Expr, Order as Direction, Query, SelectStatement},
};

use crate::{
    columns::ColumnSet,
    error::Result,
    filter::{Filter, FilterContext, Through, link_condition},
    key::key_part,
    node::Node,
    order::Order,
    relation::Link,
    sort_key::SortKey,
    sql::{Reader, Row, RowQuery, rows, rows_per_key},
};

/// Name of a column of a link's table. A function, because names are not constants.
type ColumnName = fn() -> DynIden;

/// Column of a node's entity.
type Column<N> = <<N as Node>::Entity as EntityTrait>::Column;

/// Source of the rows of a connection.
pub struct Source<N: Node> {
    /// The field, as in `Employee.projects`. Cursors carry it, and it identifies the source.
    pub(crate) field: &'static str,
    /// Order if none is given, before the primary key.
    pub(crate) default_order: &'static [SortKey<N::Entity>],
    rows: Origin,
    /// Column of the default order, and its copy in the link's table.
    copied: Option<(Column<N>, ColumnName)>,
}

/// Rows that belong to the parent, whose key is [`key_part`].
#[derive(Clone, Copy)]
enum Origin {
    /// All rows: the parent is the root.
    All,
    /// Rows linked to the parent.
    Link(fn() -> Link),
    /// Rows for which the condition holds, given the condition of `through`.
    Where(fn(through: Condition) -> Condition),
}

impl<N: Node> Clone for Source<N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N: Node> Copy for Source<N> {}

impl<N: Node> PartialEq for Source<N> {
    fn eq(&self, other: &Self) -> bool {
        self.field == other.field
    }
}

impl<N: Node> Source<N> {
    /// All rows of the entity by primary key, for a field of the root.
    pub const fn all(field: &'static str) -> Self {
        Self {
            field,
            default_order: &[],
            rows: Origin::All,
            copied: None,
        }
    }

    /// Rows of `N` that SeaORM's [`Related`] links to a row of `P`.
    pub const fn linked<P: EntityTrait + Related<N::Entity>>(field: &'static str) -> Self {
        Self {
            field,
            default_order: N::ORDER,
            rows: Origin::Link(Link::between::<P, N::Entity>),
            copied: None,
        }
    }

    /// Reads pages from their position in an index. The default order must be this column alone,
    /// ascending, and the link's table needs a copy of it and an index of the parent's key, the copy
    /// and the key of `N`.
    #[must_use]
    pub const fn listed_by(mut self, column: Column<N>, copy: ColumnName) -> Self {
        self.copied = Some((column, copy));
        self
    }

    /// RowQuery that belong to a parent in a way of their own, given what `through` asks of the links.
    pub const fn of(
        field: &'static str,
        default_order: &'static [SortKey<N::Entity>],
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

/// List in the order of an index of its links: see [`Source::listed_by`].
///
/// Cursors carry the copies, and statements compare them with copies. A walk over the pages returns
/// each row once, even if its copy is stale.
pub(crate) struct Listing<N: Node> {
    link: fn() -> Link,
    column: Column<N>,
    copy: ColumnName,
}

impl<N: Node> Listing<N> {
    /// Position of a row before its primary key: the copy.
    pub(crate) fn position(&self) -> Expr {
        Expr::col(("l", self.column))
    }
}

/// Rows of a connection before paging: source and filters.
pub struct ConnectionScope<N: Node, T: Through> {
    pub(crate) source: Source<N>,
    pub(crate) filter: Option<Box<N::Filter>>,
    pub(crate) through: Option<Box<T>>,
}

// Derives would ask the entity to be `Clone` and `PartialEq`.
impl<N: Node, T: Through> Clone for ConnectionScope<N, T> {
    fn clone(&self) -> Self {
        Self {
            source: self.source,
            filter: self.filter.clone(),
            through: self.through.clone(),
        }
    }
}

impl<N: Node, T: Through> PartialEq for ConnectionScope<N, T> {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && self.filter == other.filter && self.through == other.through
    }
}

impl<N: Node, T: Through> ConnectionScope<N, T> {
    /// SELECT without columns of the rows.
    pub fn select(&self, backend: DbBackend) -> Result<SelectStatement> {
        let links = self.links(backend)?;
        let select = match self.source.rows {
            Origin::All => Query::select().from(N::Entity::default()).take(),
            Origin::Link(link) => link().select_others::<N::Entity>(key_part(0), links, backend),
            Origin::Where(belong) => Query::select()
                .from(N::Entity::default())
                .cond_where(belong(links))
                .take(),
        };
        self.filtered(select, backend)
    }

    /// Adds the condition of `where` to a SELECT from the entity's table.
    fn filtered(&self, mut select: SelectStatement, backend: DbBackend) -> Result<SelectStatement> {
        if let Some(filter) = &self.filter {
            select.cond_where(filter.condition(&mut FilterContext::new(backend, "where"))?);
        }
        Ok(select)
    }

    /// SELECT without columns of the rows whose positions are within these bounds, in order. Filters apply
    /// during the walk along the index, which stops at the LIMIT.
    pub(crate) fn select_listed(
        &self,
        listing: &Listing<N>,
        within: Condition,
        backward: bool,
        backend: DbBackend,
    ) -> Result<SelectStatement> {
        let direction = if backward {
            Direction::Desc
        } else {
            Direction::Asc
        };
        let select = (listing.link)().select_listed::<N::Entity>(
            key_part(0),
            (listing.column, (listing.copy)()),
            (within, self.links(backend)?),
            direction,
            // A walk over a team of 10,000 takes 16 ms on PostgreSQL. An index on the names finds the few
            // that have a rare prefix in 0.1 ms. With both filters the planner expects too few rows and
            // would sort the team.
            backend == DbBackend::Postgres && self.filter.is_some() && self.through.is_none(),
        );
        self.filtered(select, backend)
    }

    /// Returns the listing for this order; `None` where all rows must be read and sorted.
    pub(crate) fn listing(&self, order: &Order<N>) -> Option<Listing<N>> {
        let (column, copy) = self.source.copied?;
        let Origin::Link(link) = self.source.rows else {
            return None;
        };
        (order.0 == self.source.default_order).then_some(Listing { link, column, copy })
    }

    /// Condition of `through` on the link's table.
    pub fn links(&self, backend: DbBackend) -> Result<Condition> {
        link_condition(self.through.as_deref(), backend)
    }

    /// True if no filter applies.
    pub(crate) fn is_whole(&self) -> bool {
        self.filter.is_none() && self.through.is_none()
    }

    /// True if the rows come from this source.
    pub fn is_from(&self, source: &Source<N>) -> bool {
        self.source == *source
    }

    /// The argument `through`.
    pub fn through(&self) -> Option<&T> {
        self.through.as_deref()
    }

    /// True for a field of the root, which has no key.
    fn is_root(&self) -> bool {
        matches!(self.source.rows, Origin::All)
    }

    /// RowQuery for each parent.
    pub async fn fetch<R: Row>(
        &self,
        db: &Reader,
        select: &SelectStatement,
        keys: &[i64],
    ) -> Result<Vec<Vec<R::Value>>> {
        let rows = self.rows::<R>(db, select, ColumnSet::own::<R>(), 0);
        self.fetch_rows::<R>(db, rows, keys).await
    }

    pub(crate) fn rows<R: Row>(
        &self,
        db: &Reader,
        select: &SelectStatement,
        columns: ColumnSet,
        extras: usize,
    ) -> RowQuery {
        if self.is_root() {
            RowQuery::alone::<R>(db.backend(), select, columns, extras)
        } else {
            RowQuery::per_key::<i64, R>(db.backend(), select, columns, extras)
        }
    }

    pub(crate) async fn fetch_rows<R>(
        &self,
        db: &Reader,
        query: RowQuery,
        keys: &[i64],
    ) -> Result<Vec<Vec<R::Value>>>
    where
        R: Row,
    {
        if self.is_root() {
            Ok(vec![rows::<R>(db, query).await?])
        } else {
            rows_per_key::<i64, R>(db, query, keys).await
        }
    }
}
