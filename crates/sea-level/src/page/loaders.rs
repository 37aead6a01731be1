//! Loaders of a connection: page, count, and the rows beyond the ends of the page.

use std::{ptr, sync::Arc};

use sea_orm::sea_query::{Condition, Expr};
use serde_json::Value as Json;

use crate::{
    columns::RequestedColumns,
    cursor::{CursorKey, CursorWriter, PageRange},
    error::Result,
    filter::Through,
    loader::Loader,
    node::{Node, RecordBatch},
    order::Order,
    source::{ConnectionScope, Listing},
    sql::{Count, Reader, RowQuery, WithExtras, extra_column},
};

/// Loader of the pages of a connection.
pub(super) struct PageLoader<N: Node, T: Through> {
    pub(super) scope: ConnectionScope<N, T>,
    pub(super) order: Order<N>,
    pub(super) cursors: CursorWriter,
    pub(super) range: PageRange,
    pub(super) requested: RequestedColumns,
    /// Set if a page is read from its position in an index; otherwise all rows are sorted.
    pub(super) listing: Option<Listing<N>>,
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
            ..
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
                    let mut select =
                        scope.select_listed(listing, within, range.backward, db.backend())?;
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
pub(super) struct PageRows<N: Node> {
    pub(super) models: Arc<RecordBatch<N>>,
    pub(super) extras: Vec<Vec<Json>>,
    /// True if more rows follow in the direction of travel, within the cursors.
    pub(super) more: bool,
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
pub(super) struct CountLoader<N: Node, T: Through>(pub(super) Arc<PageLoader<N, T>>);

impl<N: Node, T: Through> PartialEq for CountLoader<N, T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<N: Node, T: Through> Loader for Arc<CountLoader<N, T>> {
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
pub(super) struct BeyondLoader<N: Node, T: Through> {
    pub(super) page: Arc<PageLoader<N, T>>,
    pub(super) ahead: bool,
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
    pub(super) fn is_bounded(&self) -> bool {
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

impl<N: Node, T: Through> Loader for Arc<BeyondLoader<N, T>> {
    type Key = i64;
    type Value = bool;

    async fn load(&self, db: &Reader, keys: &[i64]) -> Result<Vec<bool>> {
        let scope = &self.page.scope;
        let backend = db.backend();
        let within = Condition::all().add_option(self.condition(&scope.links(backend)?));
        let mut select = match &self.page.listing {
            Some(listing) => scope.select_listed(listing, within, false, backend)?,
            None => scope.select(backend)?.cond_where(within).take(),
        };
        select.expr_as(Expr::cust("1"), "found").limit(1);
        let found = scope.fetch::<ExistsRow>(db, &select, keys).await?;
        Ok(found.iter().map(|rows| !rows.is_empty()).collect())
    }
}
