//! Relay paging: arguments become a keyset SELECT for each parent, rows become a page.
//!
//! The page, the count and the look beyond the page's edges are three questions; each is asked only
//! when a field that needs it is selected. See the Relay Cursor Connections Specification.

mod scope;
mod window;

use std::{ptr, sync::Arc};

use async_graphql::{Context, Object};
use futures_util::{
    FutureExt,
    future::{BoxFuture, try_join},
};
use sea_orm::sea_query::{Condition, Expr};
use serde_json::Value as Json;

use self::{
    scope::Listing,
    window::{Position, Window, cursor},
};
use crate::{
    assignment::AssignmentFilter,
    batch::{Batch, Question},
    columns::{self, Wanted},
    context::{Found, Loaded, Record, batch},
    error::{Error, Result},
    filter::{AnyFilter, Filter},
    order::{Order, SortKey},
    reader::Reader,
    rows::{Count, Rows, WithExtras, extra_column, row},
};

pub use self::{
    scope::{Scope, Source, links},
    window::PageArguments,
};

/// How many keys an order may have.
const MAX_SORT_KEYS: usize = 10;

/// The page of one connection.
struct PageQuestion<F: Filter> {
    scope: Scope<F>,
    order: Order<F::Entity>,
    window: Window,
    wanted: Wanted,
    /// Set where a page is read from its position in an index; elsewhere all rows are sorted.
    listing: Option<Listing<F::Entity>>,
}

impl<F: Filter> PartialEq for PageQuestion<F> {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self, other)
            || self.scope == other.scope && self.order == other.order && self.window == other.window
    }
}

impl<F: Filter> PageQuestion<F> {
    /// One row more than the page has, to see whether there are more.
    fn select(&self, db: &Reader) -> Result<Rows> {
        let Self {
            scope,
            order,
            window,
            wanted,
            listing,
        } = self;
        let limit = window.limit + 1;
        let columns = wanted.get();
        let write = || {
            let links = scope.links(db.backend())?;
            let after = window.after.as_ref();
            let before = window.before.as_ref();
            let within = Condition::all()
                .add_option(after.map(|after| order.beyond(after, &links, false, false)))
                .add_option(before.map(|before| order.beyond(before, &links, true, false)));
            let table = F::Entity::default();
            let own = columns.of_table::<<F::Entity as Record>::Listed>();
            let own = own.map(|column| (table, column));
            let (select, extras) = match listing {
                Some(listing) => {
                    let mut select = listing.select(within, window.backward);
                    select.columns(own).limit(limit);
                    if columns.has_position() {
                        select.expr_as(listing.position(), extra_column(0));
                    }
                    (select, usize::from(columns.has_position()))
                }
                None => {
                    let mut select = scope.select(db.backend())?;
                    select.columns(own).cond_where(within).limit(limit);
                    let extras = order.apply(&mut select, &links, window.backward);
                    (select, extras)
                }
            };
            Ok(if extras == 0 {
                scope.rows::<<F::Entity as Record>::Listed>(db, &select, columns, 0)
            } else {
                type Extra<E> = WithExtras<<E as Record>::Listed>;
                scope.rows::<Extra<F::Entity>>(db, &select, columns, extras)
            })
        };
        if !scope.is_whole() || window.after.is_some() || window.before.is_some() {
            return write();
        }
        let way = if window.backward { "last" } else { "first" };
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
        Ok(db.written(&name, write)?.with_last(limit.into()))
    }
}

/// The rows of a page.
pub struct PageRows<E: Record> {
    models: Arc<Loaded<E>>,
    extras: Vec<Vec<Json>>,
    /// Are there more rows in the direction of travel, within the cursors?
    more: bool,
}

impl<F: Filter> Question for Arc<PageQuestion<F>> {
    type Key = i64;
    type Answer = PageRows<F::Entity>;

    fn join(&self, other: &Self) {
        self.wanted.join(&other.wanted);
    }

    async fn ask(&self, db: &Reader, keys: &[i64]) -> Result<Vec<Self::Answer>> {
        let Window {
            limit, backward, ..
        } = &self.window;
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
                models: Arc::new(F::Entity::loaded(listed, columns)),
                extras,
                more,
            }
        };
        if query.extras() == 0 {
            let pages = self.scope.fetch_rows(db, query, keys).await?;
            Ok(pages
                .into_iter()
                .map(|listed| finish(listed, Vec::new()))
                .collect())
        } else {
            let pages = self.scope.fetch_rows(db, query, keys).await?;
            let split =
                |page: Vec<WithExtras<_>>| page.into_iter().map(|row| (row.0, row.1)).unzip();
            Ok(pages
                .into_iter()
                .map(split)
                .map(|(listed, extras)| finish(listed, extras))
                .collect())
        }
    }
}

