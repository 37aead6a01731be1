//! Mutations: one transaction that writes all of it or nothing, with an event for each change.
//!
//! Begin, retries, the event log, commit and the rows of the payload are handled here. Locks on
//! PostgreSQL are row locks that the mutation takes in an order of its own; SQLite has one writer, which
//! `BEGIN IMMEDIATE` waits for.

mod attempt;
mod lock;
mod optimistic;

use std::{future::Future, sync::Arc};

use async_graphql::Context;
use futures_util::FutureExt;
use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, ConnectionTrait, DbBackend, DbErr, EntityName,
    EntityTrait, FromQueryResult, IdenStatic, IntoActiveModel, Iterable, QueryFilter, Statement,
    Value,
    sea_query::{Condition, Expr, ExprTrait, Query},
};

use crate::{
    auth::Viewer,
    columns::primary_key,
    error::Result,
    filter::FilterContext,
    node::{Model, Node, RecordBatch},
    operation::operation,
    scalar::DateTime,
    sql::{Database, Transaction, Transactions},
    text,
    written::WrittenRows,
};
use attempt::{SpawnOnDrop, Writer};
use optimistic::Optimistic;

/// Log of events, written in the transaction of the changes.
pub trait EventLog: Clone + Send + Sync + 'static {
    /// Event of one change.
    type Event: Send + Sync;

    /// Appends the events of a client's changes, as the last statements before the commit.
    fn append(
        events: &[Self::Event],
        viewer: &Viewer,
        transaction: &Transaction,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Wakes the readers of the log after a commit, or after one whose outcome is unknown.
    fn wake(&self);
}

/// Kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteKind {
    /// The row was inserted.
    Created,
    /// The row was updated.
    Updated,
    /// The row was deleted.
    Deleted,
}

/// Node whose rows mutations write.
pub trait WritableNode<L: EventLog>:
    Node<Entity: EntityTrait<Model: IntoActiveModel<ActiveModel<Self>>>>
{
    /// Text columns with a companion for comparisons without regard to case: see [`crate::text`].
    const FOLDED: &'static [Column<Self>] = &[];

    /// Version of a row: 1 at first, one more after each update.
    fn version(model: &mut Model<Self>) -> &mut i32;

    /// Event of a change.
    fn event(kind: WriteKind, model: &Model<Self>) -> L::Event;

    /// Parts of a WITH clause of PostgreSQL that append the event of the row of `written`, which has the columns
    /// of the table. The last one, `appended`, has one row. `actor` is the parameter with the viewer's
    /// subject. `None` if events of this node are appended by [`EventLog::append`] only.
    fn append_sql(kind: WriteKind, actor: &str) -> Option<String> {
        let _ = (kind, actor);
        None
    }
}

/// Active model of a node's entity.
pub type ActiveModel<N> = <<N as Node>::Entity as EntityTrait>::ActiveModel;

/// Column of a node's entity.
pub type Column<N> = <<N as Node>::Entity as EntityTrait>::Column;

/// Reason to end a transaction without a commit.
pub enum Abort<R> {
    /// The client can put the input right.
    Refused(R),
    /// The database failed.
    Failed(DbErr),
}

impl<R> From<DbErr> for Abort<R> {
    fn from(error: DbErr) -> Self {
        Self::Failed(error)
    }
}

/// Input object of a mutation, with the code that carries it out.
pub trait Mutation: Send + Sync + 'static {
    /// Event log of the domain.
    type Log: EventLog;
    /// Value that the payload is made of.
    type Done: Send + 'static;
    /// Reasons that the client can put right.
    type Refusal: Send + 'static;

    /// Carries the mutation out, or refuses it. May run again from the start, in another transaction.
    fn run(
        &self,
        write: &mut Write<Self::Log>,
    ) -> impl Future<Output = Result<Self::Done, Abort<Self::Refusal>>> + Send;

    /// True if it locks at most one row or one pair, and then writes at most one row, as the last thing that it
    /// does, and no trigger of that write locks other rows. On PostgreSQL it is carried out without a transaction where no other mutation interferes.
    fn writes_one_row(&self) -> bool {
        false
    }
}

