//! What a mutation has in its hands while it runs: it looks at its input, loads and locks what it
//! touches, writes, and says what it has changed.

use std::{
    collections::{HashMap, HashSet},
    ops::RangeInclusive,
    sync::Arc,
};

use async_graphql::{ID, MaybeUndefined};
use entity::{change::Kind, text};
use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait,
    FromQueryResult, IdenStatic, IntoActiveModel, Iterable, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Statement, Value,
    sea_query::{Condition, Expr, ExprTrait, Query},
};

use super::{Stop, Versioned};
use crate::{
    changes::NewChange,
    context::{Found, Record},
    filter::Reading,
    known::Known,
    scalar::{DateTime, Long, key_of},
    transaction::{Transaction, Transactions},
    user_error::{InvalidInputError, NotFoundError, Place, UserError, VersionConflictError},
};

/// The largest budget.
const MAX_BUDGET: i64 = 1_000_000_000_000;

/// A transaction that is being written: what is wrong with its input, what it has changed, and what
/// its payload need not read.
pub struct Write<'c> {
    pub(super) transaction: Transaction,
    pub(super) transactions: &'c Transactions,
    /// «Now» is one instant for the whole operation.
    pub now: DateTime,
    pub(super) errors: Vec<UserError>,
    pub(super) changes: Vec<NewChange>,
    pub(super) known: Known,
    /// How many rows the operation may still load.
    pub(super) rows_left: usize,
    /// Rows that count against that limit.
    pub(super) loaded: usize,
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

    /// LIMIT for a statement where the client does not bound the number of rows: one more than the
    /// operation may still load.
    pub fn most_rows(&self) -> u64 {
        self.rows_left as u64 + 1
    }

    /// Refuses the mutation if such a statement has brought too many rows, before anything is written.
    pub fn check_rows(&mut self, place: Place, count: usize, what: &str) -> Result<(), Stop> {
        let most = self.rows_left - self.loaded;
        if count > most {
            let message = format!(
                "It has more than {most} {what}, which is more than one operation may load. Remove \
                 some of them first, a few at a time."
            );
            self.invalid(place, message);
            return Err(Stop::Refused);
        }
        Ok(())
    }

    /// The same for rows that the payload reports: they count against the limit on loaded rows.
    pub fn take_rows(&mut self, place: Place, count: usize, what: &str) -> Result<(), Stop> {
        self.check_rows(place, count, what)?;
        self.loaded += count;
        Ok(())
    }

    /// The value of a field that may be left out, but not be null.
    pub fn given<T: Clone>(&mut self, place: Place, value: &MaybeUndefined<T>) -> Option<T> {
        if value.is_null() {
            let message = "This cannot be null. Leave it out, or give a value.";
            self.invalid(place, message);
        }
        value.as_opt_ref().flatten().cloned()
    }

    /// Text of 1 to `most` code points, in NFC and trimmed; empty when it is not.
    pub fn text(&mut self, place: Place, text: &str, most: usize) -> String {
        let text = text::normalized(text);
        let text = text::trimmed(&text);
        if text::is_blank(text) {
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

    /// A list that may be left out, or be null.
    pub fn list<'a, T>(&mut self, place: Place, list: Option<&'a Vec<T>>, most: usize) -> &'a [T] {
        match list {
            None => &[],
            Some(list) if list.len() <= most => list,
            Some(_) => {
                self.wrong_count(place, 0..=most);
                &[]
            }
        }
    }

    fn wrong_count(&mut self, place: Place, count: RangeInclusive<usize>) {
        let (least, most) = count.into_inner();
        self.invalid(place, format!("Give {least} to {most} of them."));
    }
}

/// Loading and locking.
impl<'c> Write<'c> {
    /// The transaction, to read and write rows in.
    pub fn transaction(&self) -> &Transaction {
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
        expected: Option<i32>,
    ) -> Result<Option<E::Model>, DbErr> {
        let row = self.lock_one::<E>(Place::input().at("id"), id).await?;
        self.expect_version::<E>(row.as_ref(), expected);
        Ok(row)
    }

    /// Reports a row that is not at the version that the client has seen.
    pub fn expect_version<E: Versioned>(&mut self, row: Option<&E::Model>, expected: Option<i32>) {
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
                Place::input().at("expectedVersion"),
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
        let table = E::default().table_name();
        let row = row.before_save(&self.transaction, true).await?;
        let (columns, values): (Vec<_>, Vec<_>) = columns_of::<E>(&row).into_iter().unzip();
        let name = format!("{table} inserted {}", columns.join(" "));
        let statement = self.statement(&name, values.clone(), || {
            let mut insert = Query::insert();
            insert
                .into_table(E::default())
                .columns(columns)
                .returning(Query::returning().columns(E::Column::iter()));
            // As many values as columns.
            let _ = insert.values(values.into_iter().map(Expr::val));
            self.backend().build(&insert)
        });
        let row = E::Model::find_by_statement(statement);
        let row = row.one(&self.transaction).await?;
        let row = row.ok_or(DbErr::RecordNotInserted)?;
        self.made::<E>(&row);
        Ok(row)
    }

    /// Makes a row, unless there is one that is the [`same`] in these columns: the look and the
    /// write in one statement.
    pub async fn insert_unless_there<E: Versioned>(
        &mut self,
        row: &E::ActiveModel,
        columns: &[E::Column],
    ) -> Result<Option<E::Model>, DbErr> {
        let table = E::default();
        let given = |column: E::Column| Some((column, row.get(column).into_value()?));
        let own = columns_of::<E>(row);
        let compared: Vec<_> = columns.iter().copied().filter_map(given).collect();

        // Which columns there are, and which are compared with null, is all that the text depends on.
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
        let row = after.clone().into_active_model();
        let row = row.before_save(&self.transaction, false).await?;
        let mut columns = columns_of::<E>(&row);
        columns.retain(|(column, _)| column != E::ID.as_str());
        let key = Value::from(E::key(&after));
        let values = columns.iter().map(|(_, value)| value.clone());
        let values = values.chain([key.clone()]).collect();
        let name = format!("{} updated", E::default().table_name());
        let statement = self.statement(&name, values, || {
            let columns = columns.into_iter();
            let update = Query::update()
                .table(E::default())
                .values(columns.map(|(column, value)| (column, Expr::val(value))))
                .and_where(Expr::col(E::ID).eq(key))
                .take();
            self.backend().build(&update)
        });
        self.transaction.execute_raw(statement).await?;
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

/// The columns that the row gives, and the companions of those that are text.
fn columns_of<E: EntityTrait>(row: &E::ActiveModel) -> Vec<(String, Value)> {
    let mut columns = Vec::new();
    for column in E::Column::iter() {
        let Some(value) = row.get(column).into_value() else {
            continue;
        };
        let companion = match &value {
            Value::String(text) => Some(text.as_deref().and_then(text::companion)),
            _ => None,
        };
        columns.push((column.as_str().to_owned(), value));
        if let Some(companion) = companion {
            columns.push((text::companion_column(column.as_str()), companion.into()));
        }
    }
    columns
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