/// How many rows there are in all.
#[derive(Clone, PartialEq)]
struct CountQuestion<F: Filter>(Arc<PageQuestion<F>>);

impl<F: Filter> Question for CountQuestion<F> {
    type Key = i64;
    type Answer = i64;

    async fn ask(&self, db: &Reader, keys: &[i64]) -> Result<Vec<i64>> {
        let scope = &self.0.scope;
        let mut select = scope.select(db.backend())?;
        select.expr_as(Expr::cust("COUNT(*)"), "count");
        let counts: Vec<Vec<Count>> = scope.fetch(db, &select, keys).await?;
        Ok(counts
            .iter()
            .map(|rows| rows.first().map_or(0, |row| row.count))
            .collect())
    }
}

/// Whether there are rows on the far side of the cursor that the page starts from, or, with
/// `ahead`, beyond the cursor that ends it.
#[derive(Clone, PartialEq)]
struct BeyondQuestion<F: Filter> {
    page: Arc<PageQuestion<F>>,
    ahead: bool,
}

#[expect(dead_code, reason = "only whether there is a row matters")]
struct ExistsRow {
    found: i32,
}

row!(ExistsRow { found });

impl<F: Filter> BeyondQuestion<F> {
    /// In the direction of travel a page begins at `start` and must not pass `end`.
    fn bounds(&self) -> (Option<&Position>, Option<&Position>) {
        let Window {
            backward,
            after,
            before,
            ..
        } = &self.page.window;
        let (start, end) = if *backward {
            (before, after)
        } else {
            (after, before)
        };
        (start.as_ref(), end.as_ref())
    }

    /// Without a cursor on that side nothing can be there.
    fn is_bounded(&self) -> bool {
        let (start, end) = self.bounds();
        if self.ahead {
            end.is_some()
        } else {
            start.is_some()
        }
    }

    fn condition(&self, links: &Condition) -> Option<Condition> {
        let PageQuestion { order, window, .. } = &*self.page;
        let backward = window.backward;
        let (start, end) = self.bounds();
        if self.ahead {
            // Behind an empty page only what lies beyond `start` can follow.
            let beyond_start = start.map(|start| order.beyond(start, links, backward, false));
            let beyond_end = order.beyond(end?, links, backward, true);
            Some(Condition::all().add(beyond_end).add_option(beyond_start))
        } else {
            Some(order.beyond(start?, links, !backward, true))
        }
    }
}

impl<F: Filter> Question for BeyondQuestion<F> {
    type Key = i64;
    type Answer = bool;

    async fn ask(&self, db: &Reader, keys: &[i64]) -> Result<Vec<bool>> {
        let scope = &self.page.scope;
        let backend = db.backend();
        let within = Condition::all().add_option(self.condition(&scope.links(backend)?));
        let mut select = match &self.page.listing {
            Some(listing) => listing.select(within, false),
            None => scope.select(backend)?.cond_where(within).take(),
        };
        select.expr_as(Expr::cust("1"), "found").limit(1);
        let found: Vec<Vec<ExistsRow>> = scope.fetch(db, &select, keys).await?;
        Ok(found.iter().map(|rows| !rows.is_empty()).collect())
    }
}

/// One connection: knows what to ask, and asks when a field needs it.
pub struct Page<F: Filter> {
    batch: Arc<Batch>,
    /// The parent's key; 0 at the root.
    pub parent: i64,
    question: Arc<PageQuestion<F>>,
}

impl<F: Filter> Clone for Page<F> {
    fn clone(&self) -> Self {
        Self {
            batch: self.batch.clone(),
            parent: self.parent,
            question: self.question.clone(),
        }
    }
}

/// A row of a page, and where it stands.
pub struct Positioned<F: Filter> {
    /// The page.
    pub page: Page<F>,
    rows: Arc<PageRows<F::Entity>>,
    index: usize,
}

impl<F: Filter> Positioned<F> {
    /// The row.
    pub fn found(&self) -> Found<F::Entity> {
        Found::new(self.rows.models.clone(), self.index)
    }

    /// The cursor.
    pub fn cursor(&self) -> String {
        self.page.cursor(&self.rows, self.index)
    }
}

