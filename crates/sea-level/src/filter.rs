//! Filters: the translation of input objects to SQL conditions. The attribute
//! [`filter`](macro@crate::filter) defines the filter of an entity.
//!
//! * A filter on a relation is a subquery over the SeaORM relation, never a join, so that it cannot
//!   multiply rows. It does not mention the outer row, so that databases run it once.
//! * Text is compared without regard to case, as [`crate::text`] folds it.
//! * A condition on null is false, and `not` makes it true: SQL's `NOT (x)`, which stays null, is
//!   `(x) IS NOT TRUE` here.

use std::borrow::Cow;

use async_graphql::{
    ID, InputType, InputValueError, InputValueResult, Value as GraphqlValue, registry::Registry,
};
use sea_orm::{
    DbBackend, EntityTrait,
    sea_query::{
        ArrayType, BinOper, Condition, Expr, ExprTrait, Func, Query, Value,
        extension::postgres::PgFunc,
    },
};

use crate::{
    columns::primary_key,
    error::{Error, PLAIN_MESSAGE, Result, code},
    limits::Limits,
    scalar::key_of,
    text::search_forms,
};

/// Message for an explicit null in a filter.
const NULL_IN_FILTER: &str = "null is not allowed in a filter; leave the field out, or use isNull";

/// Optional field of a filter. Refuses an explicit null, which would silently match all rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Provided<T>(pub Option<T>);

impl<T> Default for Provided<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: InputType> InputType for Provided<T> {
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
            Some(GraphqlValue::Null) => Err(InputValueError::custom(NULL_IN_FILTER)
                .with_extension("code", code::BAD_USER_INPUT)
                .with_extension(PLAIN_MESSAGE, NULL_IN_FILTER)),
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

/// Filter on the rows of one entity.
pub trait Filter: InputType + Clone + PartialEq + 'static {
    /// The entity.
    type Entity: EntityTrait;

    /// Builds the condition on the entity's table.
    fn condition(&self, context: &mut FilterContext) -> Result<Condition>;
}

/// Filter on the links between two entities, for the argument `through` of a connection.
pub trait Through: Clone + PartialEq + Send + Sync + 'static {
    /// Builds the condition on the link's table.
    fn on_links(&self, context: &mut FilterContext) -> Result<Condition>;
}

impl<F: Filter> Through for F {
    fn on_links(&self, context: &mut FilterContext) -> Result<Condition> {
        self.condition(context)
    }
}

/// Type of `through` for links without data, which have no such argument.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NoThrough {}

impl Through for NoThrough {
    fn on_links(&self, _: &mut FilterContext) -> Result<Condition> {
        match *self {}
    }
}

/// Builds the condition of `through` on the link's table; none without the argument.
pub fn link_condition<T: Through>(through: Option<&T>, backend: DbBackend) -> Result<Condition> {
    through.map_or(Ok(Condition::all()), |through| {
        through.on_links(&mut FilterContext::new(backend, "through"))
    })
}

/// Returns the number of conditions of the filter in an argument. Refuses a filter that is wrong or
/// exceeds the limits.
pub(crate) fn count_conditions<T: Through>(
    filter: &T,
    argument: &str,
    limits: &Limits,
) -> Result<usize> {
    let mut context = FilterContext::new(DbBackend::Sqlite, argument);
    context.most_hops = limits.filter_hops;
    context.most_conditions = limits.filter_conditions;
    filter.on_links(&mut context)?;
    Ok(context.conditions)
}

/// State of the translation of a filter to SQL: database, path within the filter, and size so far.
pub struct FilterContext {
    pub(crate) backend: DbBackend,
    path: Vec<String>,
    most_hops: usize,
    most_conditions: usize,
    hops: usize,
    conditions: usize,
}

impl FilterContext {
    /// Starts with the filter that is the value of this argument. Its size was checked before.
    pub fn new(backend: DbBackend, argument: &str) -> Self {
        Self {
            backend,
            path: vec![argument.to_owned()],
            most_hops: usize::MAX,
            most_conditions: usize::MAX,
            hops: 0,
            conditions: 0,
        }
    }

    /// Creates an error with the current path.
    pub fn error(&self, message: impl Into<String>) -> Error {
        Error::BadUserInput {
            argument: self.path.clone(),
            message: message.into(),
        }
    }

    /// Translates a field or an item of the filter.
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

    /// Counts a condition.
    pub fn count(&mut self) -> Result<()> {
        self.conditions += 1;
        let most = self.most_conditions;
        if self.conditions > most {
            return Err(self.error(format!(
                "This filter has more than {most} conditions. Use fewer, or `in` and `ids`."
            )));
        }
        Ok(())
    }

