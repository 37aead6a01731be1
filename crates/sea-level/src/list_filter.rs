//! Filters on related rows.

use async_graphql::{InputObject, TypeName};
use sea_orm::{
    EntityTrait, Related,
    sea_query::{Condition, Expr, ExprTrait, Query},
};

use crate::{
    columns::primary_key,
    comparison::{Comparison, IntFilter},
    error::Result,
    filter::{Filter, FilterContext, Provided, is_not_true, or_true},
    relation::Link,
};

/// Conditions on the things linked to something. Everything given must hold.
#[derive(InputObject, Clone, Debug, PartialEq)]
#[graphql(name_type)]
pub struct ListFilter<F: Filter> {
    /// At least one that is linked matches.
    some: Provided<Box<F>>,
    /// None that is linked matches.
    none: Provided<Box<F>>,
    /// Every one that is linked matches. True when none is linked; add `count: {gt: 0}` to exclude that.
    every: Provided<Box<F>>,
    /// Number of distinct linked things.
    count: Provided<IntFilter>,
}

/// `EmployeeListFilter` for `EmployeeFilter`.
impl<F: Filter> TypeName for ListFilter<F> {
    fn type_name() -> std::borrow::Cow<'static, str> {
        let filter = F::type_name();
        let name = filter.strip_suffix("Filter").unwrap_or(&filter);
        format!("{name}ListFilter").into()
    }
}

/// Condition for the rows of `P` by what SeaORM's relation links to them.
pub fn many<P, F>(filter: &ListFilter<F>, context: &mut FilterContext) -> Result<Condition>
where
    P: EntityTrait + Related<F::Entity>,
    F: Filter,
{
    let link = Link::between::<P, F::Entity>();
    let key = || Expr::col((P::default(), primary_key::<P>()));
    let mut all = Condition::all();
    if let Some(some) = &filter.some.0 {
        let condition = context.inside("some", |context| context.hop(&**some))?;
        all = all.add(key().in_subquery(link.parents_of(condition)));
    }
    if let Some(none) = &filter.none.0 {
        let condition = context.inside("none", |context| context.hop(&**none))?;
        all = all.add(key().not_in_subquery(link.parents_of(condition)));
    }
    if let Some(every) = &filter.every.0 {
        let condition = context.inside("every", |context| context.hop(&**every))?;
        let failing = Condition::all().add(is_not_true(or_true(condition)));
        all = all.add(key().not_in_subquery(link.parents_of(failing)));
    }
    if let Some(count) = &filter.count.0 {
        all = all.add(context.inside("count", |context| count.on(link.count_for(key()), context))?);
    }
    Ok(all)
}

/// Condition for the row that a foreign key refers to.
pub fn one<F: Filter>(column: Expr, filter: &F, context: &mut FilterContext) -> Result<Condition> {
    let condition = context.hop(filter)?;
    let matching = Query::select()
        .column((F::Entity::default(), primary_key::<F::Entity>()))
        .from(F::Entity::default())
        .cond_where(condition)
        .take();
    Ok(Condition::all().add(column.in_subquery(matching)))
}