impl<F: Filter> Page<F> {
    /// The connection of a field, from its arguments.
    pub fn new(
        ctx: &Context<'_>,
        source: Source<F::Entity>,
        parent: i64,
        arguments: PageArguments,
        filter: Option<Box<F>>,
        through: Option<Box<AssignmentFilter>>,
        order: Option<Vec<impl Into<SortKey<F::Entity>>>>,
    ) -> Result<Self> {
        let batch = batch(ctx);
        let made = batch.shared::<PageQuestion<F>>(ctx);
        if let Some(question) = made.filter(|question| question.scope.source == source) {
            return Ok(Self {
                batch: batch.clone(),
                parent,
                question,
            });
        }
        let given: Vec<_> = order
            .unwrap_or_default()
            .into_iter()
            .map(Into::into)
            .collect();
        if given.len() > MAX_SORT_KEYS {
            return Err(Error::bad_input(
                "orderBy",
                format!("Give at most {MAX_SORT_KEYS} sort keys."),
            ));
        }
        let order = Order(if given.is_empty() {
            source.default_order.to_vec()
        } else {
            given
        });
        batch.check_filters(
            ctx,
            [
                filter
                    .as_deref()
                    .map(|filter| ("where", filter as &dyn AnyFilter)),
                through
                    .as_deref()
                    .map(|through| ("through", through as &dyn AnyFilter)),
            ],
        )?;
        let window = Window::new(source, &order, arguments)?;
        let scope = Scope {
            source,
            filter,
            through,
        };
        let listing = scope.listing(&order);
        let question = Arc::new(PageQuestion {
            scope,
            wanted: Wanted::new(columns::of_connection(ctx, &order)),
            order,
            window,
            listing: listing.filter(|_| batch.shortcuts.listed),
        });
        batch.share(ctx, question.clone());
        Ok(Self {
            batch: batch.clone(),
            parent,
            question,
        })
    }

    /// The rows that the connection speaks of.
    pub fn scope(&self) -> &Scope<F> {
        &self.question.scope
    }

    async fn rows(&self) -> Result<Arc<PageRows<F::Entity>>> {
        self.batch.load(&self.question, self.parent).await
    }

    /// The rows of the page, with where they stand.
    pub async fn edges<Edge: From<Positioned<F>>>(&self) -> Result<Vec<Edge>> {
        let rows = self.rows().await?;
        let edge = |index| {
            Positioned {
                page: self.clone(),
                rows: rows.clone(),
                index,
            }
            .into()
        };
        Ok((0..rows.models.len()).map(edge).collect())
    }

    /// The rows of the page.
    pub async fn nodes(&self) -> Result<Vec<<F::Entity as Record>::Object>> {
        let rows = self.rows().await?;
        let node = |index| Found::<F::Entity>::new(rows.models.clone(), index).into();
        Ok((0..rows.models.len()).map(node).collect())
    }

    /// How many rows there are in all.
    pub async fn total_count(&self) -> Result<i32> {
        let count = self
            .batch
            .load(&CountQuestion(self.question.clone()), self.parent)
            .await?;
        Ok(i32::try_from(*count).unwrap_or(i32::MAX))
    }

    async fn is_beyond(&self, ahead: bool) -> Result<bool> {
        let question = BeyondQuestion {
            page: self.question.clone(),
            ahead,
        };
        if !question.is_bounded() {
            return Ok(false);
        }
        Ok(*self.batch.load(&question, self.parent).await?)
    }

    fn cursor(&self, rows: &PageRows<F::Entity>, index: usize) -> String {
        let PageQuestion {
            scope,
            order,
            listing,
            ..
        } = &*self.question;
        let row = &rows.models[index];
        let extras = rows.extras.get(index).map_or(&[][..], Vec::as_slice);
        let position = match listing {
            Some(_) => [extras, &[F::Entity::key(row).into()]].concat(),
            None => order.position(row, extras),
        };
        cursor(scope.source, order, position)
    }
}

/// What [`PageInfo`] needs to know of a page of any type.
pub trait Standing: Send + Sync {
    /// Are there rows before the page (`backward`), or after it?
    fn more(&self, backward: bool) -> BoxFuture<'_, Result<bool>>;
    /// The cursor of the first row, or of the last.
    fn end_cursor(&self, last: bool) -> BoxFuture<'_, Result<Option<String>>>;
}

impl<F: Filter> Standing for Page<F> {
    fn more(&self, backward: bool) -> BoxFuture<'_, Result<bool>> {
        async move {
            if backward == self.question.window.backward {
                // Asked together, so that the statements do not depend on what the first finds.
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
pub struct PageInfo(pub Box<dyn Standing>);

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

impl<F: Filter> From<Page<F>> for PageInfo {
    fn from(page: Page<F>) -> Self {
        Self(Box::new(page))
    }
}
