//! Comparisons of columns: the input objects of scalar fields in filters.

use async_graphql::InputObject;
use sea_orm::{
    ColumnTrait, DbBackend, EntityName,
    sea_query::{ArrayType, BinOper, Condition, Expr, ExprTrait, Func, Value},
};

use crate::{
    error::Result,
    filter::{FilterContext, Provided},
    relation::column,
    scalar::{Date, DateTime, Long},
    text::folded_sql,
};

/// Comparison of a column with values.
pub trait Comparison {
    /// Builds the condition on `column`.
    fn on(&self, column: Expr, context: &mut FilterContext) -> Result<Condition>;
}

/// Text conditions; all that are given must hold. Matching ignores case, in every script and on every database; text is compared in Unicode NFC. Accents count.
#[derive(InputObject, Clone, Debug, Default, PartialEq)]
pub struct StringFilter {
    /// Equal to.
    eq: Provided<String>,
    /// Not equal to (null counts as not equal).
    ne: Provided<String>,
    /// One of. An empty list matches nothing.
    r#in: Provided<Vec<String>>,
    /// Contains this text. `%` and `_` are ordinary characters.
    contains: Provided<String>,
    /// Starts with this text.
    starts_with: Provided<String>,
    /// Ends with this text.
    ends_with: Provided<String>,
    /// true: is null. false: is not null.
    is_null: Provided<bool>,
}

/// Filter on one column of an entity.
pub trait ColumnFilter {
    /// Builds the condition on `column`.
    fn on_column<C: ColumnTrait>(
        &self,
        column: C,
        context: &mut FilterContext,
    ) -> Result<Condition>;
}

impl<F: Comparison> ColumnFilter for F {
    fn on_column<C: ColumnTrait>(&self, name: C, context: &mut FilterContext) -> Result<Condition> {
        self.on(column(name), context)
    }
}