    /// Translates an item of `and` or `or`. An empty filter counts as one condition, so that lists stay
    /// short.
    fn member<F: Filter>(&mut self, index: usize, filter: &F) -> Result<Condition> {
        let before = self.conditions;
        self.inside(index, |context| {
            let condition = filter.condition(context)?;
            if context.conditions == before {
                context.count()?;
            }
            Ok(condition)
        })
    }

    /// Translates a filter on a related entity.
    pub(crate) fn hop<F: Filter>(&mut self, filter: &F) -> Result<Condition> {
        self.hops += 1;
        let most = self.most_hops;
        if self.hops > most {
            return Err(self.error(format!("A filter can go through at most {most} relations.")));
        }
        let condition = filter.condition(self)?;
        self.hops -= 1;
        Ok(condition)
    }

    /// Returns the forms to search for. Refuses NUL.
    pub(crate) fn search_forms(&self, text: &str) -> Result<Vec<String>> {
        if text.contains('\0') {
            return Err(self.error("Text cannot contain the NUL character."));
        }
        Ok(search_forms(text))
    }

    /// Returns the condition that holds for one of the forms of the text.
    pub(crate) fn any_form(
        &mut self,
        field: &str,
        text: &str,
        is: impl Fn(String) -> Condition,
    ) -> Result<Condition> {
        self.count()?;
        let forms = self.inside(field, |context| context.search_forms(text))?;
        Ok(forms
            .into_iter()
            .map(is)
            .fold(Condition::any(), Condition::add))
    }

    /// Returns `expr IN (numbers)`, with all numbers in one parameter.
    pub fn among_numbers(&self, expr: Expr, numbers: &[i64]) -> Expr {
        self.among(
            expr,
            ArrayType::BigInt,
            numbers.iter().map(|number| (*number).into()).collect(),
            || serde_json::json!(numbers).to_string(),
        )
    }

    pub(crate) fn among(
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

/// `(x) IS NOT TRUE`: holds where the condition is false or null.
pub(crate) fn is_not_true(condition: Condition) -> Expr {
    // A custom expression would come in parentheses, which PostgreSQL does not take here.
    Expr::from(condition).binary(BinOper::IsNot, Expr::custom_keyword("TRUE"))
}

/// Condition of the fields that every filter has.
pub fn combined<F: Filter>(
    and: &Provided<Vec<F>>,
    or: &Provided<Vec<F>>,
    not: &Provided<Box<F>>,
    ids: &Provided<Vec<ID>>,
    prefix: &str,
    context: &mut FilterContext,
) -> Result<Condition> {
    let mut condition = Condition::all();
    if let Some(filters) = &and.0 {
        condition = condition.add(context.inside("and", |context| all(filters, context))?);
    }
    if let Some(filters) = &or.0 {
        condition = condition.add(context.inside("or", |context| any(filters, context))?);
    }
    if let Some(filter) = &not.0 {
        let negated = context.inside("not", |context| filter.condition(context))?;
        // An empty filter matches all rows, so that its negation matches none.
        condition = condition.add(is_not_true(or_true(negated)));
    }
    if let Some(ids) = &ids.0 {
        let has_id = |context: &mut FilterContext| has_id::<F::Entity>(prefix, ids, context);
        condition = condition.add(context.inside("ids", has_id)?);
    }
    Ok(condition)
}

/// Condition for the rows of `E` with these public ids, which have a prefix. Malformed ids and ids of
/// other types match nothing.
fn has_id<E: EntityTrait>(prefix: &str, ids: &[ID], context: &mut FilterContext) -> Result<Expr> {
    context.count()?;
    let keys: Vec<i64> = ids.iter().filter_map(|id| key_of(prefix, id)).collect();
    Ok(context.among_numbers(Expr::col((E::default(), primary_key::<E>())), &keys))
}

/// Condition of `and`. An empty list matches all rows.
fn all<F: Filter>(filters: &[F], context: &mut FilterContext) -> Result<Condition> {
    let mut condition = Condition::all();
    for (index, filter) in filters.iter().enumerate() {
        condition = condition.add(context.member(index, filter)?);
    }
    Ok(condition)
}

/// Condition of `or`. An empty list matches no row.
fn any<F: Filter>(filters: &[F], context: &mut FilterContext) -> Result<Condition> {
    let mut condition = Condition::any().add(Expr::cust("FALSE"));
    for (index, filter) in filters.iter().enumerate() {
        // The query builder leaves out an empty condition, which matches all rows here.
        let filter = context.member(index, filter)?;
        condition = condition.add(if filter.is_empty() {
            Expr::cust("TRUE")
        } else {
            filter.into()
        });
    }
    Ok(condition)
}

/// Replaces an empty condition by TRUE.
pub(crate) fn or_true(condition: Condition) -> Condition {
    if condition.is_empty() {
        condition.add(Expr::cust("TRUE"))
    } else {
        condition
    }
}
