//! How a mutation runs: one root field, one transaction, which writes all of it or nothing.
//!
//! Input objects say in [`Mutation::run`] what they do: look at the input, load and lock what they
//! touch, write, and [record](Write::record) what has changed. Begin, retry, the change feed,
//! commit and the wake-up of the subscribers are here, and nowhere else.
//!
//! Locks, on PostgreSQL, are taken in one order, so that mutations wait for each other and do not
//! meet head-on: employees, projects, meetings, assignments, each by ascending id. Whoever writes
//! an assignment holds its employee; whoever makes or removes a link to a meeting holds the
//! meeting. SQLite has one writer, and `BEGIN IMMEDIATE` makes it wait at the beginning.

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    hash::{BuildHasher, Hasher, RandomState},
    ops::RangeInclusive,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use async_graphql::{Context, ID, MaybeUndefined};
use entity::change::Kind;
use futures_util::{FutureExt, future::BoxFuture};
use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait,
    FromQueryResult, IdenStatic, IntoActiveModel, Iterable, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, RuntimeErr, SqlxError, Statement, Value,
    sea_query::{Condition, Expr, ExprTrait, Query},
};
use tokio::runtime::Handle;

use crate::{
    changes::NewChange,
    context::{Database, Found, Record, batch, find},
    error::Result,
    feed::Feed,
    filter::Reading,
    known::Known,
    nodes::Object,
    scalar::{DateTime, Long, key_of},
    schema::Node,
    transaction::{Connection, Transaction, Transactions},
    user_error::{InvalidInputError, NotFoundError, Place, UserError, VersionConflictError},
};

/// How often a transaction is tried that others get in the way of.
const TRIES: u32 = 3;

/// The largest budget.
const MAX_BUDGET: i64 = 1_000_000_000_000;

/// An input object that knows how to carry itself out.
pub trait Mutation: Send + Sync + 'static {
    /// What the payload is made of.
    type Done: Send + 'static;

    /// Does it, or says why not. May be run again from the start, in another transaction.
    fn run(&self, write: &mut Write<'_>) -> impl Future<Output = Result<Self::Done, Stop>> + Send;
}

/// What came of a mutation: it was done, or here is why it was refused.
pub type Outcome<T> = Result<T, Vec<UserError>>;

/// Why a transaction ends without a commit.
pub enum Stop {
    /// The user can put it right: see the errors of the [`Write`].
    Refused,
    /// The database failed.
    Failed(DbErr),
}

impl From<DbErr> for Stop {
    fn from(error: DbErr) -> Self {
        Self::Failed(error)
    }
}

/// An entity that mutations change.
pub trait Versioned: Record<Object: Into<Node>, Model: IntoActiveModel<Self::ActiveModel>> {
    /// What a person calls it.
    const NAME: &'static str;

    /// The version of a row.
    fn version(model: &mut Self::Model) -> &mut i32;

    /// What the feed says of it.
    fn change(kind: Kind, model: &Self::Model) -> NewChange;
}

/// Carries out a mutation; what it returns has been committed, or refused.
///
/// A client that goes away, or a timeout, does not cut the transaction between its writes and the
/// word that they are safe.
pub async fn mutate<M: Mutation>(ctx: &Context<'_>, input: M) -> Result<Outcome<M::Done>> {
    let batch = batch(ctx);
    // Fields run one after the other: the payload of the one before has been answered.
    batch.know(Known::default());
    let writer = Writer {
        database: ctx.data_unchecked::<Database>().clone(),
        feed: ctx.data_unchecked::<Feed>().clone(),
        now: batch.now(),
    };
    let carried_out = async move { writer.carry_out(&input).await };
    let (outcome, known) = ToTheEnd(Some(carried_out.boxed())).await?;
    batch.know(known);
    Ok(outcome)
}

/// What goes on in a task of its own when nobody waits for it any more.
struct ToTheEnd<T: Send + 'static>(Option<BoxFuture<'static, T>>);

