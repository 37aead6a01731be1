//! Relay paging: arguments become a keyset SELECT for each parent, rows become a page.
//!
//! Page, count and the rows beyond the page's ends are three loaders, which run only if a selected field
//! needs them: see `loaders`. See the Relay Cursor Connections Specification.

mod loaders;

use std::sync::Arc;

use async_graphql::{Context, SimpleObject, parser::types::Selection};
use futures_util::future::{OptionFuture, join3};

use self::loaders::{BeyondLoader, CountLoader, PageLoader, PageRows};
use crate::{
    columns::RequestedColumns,
    cursor::{CursorWriter, PageArguments, PageRange},
    error::{Error, Result},
    fields::ObjectFields,
    filter::{Through, count_conditions},
    json::ToJson,
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

/// The cursor of the row.
impl<N: Node, T: Through> ToJson for EdgeRow<N, T> {
    fn write_json(&self, json: &mut Vec<u8>) {
        json.push(b'"');
        self.page.write_cursor(&self.rows, self.index, json);
        json.push(b'"');
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
            cursors: CursorWriter::new(source.field, &order),
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
            .load(&Arc::new(CountLoader(self.loader.clone())), self.parent)
            .await?;
        Ok(i32::try_from(*count).unwrap_or(i32::MAX))
    }

    async fn is_beyond(&self, ahead: bool, is_selected: bool) -> Result<bool> {
        let loader = Arc::new(BeyondLoader {
            page: self.loader.clone(),
            ahead,
        });
        if !is_selected || !loader.is_bounded() {
            return Ok(false);
        }
        Ok(*self.operation.load(&loader, self.parent).await?)
    }

    /// Loads the selected fields of `pageInfo`, together, so that no statement depends on the result of
    /// another.
    pub async fn info(&self, ctx: &Context<'_>) -> PageInfo {
        let selects = |name| PageInfo::selects(ctx, name);
        let (start, end) = (selects("startCursor"), selects("endCursor"));
        let mut more = [selects("hasNextPage"), selects("hasPreviousPage")];
        let backward = self.loader.range.backward;
        more.rotate_left(usize::from(backward));
        let [ahead, behind] = more;
        let rows = async {
            let rows = (start || end || ahead).then(|| self.rows());
            OptionFuture::from(rows).await.transpose()
        };
        let beyond = self.is_beyond(true, ahead);
        let (rows, beyond, behind) = join3(rows, beyond, self.is_beyond(false, behind)).await;
        let more = |rows: Option<Arc<PageRows<N>>>| rows.is_some_and(|rows| rows.more);
        let ahead = rows.clone().and_then(|rows| Ok(more(rows) || beyond?));
        let cursor = |is_selected: bool, last: bool| {
            let rows = rows.clone().transpose().filter(|_| is_selected)?;
            let cursor = |rows: Arc<PageRows<N>>| {
                let index = if last {
                    rows.models.len().checked_sub(1)?
                } else {
                    0
                };
                (index < rows.models.len()).then(|| self.cursor(&rows, index))
            };
            rows.map(cursor).transpose()
        };
        let (start_cursor, end_cursor) = (cursor(start, false), cursor(end, true));
        let mut more = [ahead, behind];
        more.rotate_left(usize::from(backward));
        let [has_next_page, has_previous_page] = more;
        PageInfo {
            has_next_page,
            has_previous_page,
            start_cursor,
            end_cursor,
        }
    }

    fn cursor(&self, rows: &PageRows<N>, index: usize) -> String {
        let mut text = Vec::new();
        self.write_cursor(rows, index, &mut text);
        String::from_utf8(text).unwrap_or_default()
    }

    fn write_cursor(&self, rows: &PageRows<N>, index: usize, text: &mut Vec<u8>) {
        let PageLoader {
            order,
            listing,
            cursors,
            ..
        } = &*self.loader;
        let row = &rows.models[index];
        let extras = rows.extras.get(index).map_or(&[][..], Vec::as_slice);
        match listing {
            Some(_) => cursors.write(extras, N::key(row), text),
            None => cursors.write(&order.keys(row, extras), N::key(row), text),
        }
    }
}

/// Where a page stands in its list. See the Relay Cursor Connections Specification.
#[derive(SimpleObject)]
pub struct PageInfo {
    /// Is there another item after this page? Exact in both directions of travel.
    pub has_next_page: Result<bool>,
    /// Is there another item before this page? Exact in both directions of travel.
    pub has_previous_page: Result<bool>,
    /// Cursor of the first edge; null on an empty page.
    pub start_cursor: Option<Result<String>>,
    /// Cursor of the last edge; null on an empty page.
    pub end_cursor: Option<Result<String>>,
}

impl ObjectFields for PageInfo {}

impl PageInfo {
    /// True if the field `pageInfo` selects this field. Any other may have any value.
    pub fn selects(ctx: &Context<'_>, name: &str) -> bool {
        let mut items = ctx.item.node.selection_set.node.items.iter();
        items.any(|selection| {
            matches!(&selection.node, Selection::Field(field) if field.node.name.node == name)
        })
    }
}
