//! Mutations: one transaction that writes all of it or nothing, with an event for each change.
//!
//! Begin, retries, the event log, commit and the rows of the payload are handled here. Locks on
//! PostgreSQL are row locks that the mutation takes in an order of its own; SQLite has one writer, which
//! `BEGIN IMMEDIATE` waits for.

mod attempt;

use std::{future::Future, sync::Arc};

use async_graphql::Context;
use futures_util::FutureExt;
use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, ConnectionTrait, DbBackend, DbErr, EntityName,
    EntityTrait, FromQueryResult, IdenStatic, IntoActiveModel, Iterable, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Statement, Value,
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
}

/// Reads and locks.
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

    /// Locks the rows with these keys that exist. Until the end of the transaction no other one updates or
    /// deletes them, or inserts rows that refer to them.
    pub async fn lock<N: Node>(&mut self, keys: &[i64]) -> Result<Vec<Model<N>>, DbErr> {
        let id = Expr::col((N::Entity::default(), primary_key::<N::Entity>()));
        // The lock is not part of SQLite's statement, which has one writer.
        let rows = match keys {
            [] => return Ok(Vec::new()),
            [key] => {
                let name = format!("{} locked", N::Entity::default().table_name());
                let statement = self.statement(&name, vec![(*key).into()], || {
                    let one = N::Entity::find().filter(id.eq(*key)).lock_exclusive();
                    one.build(self.backend())
                });
                let rows = Model::<N>::find_by_statement(statement);
                rows.all(&self.transaction).await?
            }
            keys => {
                let rows = N::Entity::find()
                    .filter(self.among(id, keys))
                    .order_by_asc(primary_key::<N::Entity>())
                    .lock_exclusive();
                rows.all(&self.transaction).await?
            }
        };
        self.know::<N>(&rows);
        Ok(rows)
    }

    /// Locks a row of `A`, then one of `B`, in one statement on PostgreSQL.
    pub async fn lock_pair<A: Node, B: Node>(
        &mut self,
        a_key: i64,
        b_key: i64,
    ) -> Result<(Option<Model<A>>, Option<Model<B>>), DbErr> {
        if self.backend() == DbBackend::Sqlite {
            let a = self.lock::<A>(&[a_key]).await?.into_iter().next();
            return Ok((a, self.lock::<B>(&[b_key]).await?.into_iter().next()));
        }
        let (a_table, b_table) = (
            A::Entity::default().table_name(),
            B::Entity::default().table_name(),
        );
        let name = format!("{a_table} and {b_table} locked");
        let statement = self.statement(&name, vec![a_key.into(), b_key.into()], || {
            let a = Column::<A>::iter().map(|column| format!("a.{0} AS a_{0}", column.as_str()));
            let b = Column::<B>::iter().map(|column| format!("b.{0} AS b_{0}", column.as_str()));
            let columns: Vec<String> = a.chain(b).collect();
            let (a_id, b_id) = (primary_key::<A::Entity>().as_str(), primary_key::<B::Entity>().as_str());
            // The second refers to the first, since it must come after it.
            let sql = format!(
                "SELECT {} FROM (SELECT) AS one \
                 LEFT JOIN LATERAL (SELECT * FROM {a_table} WHERE {a_id} = $1 FOR UPDATE) AS a ON true \
                 LEFT JOIN LATERAL (SELECT * FROM {b_table} WHERE {b_id} = $2 \
                 AND coalesce(a.{a_id}, 0) IS NOT NULL FOR UPDATE) AS b ON true",
                columns.join(", ")
            );
            Statement::from_string(DbBackend::Postgres, sql)
        });
        let row = self.transaction.query_one_raw(statement).await?;
        let row = row.ok_or_else(|| DbErr::RecordNotFound(name))?;
        let a = Model::<A>::from_query_result_optional(&row, "a_")?;
        let b = Model::<B>::from_query_result_optional(&row, "b_")?;
        self.know::<A>(a.as_slice());
        self.know::<B>(b.as_slice());
        Ok((a, b))
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
        let statement = self.statement(&name, values.clone(), || {
            let mut insert = Query::insert();
            insert
                .into_table(N::Entity::default())
                .columns(columns)
                .returning(Query::returning().columns(Column::<N>::iter()));
            // As many values as columns.
            let _ = insert.values(values.into_iter().map(Expr::val));
            self.backend().build(&insert)
        });
        let row = Model::<N>::find_by_statement(statement);
        let row = row.one(&self.transaction).await?;
        let row = row.ok_or(DbErr::RecordNotInserted)?;
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
        let statement = self.statement(&name, values, || {
            let there = Query::select()
                .expr(Expr::cust("1"))
                .from(table)
                .cond_where(same::<N::Entity>(row, columns))
                .take();
            let (own, values): (Vec<_>, Vec<_>) = own.into_iter().unzip();
            let values = Query::select()
                .exprs(values.into_iter().map(Expr::val))
                .and_where(Expr::exists(there).not())
                .take();
            let mut insert = Query::insert();
            insert.into_table(table).columns(own);
            // As many columns as values.
            let _ = insert.select_from(values);
            insert.returning(Query::returning().columns(Column::<N>::iter()));
            self.backend().build(&insert)
        });
        let row = Model::<N>::find_by_statement(statement);
        let row = row.one(&self.transaction).await?;
        if let Some(row) = &row {
            self.inserted::<N>(row);
        }
        Ok(row)
    }

    fn inserted<N: WritableNode<L>>(&mut self, row: &Model<N>) {
        self.know::<N>(std::slice::from_ref(row));
        self.record(N::event(WriteKind::Created, row));
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
        let event = N::event(WriteKind::Updated, &after);
        let row = after.clone().into_active_model();
        let row = row.before_save(&self.transaction, false).await?;
        let mut columns = columns_of::<N::Entity>(&row, N::FOLDED);
        columns.retain(|(column, _)| column != primary_key::<N::Entity>().as_str());
        let key = Value::from(N::key(&after));
        let values = columns.iter().map(|(_, value)| value.clone());
        let values = values.chain([key.clone()]).collect();
        let name = format!("{} updated", N::Entity::default().table_name());
        let statement = self.statement(&name, values, || {
            let columns = columns.into_iter();
            let update = Query::update()
                .table(N::Entity::default())
                .values(columns.map(|(column, value)| (column, Expr::val(value))))
                .and_where(Expr::col(primary_key::<N::Entity>()).eq(key))
                .take();
            self.backend().build(&update)
        });
        self.transaction.execute_raw(statement).await?;
        self.know::<N>(std::slice::from_ref(&after));
        self.record(event);
        Ok(())
    }

    /// Deletes rows, with an event for each.
    pub async fn delete<N: WritableNode<L>>(&mut self, rows: &[Model<N>]) -> Result<(), DbErr> {
        let keys: Vec<i64> = rows.iter().map(N::key).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let id = Expr::col((N::Entity::default(), primary_key::<N::Entity>()));
        N::Entity::delete_many()
            .filter(self.among(id, &keys))
            .exec(&self.transaction)
            .await?;
        for row in rows {
            self.written.remove::<N>(N::key(row));
            self.record(N::event(WriteKind::Deleted, row));
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