impl<T: Send> Future for ToTheEnd<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<T> {
        // Taken out, so that it does not go on when it panics.
        let Some(mut future) = self.0.take() else {
            return Poll::Pending;
        };
        let polled = future.as_mut().poll(context);
        if polled.is_pending() {
            self.0 = Some(future);
        }
        polled
    }
}

impl<T: Send> Drop for ToTheEnd<T> {
    fn drop(&mut self) {
        if let (Some(future), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(future);
        }
    }
}

struct Writer {
    database: Database,
    feed: Feed,
    now: DateTime,
}

impl Writer {
    async fn carry_out<M: Mutation>(&self, input: &M) -> Result<(Outcome<M::Done>, Known), DbErr> {
        let mut tries = 1;
        loop {
            match self.attempt(input).await {
                Err(error) if tries < TRIES && was_in_the_way(&error) => {
                    // Of two that met, one shall be quicker this time.
                    let jitter = RandomState::new().build_hasher().finish() % 20;
                    let pause = Duration::from_millis(u64::from(tries) * 10 + jitter);
                    tokio::time::sleep(pause).await;
                    tries += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn attempt<M: Mutation>(&self, input: &M) -> Result<(Outcome<M::Done>, Known), DbErr> {
        let mut connection = self.database.transactions.connection().await?;
        let outcome = self.attempt_on(&mut connection, input).await?;
        connection.keep();
        outcome
    }

    /// An error beside the outcome is one of the transaction itself, whose connection is not kept.
    async fn attempt_on<'c, M: Mutation>(
        &'c self,
        connection: &'c mut Connection<'_>,
        input: &M,
    ) -> Result<Result<(Outcome<M::Done>, Known), DbErr>, DbErr> {
        let mut write = Write {
            transaction: connection.begin().await?,
            transactions: &self.database.transactions,
            now: self.now,
            errors: Vec::new(),
            changes: Vec::new(),
            known: Known::default(),
        };
        let done = match input.run(&mut write).await {
            Ok(done) => done,
            Err(Stop::Refused) => {
                write.transaction.rollback().await?;
                return Ok(Ok((Err(write.errors), Known::default())));
            }
            Err(Stop::Failed(error)) => {
                // A connection that is gone has rolled back too, and what failed is told.
                return match write.transaction.rollback().await {
                    Ok(()) => Ok(Err(error)),
                    Err(_) => Err(error),
                };
            }
        };
        if write.changes.is_empty() {
            write.transaction.rollback().await?;
        } else {
            NewChange::append(&write.changes, &write.transaction).await?;
            write.transaction.commit().await?;
            self.feed.wake();
        }
        Ok(Ok((Ok(done), write.known)))
    }
}

/// Whether the same transaction may succeed when it is run again: it met another one, or another
/// one wrote between its look and its write.
fn was_in_the_way(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
        error
    else {
        return false;
    };
    let SqlxError::Database(error) = &**error else {
        return false;
    };
    // Serialisation failure and deadlock; unique and foreign key violation. SQLite's codes have
    // other forms, and nobody is ever in the way there.
    error
        .code()
        .is_some_and(|code| matches!(&*code, "40001" | "40P01" | "23505" | "23503"))
}

/// A transaction that is being written: what is wrong with its input, what it has changed, and what
/// its payload need not read.
pub struct Write<'c> {
    transaction: Transaction<'c>,
    transactions: &'c Transactions,
    /// «Now» is one instant for the whole operation.
    pub now: DateTime,
    errors: Vec<UserError>,
    changes: Vec<NewChange>,
    known: Known,
}

/// An id of the input that must lead somewhere.
pub struct Wanted {
    /// Where it was given.
    pub place: Place,
    /// As it was given.
    pub id: ID,
    /// The key behind it; `None` when it is malformed or of another type.
    pub key: Option<i64>,
}

impl Wanted {
    /// An id that stands alone.
    pub fn new<E: Record>(place: Place, id: &ID) -> Self {
        Self {
            place,
            key: key_of(E::PREFIX, id),
            id: id.clone(),
        }
    }
}

/// Looking at the input: each finds all that is wrong, and goes on.
impl<'c> Write<'c> {
    /// Reports something that the user can put right.
    pub fn report(&mut self, error: UserError) {
        self.errors.push(error);
    }

    /// Reports an input that cannot be accepted.
    pub fn invalid(&mut self, place: Place, message: impl Into<String>) {
        self.report(InvalidInputError::report(place, message));
    }

    /// Goes no further when something is wrong. From here on things are written.
    pub fn all_is_well(&self) -> Result<(), Stop> {
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(Stop::Refused)
        }
    }

    /// The value of a field that may be left out, but not be null.
    pub fn given<T: Clone>(&mut self, place: Place, value: &MaybeUndefined<T>) -> Option<T> {
        if value.is_null() {
            self.null(place);
        }
        value.as_opt_ref().flatten().cloned()
    }

    /// Text of 1 to `most` code points, trimmed; empty when it is not.
    pub fn text(&mut self, place: Place, text: &str, most: usize) -> String {
        let text = text.trim();
        if text.is_empty() {
            self.invalid(place, "This cannot be empty.");
        } else if text.contains('\0') {
            self.invalid(place, "Text cannot contain the NUL character.");
        } else if text.chars().nth(most).is_some() {
            self.invalid(place, format!("This can have at most {most} characters."));
        } else {
            return text.to_owned();
        }
        String::new()
    }

    /// Text that may be left out, but not be null.
    pub fn given_text(
        &mut self,
        place: Place,
        text: &MaybeUndefined<String>,
        most: usize,
    ) -> Option<String> {
        let text = self.given(place.clone(), text)?;
        Some(self.text(place, &text, most))
    }

    /// Text that need not be there.
    pub fn optional_text(
        &mut self,
        place: Place,
        text: Option<&String>,
        most: usize,
    ) -> Option<String> {
        text.map(|text| self.text(place, text, most))
    }

    /// A budget, which need not be there.
    pub fn budget(&mut self, place: Place, budget: Option<&Long>) -> Option<i64> {
        let budget = budget.map(|budget| budget.0);
        if budget.is_some_and(|budget| !(0..=MAX_BUDGET).contains(&budget)) {
            self.invalid(place, "A budget must be 0 to 1,000,000,000,000.");
        }
        budget
    }

    /// Ids in the order given, each once.
    pub fn ids<E: Versioned>(
        &mut self,
        place: Place,
        ids: &[ID],
        count: RangeInclusive<usize>,
    ) -> Vec<Wanted> {
        let mut seen = HashSet::new();
        let wanted: Vec<_> = ids
            .iter()
            .enumerate()
            .filter(|(_, id)| seen.insert(id.as_str()))
            .map(|(index, id)| Wanted::new::<E>(place.at(index), id))
            .collect();
        if count.contains(&wanted.len()) {
            return wanted;
        }
        self.wrong_count(place, count);
        // Too many are not worth looking for.
        Vec::new()
    }

    /// A list that may be left out, but not be null.
    pub fn list<'a, T>(
        &mut self,
        place: Place,
        list: &'a MaybeUndefined<Vec<T>>,
        most: usize,
    ) -> &'a [T] {
        match list {
            MaybeUndefined::Undefined => &[],
            MaybeUndefined::Null => {
                self.null(place);
                &[]
            }
            MaybeUndefined::Value(list) if list.len() <= most => list,
            MaybeUndefined::Value(_) => {
                self.wrong_count(place, 0..=most);
                &[]
            }
        }
    }

    fn wrong_count(&mut self, place: Place, count: RangeInclusive<usize>) {
        let (least, most) = count.into_inner();
        self.invalid(place, format!("Give {least} to {most} of them."));
    }

    fn null(&mut self, place: Place) {
        self.invalid(place, "This cannot be null. Leave it out, or give a value.");
    }
}

