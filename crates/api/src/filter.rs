//! Filters: input objects on one side, SQL conditions on the other. The only file that knows how a
//! comparison or a relation filter is said in SQL; entity files list which columns and relations
//! can be asked about.
//!
//! * A relation filter is a sub-select over the SeaORM relation, never a join: it cannot multiply
//!   rows. It does not mention the outer row, so databases run it once.
//! * Text is compared without regard to case, as [`entity::text`] folds it.
//! * A condition on null is false and `not` turns it into true, so SQL's `NOT (x)`, which stays
//!   null, is `(x) IS NOT TRUE` here.

use std::borrow::Cow;

use async_graphql::{
    InputObject, InputType, InputValueError, InputValueResult, OneofObject, Value as GraphqlValue,
    registry::Registry,
};
use entity::text::{folded_sql, search_forms};
use sea_orm::{
    ColumnTrait, DbBackend, EntityName, Related,
    sea_query::{
        ArrayType, BinOper, Condition, Expr, ExprTrait, Func, Query, Value,
        extension::postgres::PgFunc,
    },
};

use crate::{
    context::Record,
    error::{Error, NO_NULL, Result},
    link::Link,
    scalar::{Date, DateTime, Long, key_of},
};

/// A field of a filter: left out, or given; an explicit null is refused, because it would silently
/// mean «match all».
#[derive(Clone, Debug, PartialEq)]
pub struct Given<T>(pub Option<T>);

impl<T> Default for Given<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: InputType> InputType for Given<T> {
    type RawValueType = T::RawValueType;

    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn qualified_type_name() -> String {
        T::type_name().into_owned()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry);
        T::type_name().into_owned()
    }

    fn parse(value: Option<GraphqlValue>) -> InputValueResult<Self> {
        match value {
            None => Ok(Self(None)),
            Some(GraphqlValue::Null) => {
                Err(InputValueError::custom(NO_NULL).with_extension("code", "BAD_USER_INPUT"))
            }
            some => Ok(Self(Some(
                T::parse(some).map_err(InputValueError::propagate)?,
            ))),
        }
    }

    fn to_value(&self) -> GraphqlValue {
        self.0
            .as_ref()
            .map_or(GraphqlValue::Null, InputType::to_value)
    }

    fn as_raw_value(&self) -> Option<&Self::RawValueType> {
        self.0.as_ref().and_then(InputType::as_raw_value)
    }
}

/// A filter on the rows of one entity.
pub trait Filter: InputType + Clone + PartialEq + 'static {
    /// The entity.
    type Entity: Record;

    /// The same filter as a condition on the entity's table.
    fn condition(&self, reading: &mut Reading) -> Result<Condition>;
}

/// A filter whose entity is not known by type.
pub trait AnyFilter {
    /// How many conditions it has; an error when it is wrong, or larger than the limits.
    fn check(&self, argument: &str, limits: FilterLimits) -> Result<usize>;
}

impl<F: Filter> AnyFilter for F {
    fn check(&self, argument: &str, limits: FilterLimits) -> Result<usize> {
        let mut reading = Reading::new(DbBackend::Sqlite, argument);
        reading.limits = limits;
        self.condition(&mut reading)?;
        Ok(reading.conditions)
    }
}

/// How large a filter may be.
#[derive(Clone, Copy)]
pub struct FilterLimits {
    /// Relations that it may go through.
    pub hops: usize,
    /// Conditions that the filters of one operation may have in all.
    pub conditions: usize,
}

/// A filter being turned into SQL: for which database, where in the filter, and how much so far.
pub struct Reading {
    backend: DbBackend,
    path: Vec<String>,
    limits: FilterLimits,
    hops: usize,
    /// Conditions met so far.
    pub conditions: usize,
}

impl Reading {
    /// Begins with the filter that is the value of this argument, and whose size
    /// [has been looked at](AnyFilter::check).
    pub fn new(backend: DbBackend, argument: &str) -> Self {
        Self {
            backend,
            path: vec![argument.to_owned()],
            limits: FilterLimits {
                hops: usize::MAX,
                conditions: usize::MAX,
            },
            hops: 0,
            conditions: 0,
        }
    }