/// Outcome of a mutation.
pub type Outcome<M> = Result<<M as Mutation>::Done, <M as Mutation>::Refusal>;

/// Carries out a mutation of a domain whose log is `M::Log`. A result has been committed; a refusal has written nothing.
///
/// Dropping the future does not end the transaction between its writes and its commit: it goes on in
/// a task.
pub async fn mutate<M: Mutation>(ctx: &Context<'_>, mutation: M) -> Result<Outcome<M>> {
    let operation = operation(ctx);
    // Root fields run one after the other: the payload of the last one is resolved.
    operation.set_written(WrittenRows::default());
    let transactions = &ctx.data_unchecked::<Database>().transactions;
    let writer = Writer {
        transactions: transactions.with_log(operation.log.clone()),
        log: ctx.data_unchecked::<M::Log>().clone(),
        viewer: operation.viewer.clone(),
        now: operation.now(),
        budget: operation.budget.clone(),
        is_optimistic: operation.shortcuts.optimistic,
    };
    let run = async move { writer.run(&mutation).await };
    let (outcome, written) = SpawnOnDrop(Some(run.boxed())).await?;
    operation.set_written(written);
    Ok(outcome)
}

/// Transaction of a mutation: statements, events, and rows of the payload.
pub struct Write<L: EventLog> {
    transaction: Transaction,
    transactions: Transactions,
    /// The operation's clock (UTC, microseconds).
    pub now: DateTime,
    events: Vec<L::Event>,
    written: WrittenRows,
    /// Rows that the operation may still load.
    rows_left: usize,
    /// Rows charged to that budget at the commit.
    loaded: usize,
    /// Set if the mutation is carried out without a transaction.
    optimistic: Option<Optimistic>,
}

/// State.
impl<L: EventLog> Write<L> {
    /// Returns the transaction, for statements of SeaORM.
    pub fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    /// Returns the kind of database.
    pub fn backend(&self) -> DbBackend {
        self.transaction.get_database_backend()
    }

    /// Returns the LIMIT of a statement whose number of rows the client does not bound: one more than the
    /// operation may still load.
    pub fn row_limit(&self) -> u64 {
        self.rows_left as u64 + 1
    }

    /// Returns the number of rows that the operation may still load.
    pub fn rows_left(&self) -> usize {
        self.rows_left - self.loaded
    }

    /// Charges rows that the payload reports.
    pub fn charge_rows(&mut self, count: usize) {
        self.loaded += count;
    }

    /// Returns `column IN (keys)`, with all keys in one parameter.
    pub fn among(&self, column: Expr, keys: &[i64]) -> Expr {
        FilterContext::new(self.backend(), "").among_numbers(column, keys)
    }

    /// Returns the cached statement of this name, on which its text alone depends, with parameters.
    fn statement(
        &self,
        name: &str,
        values: Vec<Value>,
        write: impl FnOnce() -> Statement,
    ) -> Statement {
        let sql = self.transactions.cached_statement(name, || write().sql);
        Statement::from_sql_and_values(self.backend(), sql, values)
    }
}

/// Writes.
impl<L: EventLog> Write<L> {
    /// Appends an event, in the order in which the changes take effect.
    pub fn record(&mut self, event: L::Event) {
        self.events.push(event);
    }

    /// Keeps rows for the payload, until they are written again.
    pub fn know<N: Node>(&mut self, rows: &[Model<N>]) {
        for row in rows {
            let batch = RecordBatch::<N>::from(vec![row.clone()]);
            self.written.put::<N>(N::key(row), Arc::new(batch));
        }
    }

