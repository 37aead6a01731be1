//! Relay paging: arguments become a keyset SELECT for each parent, rows become a page.
//!
//! Page, count and the rows beyond the page's ends are three loaders, which run only if a selected field
//! needs them. See the Relay Cursor Connections Specification.

use std::{ptr, sync::Arc};

use async_graphql::{Context, Object};
use futures_util::{
    FutureExt,
    future::{BoxFuture, try_join},
};
use sea_orm::sea_query::{Condition, Expr};
use serde_json::Value as Json;

use crate::{
    columns::RequestedColumns,
    cursor::{CursorKey, PageArguments, PageRange, cursor},
    error::{Error, Result},
    filter::{Through, count_conditions},
    loader::Loader,
    node::{Node, Record, RecordBatch},
    operation::{Operation, operation},
    order::Order,
    selection,
    sort_key::SortKey,
    source::{ConnectionScope, Listing, Source},
    sql::{Count, Reader, RowQuery, WithExtras, extra_column},
};

/// Keys of an order at most.
const MAX_SORT_KEYS: usize = 10;

/// Loader of the pages of a connection.
struct PageLoader<N: Node, T: Through> {
    scope: ConnectionScope<N, T>,
    order: Order<N>,
    range: PageRange,
    requested: RequestedColumns,
    /// Set if a page is read from its position in an index; otherwise all rows are sorted.
    listing: Option<Listing<N>>,
}

impl<N: Node, T: Through> PartialEq for PageLoader<N, T> {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self, other)
            || self.scope == other.scope && self.order == other.order && self.range == other.range
    }
}

impl<N: Node, T: Through> PageLoader<N, T> {
    /// Builds the statement. Its limit is one row more than the page, which shows if more rows follow.
    fn select(&self, db: &Reader) -> Result<RowQuery> {
        let Self {
            scope,
            order,
            range,
            requested,
            listing,
        } = self;
        let limit = range.limit + 1;
        let columns = requested.get();
        let write = || {
            let links = scope.links(db.backend())?;
            let after = range.after.as_ref();
            let before = range.before.as_ref();
            let within = Condition::all()
                .add_option(after.map(|after| order.beyond(after, &links, false, false)))
                .add_option(before.map(|before| order.beyond(before, &links, true, false)));
            let table = N::Entity::default();
            let own = columns.of_table::<N::ListRow>();
            let own = own.map(|column| (table, column));
            let (select, extras) = match listing {
                Some(listing) => {
                    let mut select = listing.select(within, range.backward);
                    select.columns(own).limit(limit);
                    if columns.has_position() {
                        select.expr_as(listing.position(), extra_column(0));
                    }
                    (select, usize::from(columns.has_position()))
                }
                None => {
                    let mut select = scope.select(db.backend())?;
                    select.columns(own).cond_where(within).limit(limit);
                    let extras = order.apply(&mut select, &links, range.backward);
                    (select, extras)
                }
            };
            Ok(if extras == 0 {
                scope.rows::<N::ListRow>(db, &select, columns, 0)
            } else {
                scope.rows::<WithExtras<N::ListRow>>(db, &select, columns, extras)
            })
        };
        if !scope.is_whole() || range.after.is_some() || range.before.is_some() {
            return write();
        }
        let way = if range.backward { "last" } else { "first" };
        let name = [
            scope.source.field,
            way,
            if listing.is_some() {
                "listed"
            } else {
                "sorted"
            },
            &columns.signature(),
            &order.signature(),
        ];
        let name = name.join(" ");
        Ok(db.cached_statement(&name, write)?.with_last(limit.into()))
    }
}

/// Rows of a page.
pub struct PageRows<N: Node> {
    models: Arc<RecordBatch<N>>,
    extras: Vec<Vec<Json>>,
    /// True if more rows follow in the direction of travel, within the cursors.
    more: bool,
}

impl<N: Node, T: Through> Loader for Arc<PageLoader<N, T>> {
    type Key = i64;
    type Value = PageRows<N>;

    fn join(&self, other: &Self) {
        self.requested.join(&other.requested);
    }