    /// An error at the place that is being read.
    pub fn error(&self, message: impl Into<String>) -> Error {
        Error::BadUserInput {
            argument: self.path.clone(),
            message: message.into(),
        }
    }

    /// Reads a part of the filter.
    pub fn inside<T>(
        &mut self,
        field: impl ToString,
        read: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        self.path.push(field.to_string());
        let result = read(self)?;
        self.path.pop();
        Ok(result)
    }

    fn count(&mut self) -> Result<()> {
        self.conditions += 1;
        let most = self.limits.conditions;
        if self.conditions > most {
            return Err(self.error(format!(
                "This filter has more than {most} conditions. Use fewer, or `in` and `ids`."
            )));
        }
        Ok(())
    }

    /// One of a list of filters; it counts even if it says nothing, so that a list stays short.
    fn member<F: Filter>(&mut self, index: usize, filter: &F) -> Result<Condition> {
        let before = self.conditions;
        self.inside(index, |reading| {
            let condition = filter.condition(reading)?;
            if reading.conditions == before {
                reading.count()?;
            }
            Ok(condition)
        })
    }

    /// A sub-select over the rows of a related entity that match.
    fn hop<F: Filter>(&mut self, filter: &F) -> Result<Condition> {
        self.hops += 1;
        let most = self.limits.hops;
        if self.hops > most {
            return Err(self.error(format!("A filter can go through at most {most} relations.")));
        }
        let condition = filter.condition(self)?;
        self.hops -= 1;
        Ok(condition)
    }

    /// Returns the forms to look for. Refuses NUL.
    fn search_forms(&self, text: &str) -> Result<Vec<String>> {
        if text.contains('\0') {
            return Err(self.error("Text cannot contain the NUL character."));
        }
        Ok(search_forms(text))
    }

    /// Returns the condition that holds for one of the forms of the text.
    fn any_form(
        &mut self,
        field: &str,
        text: &str,
        is: impl Fn(String) -> Condition,
    ) -> Result<Condition> {
        self.count()?;
        let forms = self.inside(field, |reading| reading.search_forms(text))?;
        Ok(forms
            .into_iter()
            .map(is)
            .fold(Condition::any(), Condition::add))
    }

    /// `expr` is one of the numbers, which travel as one parameter.
    pub fn among_numbers(&self, expr: Expr, numbers: &[i64]) -> Expr {
        self.among(
            expr,
            ArrayType::BigInt,
            numbers.iter().map(|number| (*number).into()).collect(),
            || serde_json::json!(numbers).to_string(),
        )
    }

    fn among(
        &self,
        expr: Expr,
        kind: ArrayType,
        values: Vec<Value>,
        json: impl FnOnce() -> String,
    ) -> Expr {
        if self.backend == DbBackend::Sqlite {
            let list = Query::select()
                .column("value")
                .from_function(Func::cust("json_each").arg(json()), "list")
                .take();
            expr.in_subquery(list)
        } else {
            expr.eq(PgFunc::any(Expr::val(Value::Array(
                kind,
                Some(Box::new(values)),
            ))))
        }
    }
}

/// `(x) IS NOT TRUE`: what does not hold, unknown included.
pub fn not(condition: Condition) -> Expr {
    // A custom expression would come in parentheses, which PostgreSQL does not take here.
    Expr::from(condition).binary(BinOper::IsNot, Expr::custom_keyword("TRUE"))
}

/// The rows of `E` with these public ids; malformed ones and those of other types match nothing.
pub fn ids<E: Record>(ids: &[async_graphql::ID], reading: &mut Reading) -> Result<Expr> {
    reading.count()?;
    let keys: Vec<i64> = ids.iter().filter_map(|id| key_of(E::PREFIX, id)).collect();
    Ok(reading.among_numbers(Expr::col((E::default(), E::ID)), &keys))
}

/// `and` and `or`: an empty `and` holds, an empty `or` does not.
pub fn all<F: Filter>(filters: &[F], reading: &mut Reading) -> Result<Condition> {
    let mut condition = Condition::all();
    for (index, filter) in filters.iter().enumerate() {
        condition = condition.add(reading.member(index, filter)?);
    }
    Ok(condition)
}