/// Loading and locking.
impl<'c> Write<'c> {
    /// The transaction, to read and write rows in.
    pub fn transaction(&self) -> &Transaction<'c> {
        &self.transaction
    }

    /// `column` is one of these numbers, which travel as one parameter.
    pub fn among(&self, column: Expr, keys: &[i64]) -> Expr {
        Reading::new(self.backend(), "").among_numbers(column, keys)
    }

    fn backend(&self) -> DbBackend {
        self.transaction.get_database_backend()
    }

    /// The statement of this name, whose text depends on nothing else, with these values; written
    /// when it is not known yet.
    fn statement(
        &self,
        name: &str,
        values: Vec<Value>,
        write: impl FnOnce() -> Statement,
    ) -> Statement {
        let sql = self.transactions.written(name, || write().sql);
        Statement::from_sql_and_values(self.backend(), sql, values)
    }

    /// The rows with these keys, as far as there are any; nobody else changes or deletes them, or
    /// makes rows that refer to them, until this transaction ends.
    pub async fn lock<E: Record>(&mut self, keys: &[i64]) -> Result<Vec<E::Model>, DbErr> {
        let id = Expr::col((E::default(), E::ID));
        // SQLite leaves the lock out: whoever writes is alone.
        let rows = match keys {
            [] => return Ok(Vec::new()),
            [key] => {
                let name = format!("{} locked", E::default().table_name());
                let statement = self.statement(&name, vec![(*key).into()], || {
                    let one = E::find().filter(id.eq(*key)).lock_exclusive();
                    one.build(self.backend())
                });
                let rows = E::Model::find_by_statement(statement);
                rows.all(&self.transaction).await?
            }
            keys => {
                let rows = E::find()
                    .filter(self.among(id, keys))
                    .order_by_asc(E::ID)
                    .lock_exclusive();
                rows.all(&self.transaction).await?
            }
        };
        self.know::<E>(&rows);
        Ok(rows)
    }

    /// The rows behind these ids, locked; ids that lead nowhere are reported.
    pub async fn lock_all<E: Versioned>(
        &mut self,
        wanted: &[Wanted],
    ) -> Result<HashMap<i64, E::Model>, DbErr> {
        let keys: Vec<i64> = wanted.iter().filter_map(|wanted| wanted.key).collect();
        let rows = self.lock::<E>(&keys).await?;
        let rows: HashMap<_, _> = rows.into_iter().map(|row| (E::key(&row), row)).collect();
        for Wanted { place, id, key } in wanted {
            if key.is_none_or(|key| !rows.contains_key(&key)) {
                self.missing::<E>(place.clone(), id);
            }
        }
        Ok(rows)
    }

    /// The row behind an id, locked; reported when there is none.
    pub async fn lock_one<E: Versioned>(
        &mut self,
        place: Place,
        id: &ID,
    ) -> Result<Option<E::Model>, DbErr> {
        let rows = match key_of(E::PREFIX, id) {
            Some(key) => self.lock::<E>(&[key]).await?,
            None => Vec::new(),
        };
        let row = rows.into_iter().next();
        if row.is_none() {
            self.missing::<E>(place, id);
        }
        Ok(row)
    }

    /// The rows behind two ids, locked one after the other; reported where there is none. PostgreSQL
    /// is asked for both at once.
    pub async fn lock_two<A: Versioned, B: Versioned>(
        &mut self,
        (a_place, a_id): (Place, &ID),
        (b_place, b_id): (Place, &ID),
    ) -> Result<(Option<A::Model>, Option<B::Model>), DbErr> {
        let keys = key_of(A::PREFIX, a_id).zip(key_of(B::PREFIX, b_id));
        let Some((a_key, b_key)) = keys.filter(|_| self.backend() == DbBackend::Postgres) else {
            let a = self.lock_one::<A>(a_place, a_id).await?;
            return Ok((a, self.lock_one::<B>(b_place, b_id).await?));
        };
        let (a_table, b_table) = (A::default().table_name(), B::default().table_name());
        let name = format!("{a_table} and {b_table} locked");
        let statement = self.statement(&name, vec![a_key.into(), b_key.into()], || {
            let a = A::Column::iter().map(|column| format!("a.{0} AS a_{0}", column.as_str()));
            let b = B::Column::iter().map(|column| format!("b.{0} AS b_{0}", column.as_str()));
            let columns: Vec<String> = a.chain(b).collect();
            let (a_id, b_id) = (A::ID.as_str(), B::ID.as_str());
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
        let a = A::Model::from_query_result_optional(&row, "a_")?;
        let b = B::Model::from_query_result_optional(&row, "b_")?;
        self.know::<A>(a.as_slice());
        self.know::<B>(b.as_slice());
        if a.is_none() {
            self.missing::<A>(a_place, a_id);
        }
        if b.is_none() {
            self.missing::<B>(b_place, b_id);
        }
        Ok((a, b))
    }

    /// The row that `input.id` names, locked; reported when there is none, or another version.
    pub async fn lock_subject<E: Versioned>(
        &mut self,
        id: &ID,
        expected: &MaybeUndefined<i32>,
    ) -> Result<Option<E::Model>, DbErr> {
        let row = self.lock_one::<E>(Place::input().at("id"), id).await?;
        self.expect_version::<E>(row.as_ref(), expected);
        Ok(row)
    }

    /// Reports a row that is not at the version that the client has seen.
    pub fn expect_version<E: Versioned>(
        &mut self,
        row: Option<&E::Model>,
        expected: &MaybeUndefined<i32>,
    ) {
        let place = Place::input().at("expectedVersion");
        let expected = self.given(place.clone(), expected);
        let (Some(expected), Some(mut row)) = (expected, row.cloned()) else {
            return;
        };
        let current = *E::version(&mut row);
        if current != expected {
            let message = format!(
                "The {} was changed by someone else: it has version {current}, not {expected}.",
                E::NAME
            );
            let row = E::Object::from(Found::new(Arc::new(vec![row].into()), 0));
            self.report(VersionConflictError::report(
                place,
                message,
                current,
                row.into(),
            ));
        }
    }

    /// Reports an id that leads nowhere.
    pub fn missing<E: Versioned>(&mut self, place: Place, id: &ID) {
        let message = format!("There is no {} with this id.", E::NAME);
        self.report(NotFoundError::report(place, message, id.clone()));
    }
}

/// Writing.
impl<'c> Write<'c> {
    /// Tells the feed. In the order in which things take effect.
    pub fn record(&mut self, change: NewChange) {
        self.changes.push(change);
    }

    /// The rows are like this now, until they are written again.
    pub fn know<E: Record>(&mut self, rows: &[E::Model]) {
        for row in rows {
            self.known.put::<E>(row.clone());
        }
    }

    /// Makes a row.
    pub async fn insert<E: Versioned>(&mut self, row: E::ActiveModel) -> Result<E::Model, DbErr>
    where
        E::ActiveModel: ActiveModelBehavior + Send,
    {
        let row = row.insert(&self.transaction).await?;
        self.made::<E>(&row);
        Ok(row)
    }

    /// Makes a row, unless there is one that is the [same](same) in these columns: the look and the
    /// write in one statement.
    pub async fn insert_unless_there<E: Versioned>(
        &mut self,
        row: &E::ActiveModel,
        columns: &[E::Column],
    ) -> Result<Option<E::Model>, DbErr> {
        let table = E::default();
        let given = |column: E::Column| Some((column, row.get(column).into_value()?));
        let own: Vec<_> = E::Column::iter().filter_map(given).collect();
        let compared: Vec<_> = columns.iter().copied().filter_map(given).collect();

        // Which columns there are, and which are compared with null, is all that the text depends on.
        let mut name = format!("{} unless there", table.table_name());
        for (column, _) in &own {
            name = name + " " + column.as_str();
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
                .cond_where(same::<E>(row, columns))
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
            insert.returning(Query::returning().columns(E::Column::iter()));
            self.backend().build(&insert)
        });
        let row = E::Model::find_by_statement(statement);
        let row = row.one(&self.transaction).await?;
        if let Some(row) = &row {
            self.made::<E>(row);
        }
        Ok(row)
    }

    fn made<E: Versioned>(&mut self, row: &E::Model) {
        self.know::<E>(std::slice::from_ref(row));
        self.record(E::change(Kind::Created, row));
    }

    /// Changes a row, unless that changes nothing.
    pub async fn update<E: Versioned>(
        &mut self,
        before: &E::Model,
        mut after: E::Model,
    ) -> Result<(), DbErr>
    where
        E::Model: PartialEq,
        E::ActiveModel: ActiveModelBehavior + Send,
    {
        if after == *before {
            return Ok(());
        }
        *E::version(&mut after) += 1;
        let change = E::change(Kind::Updated, &after);
        let after = after
            .into_active_model()
            .reset_all()
            .update(&self.transaction)
            .await?;
        self.known.put::<E>(after);
        self.record(change);
        Ok(())
    }

    /// Deletes rows and tells of each.
    pub async fn delete<E: Versioned>(&mut self, rows: &[E::Model]) -> Result<(), DbErr> {
        let keys: Vec<i64> = rows.iter().map(E::key).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let id = Expr::col((E::default(), E::ID));
        E::delete_many()
            .filter(self.among(id, &keys))
            .exec(&self.transaction)
            .await?;
        for row in rows {
            self.known.remove::<E>(E::key(row));
            self.record(E::change(Kind::Deleted, row));
        }
        Ok(())
    }
}