/// Conditions on a text column, which has a companion: see [`crate::text`].
impl ColumnFilter for StringFilter {
    fn on_column<C: ColumnTrait>(&self, text: C, context: &mut FilterContext) -> Result<Condition> {
        let mut all = Condition::all();
        let backend = context.backend;
        let table = C::EntityName::default();
        let folded = Expr::cust(folded_sql(backend, table.table_name(), text.as_str()));
        let column = column(text);
        // PostgreSQL's functions take `int` and no wider number.
        let length = |text: &str| i32::try_from(text.chars().count()).unwrap_or(i32::MAX);
        if let Some(text) = &self.eq.0 {
            let is = |text| folded.clone().eq(text).into();
            all = all.add(context.any_form("eq", text, is)?);
        }
        if let Some(text) = &self.ne.0 {
            let is = |text| folded.clone().eq(text).into();
            let differs = context.any_form("ne", text, is)?.not();
            all = all.add(Condition::any().add(differs).add(column.clone().is_null()));
        }
        if let Some(texts) = &self.r#in.0 {
            context.count()?;
            let texts = context.inside("in", |context| {
                let texts = texts.iter().map(|text| context.search_forms(text));
                texts.collect::<Result<Vec<_>>>()
            })?;
            let texts = texts.concat();
            let values = texts.iter().map(|text| text.as_str().into()).collect();
            all = all.add(
                context.among(folded.clone(), ArrayType::String, values, || {
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
            all = all.add(context.any_form("contains", text, is)?);
        }
        if let Some(text) = &self.starts_with.0 {
            // A range, which an index on the folded text serves.
            let is = |text: String| {
                Condition::all()
                    .add_option(behind_all_with(&text).map(|behind| folded.clone().lt(behind)))
                    .add(folded.clone().gte(text))
            };
            all = all.add(context.any_form("startsWith", text, is)?);
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
            all = all.add(context.any_form("endsWith", text, is)?);
        }
        add_is_null(all, column, &self.is_null, context)
    }
}

/// Returns the first text, by code point, behind all texts with this beginning, if there is one.
fn behind_all_with(beginning: &str) -> Option<String> {
    let mut behind = beginning.to_owned();
    while let Some(last) = behind.pop() {
        // The range skips surrogates, which are no characters.
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
    is_null: &Provided<bool>,
    context: &mut FilterContext,
) -> Result<Condition> {
    if is_null.0.is_some() {
        context.count()?;
    }
    Ok(match is_null.0 {
        Some(true) => condition.add(column.is_null()),
        Some(false) => condition.add(column.is_not_null()),
        None => condition,
    })
}

impl From<Long> for Value {
    fn from(value: Long) -> Self {
        value.0.into()
    }
}

impl From<Date> for Value {
    fn from(value: Date) -> Self {
        value.0.into()
    }
}

impl From<DateTime> for Value {
    fn from(value: DateTime) -> Self {
        value.0.into()
    }
}

/// Compares the column with the values of `eq`, `ne`, `lt`, `lte`, `gt` and `gte` that are given; all must hold.
fn compare<T: Copy + Into<Value>>(
    column: &Expr,
    values: [&Provided<T>; 6],
    context: &mut FilterContext,
) -> Result<Condition> {
    let operators = [
        BinOper::Equal,
        BinOper::NotEqual,
        BinOper::SmallerThan,
        BinOper::SmallerThanOrEqual,
        BinOper::GreaterThan,
        BinOper::GreaterThanOrEqual,
    ];
    let mut all = Condition::all();
    for (operator, value) in operators.into_iter().zip(values) {
        if let Some(value) = value.0 {
            context.count()?;
            all = all.add(column.clone().binary(operator, Expr::val(value)));
        }
    }
    Ok(all)
}

/// Conditions on a count; all that are given must hold.
#[derive(InputObject, Clone, Debug, Default, PartialEq)]
pub struct IntFilter {
    /// Equal to.
    eq: Provided<i32>,
    /// Not equal to.
    ne: Provided<i32>,
    /// Less than.
    lt: Provided<i32>,
    /// At most.
    lte: Provided<i32>,
    /// Greater than.
    gt: Provided<i32>,
    /// At least.
    gte: Provided<i32>,
}

impl Comparison for IntFilter {
    fn on(&self, column: Expr, context: &mut FilterContext) -> Result<Condition> {
        compare(
            &column,
            [&self.eq, &self.ne, &self.lt, &self.lte, &self.gt, &self.gte],
            context,
        )
    }
}

/// Conditions on a wide number; all that are given must hold. Null matches only `isNull: true`.
#[derive(InputObject, Clone, Debug, Default, PartialEq)]
pub struct LongFilter {
    /// Equal to.
    eq: Provided<Long>,
    /// Not equal to.
    ne: Provided<Long>,
    /// Less than.
    lt: Provided<Long>,
    /// At most.
    lte: Provided<Long>,
    /// Greater than.
    gt: Provided<Long>,
    /// At least.
    gte: Provided<Long>,
    /// true: is null. false: is not null.
    is_null: Provided<bool>,
}

impl Comparison for LongFilter {
    fn on(&self, column: Expr, context: &mut FilterContext) -> Result<Condition> {
        let all = compare(
            &column,
            [&self.eq, &self.ne, &self.lt, &self.lte, &self.gt, &self.gte],
            context,
        )?;
        add_is_null(all, column, &self.is_null, context)
    }
}

/// Conditions on a date; all that are given must hold. Null matches only `isNull: true`.
#[derive(InputObject, Clone, Debug, Default, PartialEq)]
pub struct DateFilter {
    /// On this day.
    eq: Provided<Date>,
    /// Not on this day.
    ne: Provided<Date>,
    /// Before this day.
    lt: Provided<Date>,
    /// On or before this day.
    lte: Provided<Date>,
    /// After this day.
    gt: Provided<Date>,
    /// On or after this day.
    gte: Provided<Date>,
    /// true: is null. false: is not null.
    is_null: Provided<bool>,
}

impl Comparison for DateFilter {
    fn on(&self, column: Expr, context: &mut FilterContext) -> Result<Condition> {
        let all = compare(
            &column,
            [&self.eq, &self.ne, &self.lt, &self.lte, &self.gt, &self.gte],
            context,
        )?;
        add_is_null(all, column, &self.is_null, context)
    }
}

/// Conditions on a point in time; all that are given must hold. Null matches only `isNull: true`.
#[derive(InputObject, Clone, Debug, Default, PartialEq)]
pub struct DateTimeFilter {
    /// At this instant.
    eq: Provided<DateTime>,
    /// Before.
    lt: Provided<DateTime>,
    /// At or before.
    lte: Provided<DateTime>,
    /// After.
    gt: Provided<DateTime>,
    /// At or after.
    gte: Provided<DateTime>,
    /// true: is null. false: is not null.
    is_null: Provided<bool>,
}

impl Comparison for DateTimeFilter {
    fn on(&self, column: Expr, context: &mut FilterContext) -> Result<Condition> {
        let ne = &Provided(None);
        let all = compare(
            &column,
            [&self.eq, ne, &self.lt, &self.lte, &self.gt, &self.gte],
            context,
        )?;
        add_is_null(all, column, &self.is_null, context)
    }
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