/// See [`all`].
pub fn any<F: Filter>(filters: &[F], reading: &mut Reading) -> Result<Condition> {
    let mut condition = Condition::any().add(Expr::cust("FALSE"));
    for (index, filter) in filters.iter().enumerate() {
        // An empty condition would be left out by the query builder; here it means «all».
        let filter = reading.member(index, filter)?;
        condition = condition.add(if filter.is_empty() {
            Expr::cust("TRUE")
        } else {
            filter.into()
        });
    }
    Ok(condition)
}

/// A comparison that a column can be put to.
pub trait Comparison {
    /// The comparison as a condition on `column`.
    fn on(&self, column: Expr, reading: &mut Reading) -> Result<Condition>;
}

/// Text conditions; all that are given must hold. Matching ignores case, in every script and on every database; text is compared in Unicode NFC. Accents count.
#[derive(InputObject, Clone, Debug, Default, PartialEq)]
pub struct StringFilter {
    /// Equal to.
    eq: Given<String>,
    /// Not equal to (null counts as not equal).
    ne: Given<String>,
    /// One of. An empty list matches nothing.
    r#in: Given<Vec<String>>,
    /// Contains this text. `%` and `_` are ordinary characters.
    contains: Given<String>,
    /// Starts with this text.
    starts_with: Given<String>,
    /// Ends with this text.
    ends_with: Given<String>,
    /// true: is null. false: is not null.
    is_null: Given<bool>,
}

impl StringFilter {
    /// The comparison as a condition on a text column, which has a companion.
    pub fn on<C: ColumnTrait>(&self, text: C, reading: &mut Reading) -> Result<Condition> {
        let mut all = Condition::all();
        let backend = reading.backend;
        let table = C::EntityName::default();
        let folded = Expr::cust(folded_sql(backend, table.table_name(), text.as_str()));
        let column = column(text);
        // PostgreSQL's functions take `int` and no wider number.
        let length = |text: &str| i32::try_from(text.chars().count()).unwrap_or(i32::MAX);
        if let Some(text) = &self.eq.0 {
            let is = |text| folded.clone().eq(text).into();
            all = all.add(reading.any_form("eq", text, is)?);
        }
        if let Some(text) = &self.ne.0 {
            let is = |text| folded.clone().eq(text).into();
            let differs = reading.any_form("ne", text, is)?.not();
            all = all.add(Condition::any().add(differs).add(column.clone().is_null()));
        }
        if let Some(texts) = &self.r#in.0 {
            reading.count()?;
            let texts = reading.inside("in", |reading| {
                let texts = texts.iter().map(|text| reading.search_forms(text));
                texts.collect::<Result<Vec<_>>>()
            })?;
            let texts = texts.concat();
            let values = texts.iter().map(|text| text.as_str().into()).collect();
            all = all.add(
                reading.among(folded.clone(), ArrayType::String, values, || {
                    serde_json::json!(texts).to_string()
                }),
            );
        }
        if let Some(text) = &self.contains.0 {
            let position = if backend == DbBackend::Sqlite {
                "instr"
            } else {
                "strpos"
            };
            let is = |text| {
                let position = Func::cust(position).arg(folded.clone()).arg(text);
                position.gt(0).into()
            };
            all = all.add(reading.any_form("contains", text, is)?);
        }
        if let Some(text) = &self.starts_with.0 {
            // As a range, which an index on the folded text can serve.
            let is = |text: String| {
                Condition::all()
                    .add_option(behind_all_with(&text).map(|behind| folded.clone().lt(behind)))
                    .add(folded.clone().gte(text))
            };
            all = all.add(reading.any_form("startsWith", text, is)?);
        }
        if let Some(text) = &self.ends_with.0 {
            let is = |text: String| {
                let folded = folded.clone();
                let is = if text.is_empty() {
                    column.clone().is_not_null()
                } else if backend == DbBackend::Sqlite {
                    let end = Func::cust("substr").arg(folded).arg(-length(&text));
                    end.eq(text)
                } else {
                    Func::cust("right").arg(folded).arg(length(&text)).eq(text)
                };
                is.into()
            };
            all = all.add(reading.any_form("endsWith", text, is)?);
        }
        add_is_null(all, column, &self.is_null, reading)
    }
}