/// That a row has the same as this one in these columns, nulls being the same.
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

/// What a mutation wrote, as it left it. What it touched without having its row in its hands is read
/// after the commit; null when someone has deleted it since.
pub async fn written<E: Record>(
    ctx: &Context<'_>,
    key: Option<i64>,
) -> Option<Result<Object<E::Object>>> {
    let found = find::<E>(ctx, key?).await.transpose()?;
    Some(found.map(|found| Object(found.into())))
}

/// The same for many, without those that are gone.
pub async fn all_written<E: Record>(
    ctx: &Context<'_>,
    keys: &[i64],
) -> Result<crate::nodes::Nodes<E::Object>> {
    let found = keys.iter().map(|key| find::<E>(ctx, *key));
    let found = futures_util::future::try_join_all(found).await?;
    Ok(crate::nodes::Nodes(
        found.into_iter().flatten().map(Into::into).collect(),
    ))
}

/// The payload of a mutation: `userErrors`, and what it has of its own.
macro_rules! payload {
    (
        $(#[$doc:meta])*
        $name:ident of $done:ty {
            $($own:tt)*
        }
    ) => {
        $(#[$doc])*
        pub struct $name($crate::mutation::Outcome<$done>);

        impl From<$crate::mutation::Outcome<$done>> for $name {
            fn from(outcome: $crate::mutation::Outcome<$done>) -> Self {
                Self(outcome)
            }
        }

        #[async_graphql::Object]
        $(#[$doc])*
        impl $name {
            $($own)*

            /// Why it was refused; empty when it was done.
            async fn user_errors(&self) -> &[$crate::user_error::UserError] {
                self.0.as_ref().err().map_or(&[], Vec::as_slice)
            }
        }
    };
}
pub(crate) use payload;