    /// Inserts a row.
    pub async fn insert<N: WritableNode<L>>(
        &mut self,
        row: ActiveModel<N>,
    ) -> Result<Model<N>, DbErr>
    where
        ActiveModel<N>: ActiveModelBehavior + Send,
    {
        let table = N::Entity::default().table_name();
        let row = row.before_save(&self.transaction, true).await?;
        let (columns, values): (Vec<_>, Vec<_>) =
            columns_of::<N::Entity>(&row, N::FOLDED).into_iter().unzip();
        let name = format!("{table} inserted {}", columns.join(" "));
        let backend = self.backend();
        let written = self.write_row::<N>(WriteKind::Created, &name, values.clone(), |unchanged| {
            let mut insert = Query::insert();
            insert
                .into_table(N::Entity::default())
                .columns(columns)
                .returning(Query::returning().columns(Column::<N>::iter()));
            // As many values as columns.
            let values = values.into_iter().map(Expr::val);
            let _ = match unchanged {
                None => insert.values(values).map(|_| ()),
                Some(unchanged) => {
                    let values = Query::select().exprs(values).and_where(unchanged).take();
                    insert.select_from(values).map(|_| ())
                }
            };
            backend.build(&insert)
        });
        let row = written.await?.ok_or(DbErr::RecordNotInserted)?;
        let row = Model::<N>::from_query_result(&row, "")?;
        self.inserted::<N>(&row);
        Ok(row)
    }

    /// Inserts a row unless one exists that is the [`same`] in these columns, in one statement.
    pub async fn insert_unless_there<N: WritableNode<L>>(
        &mut self,
        row: &ActiveModel<N>,
        columns: &[Column<N>],
    ) -> Result<Option<Model<N>>, DbErr> {
        let table = N::Entity::default();
        let given = |column: Column<N>| Some((column, row.get(column).into_value()?));
        let own = columns_of::<N::Entity>(row, N::FOLDED);
        let compared: Vec<_> = columns.iter().copied().filter_map(given).collect();

        // The text depends on the columns, and on those that are compared with null.
        let mut name = format!("{} unless there", table.table_name());
        for (column, _) in &own {
            name = name + " " + column;
        }
        for (column, value) in &compared {
            let sign = if value.is_some() { " same " } else { " null " };
            name = name + sign + column.as_str();
        }
        let compared = compared.into_iter().map(|(_, value)| value);
        let values = own.iter().map(|(_, value)| value.clone());
        let values = values.chain(compared.filter(Value::is_some)).collect();
        let backend = self.backend();
        let written = self.write_row::<N>(WriteKind::Created, &name, values, |unchanged| {
            let there = Query::select()
                .expr(Expr::cust("1"))
                .from(table)
                .cond_where(same::<N::Entity>(row, columns))
                .take();
            let (own, values): (Vec<_>, Vec<_>) = own.into_iter().unzip();
            let values = Query::select()
                .exprs(values.into_iter().map(Expr::val))
                .cond_where(
                    Condition::all()
                        .add(Expr::exists(there).not())
                        .add_option(unchanged),
                )
                .take();
            let mut insert = Query::insert();
            insert.into_table(table).columns(own);
            // As many columns as values.
            let _ = insert.select_from(values);
            insert.returning(Query::returning().columns(Column::<N>::iter()));
            backend.build(&insert)
        });
        let Some(row) = written.await? else {
            return Ok(None);
        };
        let row = Model::<N>::from_query_result(&row, "")?;
        self.inserted::<N>(&row);
        Ok(Some(row))
    }

    fn inserted<N: WritableNode<L>>(&mut self, row: &Model<N>) {
        self.know::<N>(std::slice::from_ref(row));
        self.record_row::<N>(WriteKind::Created, row);
    }

    /// Records the event of a row, unless its statement has appended it.
    fn record_row<N: WritableNode<L>>(&mut self, kind: WriteKind, row: &Model<N>) {
        if self.optimistic.is_none() {
            self.record(N::event(kind, row));
        }
    }

