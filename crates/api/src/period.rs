//! Periods: the time in which an assignment is active. A start is included, an end is not, and null is
//! open.

use async_graphql::{InputObject, OneofObject};
use sea_level::{DateTime, FilterContext, Provided, Result};
use sea_orm::sea_query::{Condition, Expr, ExprTrait};

/// A stretch of time, from its start up to, not including, its end. Leave an end out for no bound on that side; give at least one, and the end after the start.
#[derive(InputObject, Clone, Debug, PartialEq)]
pub struct DateTimeRangeInput {
    /// Start, included.
    from: Provided<DateTime>,
    /// End, not included.
    until: Provided<DateTime>,
}

impl DateTimeRangeInput {
    /// Start and end; `None` for no bound.
    pub fn bounds(&self, context: &FilterContext) -> Result<(Option<DateTime>, Option<DateTime>)> {
        match (self.from.0, self.until.0) {
            (None, None) => Err(context.error("Give `from`, `until` or both.")),
            (Some(from), Some(until)) if until <= from => {
                Err(context.error("`until` must be after `from`."))
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
    /// Builds the condition on the columns of start and end.
    pub fn on(&self, start: Expr, end: Expr, context: &mut FilterContext) -> Result<Condition> {
        context.count()?;
        let null_or = |column: &Expr, test: Expr| column.clone().is_null().or(test);
        let all = Condition::all();
        Ok(match self {
            Self::At(at) => active_at(start, end, *at),
            Self::During(range) => {
                let (from, until) = context.inside("during", |context| range.bounds(context))?;
                overlaps(start, end, from, until)
            }
            Self::Throughout(range) => {
                let (from, until) =
                    context.inside("throughout", |context| range.bounds(context))?;
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

/// Condition `start <= at < end`.
pub fn active_at(start: Expr, end: Expr, at: DateTime) -> Condition {
    Condition::all()
        .add(start.clone().is_null().or(start.lte(at.0)))
        .add(end.clone().is_null().or(end.gt(at.0)))
}

/// Condition for a period that shares an instant with the range.
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