    async fn load(&self, db: &Reader, keys: &[i64]) -> Result<Vec<Self::Value>> {
        let PageRange {
            limit, backward, ..
        } = &self.range;
        let query = self.select(db)?;
        let columns = query.columns();
        let finish = |mut listed: Vec<_>, mut extras: Vec<_>| {
            let limit = usize::try_from(*limit).unwrap_or(usize::MAX);
            let more = listed.len() > limit;
            listed.truncate(limit);
            extras.truncate(limit);
            if *backward {
                listed.reverse();
                extras.reverse();
            }
            PageRows {
                models: Arc::new(N::batch(listed, columns)),
                extras,
                more,
            }
        };
        if query.extras() == 0 {
            let pages = self.scope.fetch_rows::<N::ListRow>(db, query, keys).await?;
            Ok(pages
                .into_iter()
                .map(|listed| finish(listed, Vec::new()))
                .collect())
        } else {
            type Extended<N> = WithExtras<<N as Node>::ListRow>;
            let pages = self
                .scope
                .fetch_rows::<Extended<N>>(db, query, keys)
                .await?;
            Ok(pages
                .into_iter()
                .map(|page| page.into_iter().unzip())
                .map(|(listed, extras)| finish(listed, extras))
                .collect())
        }
    }
}

/// Loader of the number of rows of a connection.
struct CountLoader<N: Node, T: Through>(Arc<PageLoader<N, T>>);

// Derives would ask the entity to be `PartialEq`.
impl<N: Node, T: Through> Clone for CountLoader<N, T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<N: Node, T: Through> PartialEq for CountLoader<N, T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<N: Node, T: Through> Loader for CountLoader<N, T> {
    type Key = i64;
    type Value = i64;

    async fn load(&self, db: &Reader, keys: &[i64]) -> Result<Vec<i64>> {
        let scope = &self.0.scope;
        let mut select = scope.select(db.backend())?;
        select.expr_as(Expr::cust("COUNT(*)"), "count");
        let counts = scope.fetch::<Count>(db, &select, keys).await?;
        Ok(counts
            .iter()
            .map(|rows| rows.first().map_or(0, |row| row.count))
            .collect())
    }
}

/// Loader of a flag: true if there are rows on the far side of the cursor that the page starts from or,
/// with `ahead`, beyond the cursor that ends it.
struct BeyondLoader<N: Node, T: Through> {
    page: Arc<PageLoader<N, T>>,
    ahead: bool,
}

impl<N: Node, T: Through> Clone for BeyondLoader<N, T> {
    fn clone(&self) -> Self {
        Self {
            page: self.page.clone(),
            ahead: self.ahead,
        }
    }
}

impl<N: Node, T: Through> PartialEq for BeyondLoader<N, T> {
    fn eq(&self, other: &Self) -> bool {
        self.ahead == other.ahead && self.page == other.page
    }
}

#[derive(sea_level::Row)]
#[expect(dead_code, reason = "only the existence of the row matters")]
struct ExistsRow {
    found: i32,
}

impl<N: Node, T: Through> BeyondLoader<N, T> {
    /// Cursors that the page starts from and ends at, in the direction of travel.
    fn bounds(&self) -> (Option<&CursorKey>, Option<&CursorKey>) {
        let PageRange {
            backward,
            after,
            before,
            ..
        } = &self.page.range;
        let (start, end) = if *backward {
            (before, after)
        } else {
            (after, before)
        };
        (start.as_ref(), end.as_ref())
    }

    /// True if there is a cursor on that side; without one, no rows can be there.
    fn is_bounded(&self) -> bool {
        let (start, end) = self.bounds();
        if self.ahead {
            end.is_some()
        } else {
            start.is_some()
        }
    }

    fn condition(&self, links: &Condition) -> Option<Condition> {
        let PageLoader { order, range, .. } = &*self.page;
        let backward = range.backward;
        let (start, end) = self.bounds();
        if self.ahead {
            // Rows behind an empty page lie beyond `start` as well.
            let beyond_start = start.map(|start| order.beyond(start, links, backward, false));
            let beyond_end = order.beyond(end?, links, backward, true);
            Some(Condition::all().add(beyond_end).add_option(beyond_start))
        } else {
            Some(order.beyond(start?, links, !backward, true))
        }
    }
}

impl<N: Node, T: Through> Loader for BeyondLoader<N, T> {
    type Key = i64;
    type Value = bool;