    /// Updates a row, unless nothing changes.
    pub async fn update<N: WritableNode<L>>(
        &mut self,
        before: &Model<N>,
        mut after: Model<N>,
    ) -> Result<(), DbErr>
    where
        Model<N>: PartialEq,
        ActiveModel<N>: ActiveModelBehavior + Send,
    {
        if after == *before {
            return Ok(());
        }
        *N::version(&mut after) += 1;
        let row = after.clone().into_active_model();
        let row = row.before_save(&self.transaction, false).await?;
        let mut columns = columns_of::<N::Entity>(&row, N::FOLDED);
        columns.retain(|(column, _)| column != primary_key::<N::Entity>().as_str());
        let key = Value::from(N::key(&after));
        let values = columns.iter().map(|(_, value)| value.clone());
        let values = values.chain([key.clone()]).collect();
        let name = format!("{} updated", N::Entity::default().table_name());
        let backend = self.backend();
        let written = self.write_row::<N>(WriteKind::Updated, &name, values, |unchanged| {
            let columns = columns.into_iter();
            let mut update = Query::update()
                .table(N::Entity::default())
                .values(columns.map(|(column, value)| (column, Expr::val(value))))
                .and_where(Expr::col(primary_key::<N::Entity>()).eq(key))
                .take();
            if let Some(unchanged) = unchanged {
                let columns = Query::returning().columns(Column::<N>::iter());
                update.and_where(unchanged).returning(columns);
            }
            backend.build(&update)
        });
        written.await?;
        self.know::<N>(std::slice::from_ref(&after));
        self.record_row::<N>(WriteKind::Updated, &after);
        Ok(())
    }

    /// Deletes rows, with an event for each.
    pub async fn delete<N: WritableNode<L>>(&mut self, rows: &[Model<N>]) -> Result<(), DbErr> {
        let keys: Vec<i64> = rows.iter().map(N::key).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let table = N::Entity::default();
        let id = Expr::col((table, primary_key::<N::Entity>()));
        if let (Some(_), [key]) = (&self.optimistic, &keys[..]) {
            let name = format!("{} deleted", table.table_name());
            let written = self.write_row::<N>(
                WriteKind::Deleted,
                &name,
                vec![(*key).into()],
                |unchanged| {
                    let columns = Query::returning().columns(Column::<N>::iter());
                    let mut delete = Query::delete();
                    delete
                        .from_table(table)
                        .cond_where(Condition::all().add(id.eq(*key)).add_option(unchanged))
                        .returning(columns);
                    DbBackend::Postgres.build(&delete)
                },
            );
            written.await?;
        } else {
            N::Entity::delete_many()
                .filter(self.among(id, &keys))
                .exec(&self.transaction)
                .await?;
        }
        for row in rows {
            self.written.remove::<N>(N::key(row));
            self.record_row::<N>(WriteKind::Deleted, row);
        }
        Ok(())
    }
}

/// Returns the set columns of a row, and the companions of `folded` ones.
fn columns_of<E: EntityTrait>(row: &E::ActiveModel, folded: &[E::Column]) -> Vec<(String, Value)> {
    let mut columns = Vec::new();
    for column in E::Column::iter() {
        let Some(value) = row.get(column).into_value() else {
            continue;
        };
        let is_folded = folded
            .iter()
            .any(|folded| folded.as_str() == column.as_str());
        let companion = match &value {
            Value::String(text) if is_folded => Some(text.as_deref().and_then(text::companion)),
            _ => None,
        };
        columns.push((column.as_str().to_owned(), value));
        if let Some(companion) = companion {
            columns.push((text::companion_column(column.as_str()), companion.into()));
        }
    }
    columns
}

/// Condition for rows that equal this one in these columns; nulls are equal.
pub fn same<E: EntityTrait>(row: &E::ActiveModel, columns: &[E::Column]) -> Condition {
    let given = columns.iter().copied().filter_map(|column| {
        let value = row.get(column).into_value()?;
        let column = Expr::col((E::default(), column));
        Some(if value.is_some() {
            column.eq(value)
        } else {
            column.is_null()
        })
    });
    given.fold(Condition::all(), Condition::add)
}
