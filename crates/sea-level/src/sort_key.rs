//! Sort keys of an entity, and the input enums of an order.

use async_graphql::Enum;
use sea_orm::{
    ColumnTrait, EntityTrait, Related,
    sea_query::{Condition, Expr, ExprTrait, Query},
};

use crate::{
    columns::primary_key,
    relation::{Link, column},
};

/// Expression that rows are sorted by.
pub enum SortExpr<E: EntityTrait> {
    /// A column of the row.
    Column(E::Column),
    /// Text of another table; never null.
    Text(Expr),
    /// A computed number, such as a count; never null.
    Number(Expr),
}

impl<E: EntityTrait> SortExpr<E> {
    /// Text of the row that a foreign key of this entity refers to.
    pub fn text_of<C: ColumnTrait>(reference: E::Column, text: C) -> Self
    where
        C::EntityName: EntityTrait<Column = C>,
    {
        let select = Query::select()
            .column(text.as_column_ref())
            .from(C::EntityName::default())
            .and_where(column(primary_key::<C::EntityName>()).equals(reference.as_column_ref()))
            .take();
        Self::Text(Expr::from(select))
    }

    /// Number of distinct rows of `R` that SeaORM's [`Related`] links to the row.
    pub fn count<R: EntityTrait>(_through: &Condition) -> Self
    where
        E: Related<R>,
    {
        Self::Number(Link::between::<E, R>().count_for(column(primary_key::<E>())))
    }
}

/// Sort key of an order.
pub struct SortKey<E: EntityTrait> {
    /// Name in cursors, unique within the entity.
    pub name: &'static str,
    /// Builds the expression, given the condition of `through` on the links. A function, because keys are
    /// compared by name far more often.
    pub by: fn(through: &Condition) -> SortExpr<E>,
    /// True for largest first.
    pub descending: bool,
    /// True for nulls before all values.
    pub nulls_first: bool,
}

impl<E: EntityTrait> Clone for SortKey<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E: EntityTrait> Copy for SortKey<E> {}

impl<E: EntityTrait> PartialEq for SortKey<E> {
    fn eq(&self, other: &Self) -> bool {
        (self.name, self.descending, self.nulls_first)
            == (other.name, other.descending, other.nulls_first)
    }
}

impl<E: EntityTrait> SortKey<E> {
    /// Creates a key with the smallest value first and nulls last.
    pub const fn ascending(name: &'static str, by: fn(through: &Condition) -> SortExpr<E>) -> Self {
        Self {
            name,
            by,
            descending: false,
            nulls_first: false,
        }
    }
}

/// Which way to sort.
#[derive(Enum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OrderDirection {
    /// Smallest, earliest, A first.
    #[default]
    Asc,
    /// Largest, latest, Z first.
    Desc,
}

/// Where nulls go, the same on every database.
#[derive(Enum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NullsOrder {
    /// Before all values.
    First,
    /// After all values.
    #[default]
    Last,
}
