//! Relay paging: arguments become a keyset SELECT for each parent, rows become a page.
//!
//! Page, count and the rows beyond the page's ends are three loaders, which run only if a selected field
//! needs them: see `loaders`. See the Relay Cursor Connections Specification.

mod loaders;

use std::sync::Arc;

use async_graphql::{Context, Object};
use futures_util::{
    FutureExt,
    future::{BoxFuture, try_join},
};

use self::loaders::{BeyondLoader, CountLoader, PageLoader, PageRows};
use crate::{
    columns::RequestedColumns,
    cursor::{PageArguments, PageRange, cursor},
    error::{Error, Result},
    filter::{Through, count_conditions},
    node::{Node, Record},
    operation::{Operation, operation},
    order::Order,
    selection,
    sort_key::SortKey,
    source::{ConnectionScope, Source},
};

/// Keys of an order at most.
const MAX_SORT_KEYS: usize = 10;

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