    async fn load(&self, db: &Reader, keys: &[i64]) -> Result<Vec<bool>> {
        let scope = &self.page.scope;
        let backend = db.backend();
        let within = Condition::all().add_option(self.condition(&scope.links(backend)?));
        let mut select = match &self.page.listing {
            Some(listing) => listing.select(within, false),
            None => scope.select(backend)?.cond_where(within).take(),
        };
        select.expr_as(Expr::cust("1"), "found").limit(1);
        let found = scope.fetch::<ExistsRow>(db, &select, keys).await?;
        Ok(found.iter().map(|rows| !rows.is_empty()).collect())
    }
}

/// Page of a connection, loaded when a field needs it.
pub struct Page<N: Node, T: Through> {
    operation: Arc<Operation>,
    /// The parent's key; 0 at the root.
    pub parent: i64,
    loader: Arc<PageLoader<N, T>>,
}

impl<N: Node, T: Through> Clone for Page<N, T> {
    fn clone(&self) -> Self {
        Self {
            operation: self.operation.clone(),
            parent: self.parent,
            loader: self.loader.clone(),
        }
    }
}

/// Row of a page with its position.
pub struct EdgeRow<N: Node, T: Through> {
    /// Page of the row.
    pub page: Page<N, T>,
    rows: Arc<PageRows<N>>,
    index: usize,
}

impl<N: Node, T: Through> Clone for EdgeRow<N, T> {
    fn clone(&self) -> Self {
        Self {
            page: self.page.clone(),
            rows: self.rows.clone(),
            index: self.index,
        }
    }
}

impl<N: Node, T: Through> EdgeRow<N, T> {
    /// The row itself.
    pub fn record(&self) -> Record<N> {
        Record::new(self.rows.models.clone(), self.index)
    }

    /// Cursor of the row.
    pub fn cursor(&self) -> String {
        self.page.cursor(&self.rows, self.index)
    }
}

impl<N: Node, T: Through> Page<N, T> {
    /// Creates the page of a field from its arguments.
    pub fn new(
        ctx: &Context<'_>,
        source: Source<N>,
        parent: i64,
        arguments: PageArguments,
        filter: Option<Box<N::Filter>>,
        through: Option<Box<T>>,
        order: Option<Vec<impl Into<SortKey<N::Entity>>>>,
    ) -> Result<Self> {
        let operation = operation(ctx);
        let page = |loader| Self {
            operation: operation.clone(),
            parent,
            loader,
        };
        let shared = operation.shared::<PageLoader<N, T>>(ctx);
        if let Some(loader) = shared.filter(|loader| loader.scope.source == source) {
            return Ok(page(loader));
        }
        let keys: Vec<_> = order
            .unwrap_or_default()
            .into_iter()
            .map(Into::into)
            .collect();
        if keys.len() > MAX_SORT_KEYS {
            return Err(Error::bad_input(
                "orderBy",
                format!("Give at most {MAX_SORT_KEYS} sort keys."),
            ));
        }
        let order = Order(if keys.is_empty() {
            source.default_order.to_vec()
        } else {
            keys
        });
        if filter.is_some() || through.is_some() {
            operation.check_filters(ctx, |limits| {
                let mut counts = Vec::new();
                if let Some(filter) = &filter {
                    counts.push(("where", count_conditions(&**filter, "where", limits)?));
                }
                if let Some(through) = &through {
                    counts.push(("through", count_conditions(&**through, "through", limits)?));
                }
                Ok(counts)
            })?;
        }
        let range = PageRange::new(source.field, &order, arguments)?;
        let scope = ConnectionScope {
            source,
            filter,
            through,
        };
        let listing = scope.listing(&order);
        let loader = Arc::new(PageLoader {
            scope,
            requested: RequestedColumns::new(selection::of_connection::<N>(ctx, order.columns())),
            order,
            range,
            listing: listing.filter(|_| operation.shortcuts.listed),
        });
        operation.share(ctx, loader.clone());
        Ok(page(loader))
    }

    /// Rows of the connection before paging.
    pub fn scope(&self) -> &ConnectionScope<N, T> {
        &self.loader.scope
    }