/// The first text, by code point, behind all that begin with this one; `None` when there is none.
fn behind_all_with(beginning: &str) -> Option<String> {
    let mut behind = beginning.to_owned();
    while let Some(last) = behind.pop() {
        // The range knows that surrogates are no characters.
        if let Some(next) = (last..=char::MAX).nth(1) {
            behind.push(next);
            return Some(behind);
        }
    }
    None
}

fn add_is_null(
    condition: Condition,
    column: Expr,
    is_null: &Given<bool>,
    reading: &mut Reading,
) -> Result<Condition> {
    if is_null.0.is_some() {
        reading.count()?;
    }
    Ok(match is_null.0 {
        Some(true) => condition.add(column.is_null()),
        Some(false) => condition.add(column.is_not_null()),
        None => condition,
    })
}

/// The input object of a type with an order, and what its comparisons mean.
macro_rules! ordered_filter {
    ($(#[$doc:meta])* $name:ident of $scalar:ty, $value:expr;
     $($(#[$field_doc:meta])* $field:ident)*; $(is_null $(#[$null_doc:meta])*)?) => {
        $(#[$doc])*
        #[derive(InputObject, Clone, Debug, Default, PartialEq)]
        pub struct $name {
            $($(#[$field_doc])* $field: Given<$scalar>,)*
            $($(#[$null_doc])* is_null: Given<bool>,)?
        }

        impl Comparison for $name {
            fn on(&self, column: Expr, reading: &mut Reading) -> Result<Condition> {
                let mut all = Condition::all();
                $(if let Some(value) = &self.$field.0 {
                    reading.count()?;
                    let value: Value = ($value)(*value);
                    all = all.add(column.clone().$field(value));
                })*
                $(all = { $(let _ = stringify!($null_doc);)* add_is_null(all, column, &self.is_null, reading)? };)?
                Ok(all)
            }
        }
    };
}

ordered_filter! {
    /// Conditions on a count; all that are given must hold.
    IntFilter of i32, Value::from;
    /// Equal to.
    eq
    /// Not equal to.
    ne
    /// Less than.
    lt
    /// At most.
    lte
    /// Greater than.
    gt
    /// At least.
    gte;
}

ordered_filter! {
    /// Conditions on a wide number; all that are given must hold. Null matches only `isNull: true`.
    LongFilter of Long, |value: Long| Value::from(value.0);
    /// Equal to.
    eq
    /// Not equal to.
    ne
    /// Less than.
    lt
    /// At most.
    lte
    /// Greater than.
    gt
    /// At least.
    gte;
    is_null
    /// true: is null. false: is not null.
}

ordered_filter! {
    /// Conditions on a date; all that are given must hold. Null matches only `isNull: true`.
    DateFilter of Date, |value: Date| Value::from(value.0);
    /// On this day.
    eq
    /// Not on this day.
    ne
    /// Before this day.
    lt
    /// On or before this day.
    lte
    /// After this day.
    gt
    /// On or after this day.
    gte;
    is_null
    /// true: is null. false: is not null.
}

ordered_filter! {
    /// Conditions on a point in time; all that are given must hold. Null matches only `isNull: true`.
    DateTimeFilter of DateTime, |value: DateTime| Value::from(value.0);
    /// At this instant.
    eq
    /// Before.
    lt
    /// At or before.
    lte
    /// After.
    gt
    /// At or after.
    gte;
    is_null
    /// true: is null. false: is not null.
}

/// A stretch of time, from its start up to, not including, its end. Leave an end out for no bound on that side; give at least one, and the end after the start.
#[derive(InputObject, Clone, Debug, PartialEq)]
pub struct DateTimeRangeInput {
    /// Start, included.
    from: Given<DateTime>,
    /// End, not included.
    until: Given<DateTime>,
}

impl DateTimeRangeInput {
    /// Start and end; `None` where there is no bound.
    pub fn bounds(&self, reading: &Reading) -> Result<(Option<DateTime>, Option<DateTime>)> {
        match (self.from.0, self.until.0) {
            (None, None) => Err(reading.error("Give `from`, `until` or both.")),
            (Some(from), Some(until)) if until <= from => {
                Err(reading.error("`until` must be after `from`."))
            }
            bounds => Ok(bounds),
        }
    }
}

/// When an assignment must be active. Give exactly one.
#[derive(OneofObject, Clone, Debug, PartialEq)]
pub enum ActiveFilter {
    /// Active at this instant.
    At(DateTime),
    /// Active at some time in this range.
    During(DateTimeRangeInput),
    /// Active through the whole of this range.
    Throughout(DateTimeRangeInput),
}

impl ActiveFilter {
    /// The condition on the columns that hold start (included) and end (not included).
    pub fn on(&self, start: Expr, end: Expr, reading: &mut Reading) -> Result<Condition> {
        reading.count()?;
        let null_or = |column: &Expr, test: Expr| column.clone().is_null().or(test);
        let all = Condition::all();
        Ok(match self {
            Self::At(at) => active_at(start, end, *at),
            Self::During(range) => {
                let (from, until) = reading.inside("during", |reading| range.bounds(reading))?;
                overlaps(start, end, from, until)
            }
            Self::Throughout(range) => {
                let (from, until) =
                    reading.inside("throughout", |reading| range.bounds(reading))?;
                let started = match from {
                    Some(from) => null_or(&start, start.clone().lte(from.0)),
                    None => start.is_null(),
                };
                let not_ended = match until {
                    Some(until) => null_or(&end, end.clone().gte(until.0)),
                    None => end.is_null(),
                };
                all.add(started).add(not_ended)
            }
        })
    }
}

/// `start <= at < end`, where a null start or end is open.
pub fn active_at(start: Expr, end: Expr, at: DateTime) -> Condition {
    Condition::all()
        .add(start.clone().is_null().or(start.lte(at.0)))
        .add(end.clone().is_null().or(end.gt(at.0)))
}

/// Shares an instant with the range, where nulls are open on both sides.
pub fn overlaps(
    start: Expr,
    end: Expr,
    from: Option<DateTime>,
    until: Option<DateTime>,
) -> Condition {
    Condition::all()
        .add_option(until.map(|until| start.clone().is_null().or(start.lt(until.0))))
        .add_option(from.map(|from| end.clone().is_null().or(end.gt(from.0))))
}

/// Conditions on the things linked to something. Everything given must hold.
#[derive(InputObject, Clone, Debug, PartialEq)]
#[graphql(
    concrete(name = "EmployeeListFilter", params(crate::employee::EmployeeFilter)),
    concrete(name = "MeetingListFilter", params(crate::meeting::MeetingFilter)),
    concrete(name = "ProjectListFilter", params(crate::project::ProjectFilter)),
    concrete(
        name = "AssignmentListFilter",
        params(crate::assignment::AssignmentFilter)
    )
)]
pub struct ListFilter<F: InputType> {
    /// At least one that is linked matches.
    some: Given<Box<F>>,
    /// None that is linked matches.
    none: Given<Box<F>>,
    /// Every one that is linked matches. True when none is linked; add `count: {gt: 0}` to exclude that.
    every: Given<Box<F>>,
    /// Number of distinct linked things.
    count: Given<IntFilter>,
}

/// A filter on what `P` is linked to by its SeaORM relation.
pub fn many<P, F>(filter: &ListFilter<F>, reading: &mut Reading) -> Result<Condition>
where
    P: Record + Related<F::Entity>,
    F: Filter,
{
    let link = Link::between::<P, F::Entity>();
    let key = || Expr::col((P::default(), P::ID));
    let mut all = Condition::all();
    if let Some(some) = &filter.some.0 {
        let condition = reading.inside("some", |reading| reading.hop(&**some))?;
        all = all.add(key().in_subquery(link.parents_of(condition)));
    }
    if let Some(none) = &filter.none.0 {
        let condition = reading.inside("none", |reading| reading.hop(&**none))?;
        all = all.add(key().not_in_subquery(link.parents_of(condition)));
    }
    if let Some(every) = &filter.every.0 {
        let condition = reading.inside("every", |reading| reading.hop(&**every))?;
        let failing = Condition::all().add(not(or_true(condition)));
        all = all.add(key().not_in_subquery(link.parents_of(failing)));
    }
    if let Some(count) = &filter.count.0 {
        all = all.add(reading.inside("count", |reading| count.on(link.count_for(key()), reading))?);
    }
    Ok(all)
}

/// A filter on the one `R` that a column refers to.
pub fn one<F: Filter>(column: Expr, filter: &F, reading: &mut Reading) -> Result<Condition> {
    let condition = reading.hop(filter)?;
    let matching = Query::select()
        .column((F::Entity::default(), F::Entity::ID))
        .from(F::Entity::default())
        .cond_where(condition)
        .take();
    Ok(Condition::all().add(column.in_subquery(matching)))
}

fn or_true(condition: Condition) -> Condition {
    if condition.is_empty() {
        condition.add(Expr::cust("TRUE"))
    } else {
        condition
    }
}

/// A column of the table that is being filtered.
pub fn column<C: ColumnTrait>(column: C) -> Expr {
    Expr::col(column.as_column_ref())
}

/// The filter of an entity: its input object, and what each of its fields means.
///
/// A line is `name: Type => |value, reading| condition`; `and`, `or`, `not` and `ids` come by
/// themselves.
macro_rules! filter {
    (
        $(#[$doc:meta])*
        $name:ident of $entity:ty {
            $($(#[$field_doc:meta])* $field:ident: $type:ty => $read:expr,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(async_graphql::InputObject, Clone, Debug, PartialEq)]
        pub struct $name {
            /// All of these must hold. An empty list matches all.
            and: $crate::filter::Given<Vec<$name>>,
            /// At least one of these must hold. An empty list matches nothing.
            or: $crate::filter::Given<Vec<$name>>,
            /// This must not hold.
            not: $crate::filter::Given<Box<$name>>,
            /// One of these ids. Unknown ids match nothing.
            ids: $crate::filter::Given<Vec<async_graphql::ID>>,
            $($(#[$field_doc])* $field: $crate::filter::Given<$type>,)*
        }

        impl $crate::filter::Filter for $name {
            type Entity = $entity;

            fn condition(
                &self,
                reading: &mut $crate::filter::Reading,
            ) -> $crate::error::Result<sea_orm::sea_query::Condition> {
                use $crate::filter::Reading;
                let mut all = sea_orm::sea_query::Condition::all();
                if let Some(filters) = &self.and.0 {
                    all = all.add(reading.inside("and", |reading| $crate::filter::all(filters, reading))?);
                }
                if let Some(filters) = &self.or.0 {
                    all = all.add(reading.inside("or", |reading| $crate::filter::any(filters, reading))?);
                }
                if let Some(filter) = &self.not.0 {
                    let filter = reading.inside("not", |reading| filter.condition(reading))?;
                    all = all.add($crate::filter::negated(filter));
                }
                if let Some(ids) = &self.ids.0 {
                    all = all.add(reading.inside("ids", |reading| $crate::filter::ids::<$entity>(ids, reading))?);
                }
                $(if let Some(value) = &self.$field.0 {
                    let read: fn(&$type, &mut Reading) -> $crate::error::Result<sea_orm::sea_query::Condition> = $read;
                    all = all.add(reading.inside(
                        $crate::filter::camel_case(stringify!($field)),
                        |reading| read(value, reading),
                    )?);
                })*
                Ok(all)
            }
        }
    };
}
pub(crate) use filter;

/// What an empty filter matches, turned around: nothing.
pub fn negated(condition: Condition) -> Expr {
    not(or_true(condition))
}

/// The public name of a field: `hire_date` is `hireDate`.
pub fn camel_case(field: &str) -> String {
    let mut words = field.split('_');
    let mut name = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_a_range_of_text() {
        let behind = |text: &str| behind_all_with(text);
        assert_eq!(behind("ab").as_deref(), Some("ac"));
        assert_eq!(behind("a\u{d7ff}").as_deref(), Some("a\u{e000}"));
        assert_eq!(behind("a\u{10ffff}\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(behind("\u{10ffff}"), None);
        assert_eq!(behind(""), None);
    }
}