    async fn rows(&self) -> Result<Arc<PageRows<N>>> {
        self.operation.load(&self.loader, self.parent).await
    }

    /// Rows of the page with their positions.
    pub async fn edges<Edge: From<EdgeRow<N, T>>>(&self) -> Result<Vec<Edge>> {
        let rows = self.rows().await?;
        let edge = |index| {
            EdgeRow {
                page: self.clone(),
                rows: rows.clone(),
                index,
            }
            .into()
        };
        Ok((0..rows.models.len()).map(edge).collect())
    }

    /// Objects of the page.
    pub async fn nodes(&self) -> Result<Vec<N>> {
        let rows = self.rows().await?;
        let node = |index| Record::<N>::new(rows.models.clone(), index).into();
        Ok((0..rows.models.len()).map(node).collect())
    }

    /// Number of rows of the connection.
    pub async fn total_count(&self) -> Result<i32> {
        let count = self
            .operation
            .load(&CountLoader(self.loader.clone()), self.parent)
            .await?;
        Ok(i32::try_from(*count).unwrap_or(i32::MAX))
    }

    async fn is_beyond(&self, ahead: bool) -> Result<bool> {
        let loader = BeyondLoader {
            page: self.loader.clone(),
            ahead,
        };
        if !loader.is_bounded() {
            return Ok(false);
        }
        Ok(*self.operation.load(&loader, self.parent).await?)
    }

    fn cursor(&self, rows: &PageRows<N>, index: usize) -> String {
        let PageLoader {
            scope,
            order,
            listing,
            ..
        } = &*self.loader;
        let row = &rows.models[index];
        let extras = rows.extras.get(index).map_or(&[][..], Vec::as_slice);
        let position = match listing {
            Some(_) => [extras, &[N::key(row).into()]].concat(),
            None => order.position(row, extras),
        };
        cursor(scope.source.field, order, position)
    }
}

/// Bounds of a page of any type, for [`PageInfo`].
pub trait PageBounds: Send + Sync {
    /// True if there are rows before the page (`backward`), or after it.
    fn more(&self, backward: bool) -> BoxFuture<'_, Result<bool>>;
    /// Cursor of the first row, or of the last one.
    fn end_cursor(&self, last: bool) -> BoxFuture<'_, Result<Option<String>>>;
}

impl<N: Node, T: Through> PageBounds for Page<N, T> {
    fn more(&self, backward: bool) -> BoxFuture<'_, Result<bool>> {
        async move {
            if backward == self.loader.range.backward {
                // Loaded together, so that the statements do not depend on the first result.
                let (rows, beyond) = try_join(self.rows(), self.is_beyond(true)).await?;
                Ok(rows.more || beyond)
            } else {
                self.is_beyond(false).await
            }
        }
        .boxed()
    }

    fn end_cursor(&self, last: bool) -> BoxFuture<'_, Result<Option<String>>> {
        async move {
            let rows = self.rows().await?;
            let index = if last {
                rows.models.len().checked_sub(1)
            } else {
                Some(0)
            };
            let index = index.filter(|index| *index < rows.models.len());
            Ok(index.map(|index| self.cursor(&rows, index)))
        }
        .boxed()
    }
}

/// Where a page stands in its list. See the Relay Cursor Connections Specification.
pub struct PageInfo(pub Box<dyn PageBounds>);

/// Where a page stands in its list. See the Relay Cursor Connections Specification.
#[Object]
impl PageInfo {
    /// Is there another item after this page? Exact in both directions of travel.
    async fn has_next_page(&self) -> Result<bool> {
        self.0.more(false).await
    }

    /// Is there another item before this page? Exact in both directions of travel.
    async fn has_previous_page(&self) -> Result<bool> {
        self.0.more(true).await
    }

    /// Cursor of the first edge; null on an empty page.
    async fn start_cursor(&self) -> Option<Result<String>> {
        self.0.end_cursor(false).await.transpose()
    }

    /// Cursor of the last edge; null on an empty page.
    async fn end_cursor(&self) -> Option<Result<String>> {
        self.0.end_cursor(true).await.transpose()
    }
}

impl<N: Node, T: Through> From<Page<N, T>> for PageInfo {
    fn from(page: Page<N, T>) -> Self {
        Self(Box::new(page))
    }
}
