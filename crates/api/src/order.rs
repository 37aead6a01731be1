//! Sort keys: what a list can be sorted by, as SQL and as values in a cursor.
//!
//! An order is total: the id, ascending, is always the last key. Nulls are last unless said
//! otherwise, the same on both databases.

use async_graphql::{Enum, ScalarType};
use sea_orm::{
    ColumnTrait, ColumnType, EntityTrait, ModelTrait, Order as Direction, Related, Value,
    sea_query::{Condition, Expr, ExprTrait, NullOrdering, Query, SelectStatement},
};
use serde_json::Value as Json;

use crate::{
    columns::{ColumnSet, of_column},
    context::Record,
    filter::column,
    link::Link,
    rows::extra_column,
    scalar::{Date, DateTime},
};

/// What a key holds, so that a value in a cursor can be told from nonsense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Integer,
    Text,
    Date,
    Time,
}

/// What rows are sorted by: a column of their own, or something computed for each.
pub enum By<E: EntityTrait> {
    /// A column.
    Column(E::Column),
    /// Text found elsewhere; never null.
    Text(Expr),
    /// A number found elsewhere, such as a count; never null.
    Number(Expr),
}

impl<E: Record> By<E> {
    /// Text of the one thing that a column of this entity refers to.
    pub fn text_of<C: ColumnTrait>(reference: E::Column, text: C) -> Self
    where
        C::EntityName: Record<Column = C>,
    {
        let select = Query::select()
            .column(text.as_column_ref())
            .from(C::EntityName::default())
            .and_where(column(<C::EntityName as Record>::ID).equals(reference.as_column_ref()))
            .take();
        Self::Text(Expr::from(select))
    }

    /// How many distinct rows of `R` are linked by SeaORM's [`Related`].
    pub fn count<R: Record>(_through: &Condition) -> Self
    where
        E: Related<R>,
    {
        Self::Number(Link::between::<E, R>().count_for(Expr::col((E::default(), E::ID))))
    }
}

/// One sort key: the name it goes by in cursors, what it means, and which way.
pub struct SortKey<E: EntityTrait> {
    /// The name, unique within the entity.
    pub name: &'static str,
    /// What it means, given what `through` asks of the links. Made when it is needed: keys are
    /// compared by name far more often.
    pub by: fn(through: &Condition) -> By<E>,
    /// Largest first?
    pub descending: bool,
    /// Nulls before all values?
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
    /// Smallest first, nulls last.
    pub const fn ascending(name: &'static str, by: fn(through: &Condition) -> By<E>) -> Self {
        Self {
            name,
            by,
            descending: false,
            nulls_first: false,
        }
    }
}

/// A total order: these keys, then the id.
pub struct Order<E: EntityTrait>(pub Vec<SortKey<E>>);

impl<E: EntityTrait> PartialEq for Order<E> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

/// A key with its meaning made.
struct Made<E: EntityTrait> {
    by: By<E>,
    expr: Expr,
    kind: Kind,
    nullable: bool,
    descending: bool,
    nulls_first: bool,
}

impl<E: Record> Order<E> {
    /// Says which order this is, for cursors: `NAME`, `-BUDGET^,TITLE`.
    pub fn signature(&self) -> String {
        let mut signature = String::new();
        for key in &self.0 {
            if !signature.is_empty() {
                signature.push(',');
            }
            if key.descending {
                signature.push('-');
            }
            signature.push_str(key.name);
            if key.nulls_first {
                signature.push('^');
            }
        }
        signature
    }

    fn made(&self, through: &Condition) -> Vec<Made<E>> {
        let own = self
            .0
            .iter()
            .map(|key| ((key.by)(through), key.descending, key.nulls_first));
        own.chain([(By::Column(E::ID), false, false)])
            .map(|(by, descending, nulls_first)| {
                let (expr, kind, nullable) = match &by {
                    By::Column(column) => {
                        let definition = column.def();
                        (
                            Expr::col((E::default(), *column)),
                            kind(definition.get_column_type()),
                            definition.is_null(),
                        )
                    }
                    By::Text(expr) => (expr.clone(), Kind::Text, false),
                    By::Number(expr) => (expr.clone(), Kind::Integer, false),
                };
                Made {
                    by,
                    expr,
                    kind,
                    nullable,
                    descending,
                    nulls_first,
                }
            })
            .collect()
    }

    /// Sorts the SELECT, from the end when `backward`, and selects what is computed beside the
    /// columns; tells how many such extras there are.
    pub fn apply(
        &self,
        select: &mut SelectStatement,
        through: &Condition,
        backward: bool,
    ) -> usize {
        let mut extras = 0;
        for key in self.made(through) {
            let direction = if key.descending != backward {
                Direction::Desc
            } else {
                Direction::Asc
            };
            let expr = match key.by {
                By::Column(_) => key.expr,
                By::Text(_) | By::Number(_) => {
                    let name = extra_column(extras);
                    extras += 1;
                    select.expr_as(key.expr, name.clone());
                    Expr::col(name)
                }
            };
            if key.nullable {
                let nulls = if key.nulls_first != backward {
                    NullOrdering::First
                } else {
                    NullOrdering::Last
                };
                select.order_by_expr_with_nulls(expr, direction, nulls);
            } else {
                select.order_by_expr(expr, direction);
            }
        }
        extras
    }

    /// The values of the keys of one row, the id last.
    pub fn position(&self, model: &E::Model, extras: &[Json]) -> Vec<Json> {
        let mut extras = extras.iter();
        let through = Condition::all();
        let own = self.0.iter().map(|key| match (key.by)(&through) {
            By::Column(column) => to_json(model.get(column)),
            By::Text(_) | By::Number(_) => extras.next().cloned().unwrap_or_default(),
        });
        own.chain([E::key(model).into()]).collect()
    }

    /// The columns that it sorts by.
    pub fn columns(&self) -> impl Iterator<Item = ColumnSet> {
        let through = Condition::all();
        self.0
            .iter()
            .filter_map(move |key| match (key.by)(&through) {
                By::Column(column) => Some(of_column::<E>(column)),
                By::Text(_) | By::Number(_) => None,
            })
    }

    /// Whether these values can be a position in this order.
    pub fn is_position(&self, values: &[Json]) -> bool {
        let keys = self.made(&Condition::all());
        keys.len() == values.len()
            && keys.iter().zip(values).all(|(key, value)| match value {
                Json::Null => key.nullable,
                value => to_value(key.kind, value).is_some(),
            })
    }

    /// The rows beyond a position: after it, or before it when `backward`; with the row at the
    /// position itself when `inclusive`.
    pub fn beyond(
        &self,
        position: &[Json],
        through: &Condition,
        backward: bool,
        inclusive: bool,
    ) -> Condition {
        let keys = self.made(through);
        let values: Vec<Option<Value>> = keys
            .iter()
            .zip(position)
            .map(|(key, value)| to_value(key.kind, value))
            .collect();
        let downward = |key: &Made<E>| key.descending != backward;

        // One comparison of rows is what an index can begin a range with.
        let uniform = keys
            .iter()
            .all(|key| !key.nullable && downward(key) == downward(&keys[0]));
        if uniform {
            let left = Expr::tuple(keys.iter().map(|key| key.expr.clone()));
            let right = Expr::tuple(values.into_iter().flatten().map(Expr::val));
            let comparison = match (downward(&keys[0]), inclusive) {
                (false, false) => left.gt(right),
                (false, true) => left.gte(right),
                (true, false) => left.lt(right),
                (true, true) => left.lte(right),
            };
            return Condition::all().add(comparison);
        }

        let mut any = Condition::any();
        for (index, key) in keys.iter().enumerate() {
            let mut all = Condition::all();
            for (key, value) in keys.iter().zip(&values).take(index) {
                all = all.add(match value {
                    Some(value) => key.expr.clone().eq(value.clone()),
                    None => key.expr.clone().is_null(),
                });
            }
            let last = index + 1 == keys.len();
            let nulls_first = key.nulls_first != backward;
            let expr = key.expr.clone();
            let further = match &values[index] {
                Some(value) => {
                    let value = value.clone();
                    let further = match (downward(key), inclusive && last) {
                        (false, false) => expr.gt(value),
                        (false, true) => expr.gte(value),
                        (true, false) => expr.lt(value),
                        (true, true) => expr.lte(value),
                    };
                    if key.nullable && !nulls_first {
                        further.or(key.expr.clone().is_null())
                    } else {
                        further
                    }
                }
                None if nulls_first => expr.is_not_null(),
                None => continue,
            };
            any = any.add(all.add(further));
        }
        any
    }
}

fn kind(column_type: &ColumnType) -> Kind {
    match column_type {
        ColumnType::Date => Kind::Date,
        ColumnType::TimestampWithTimeZone | ColumnType::Timestamp | ColumnType::DateTime => {
            Kind::Time
        }
        ColumnType::Text | ColumnType::String(_) => Kind::Text,
        _ => Kind::Integer,
    }
}

fn to_json(value: Value) -> Json {
    match value {
        Value::Int(Some(number)) => number.into(),
        Value::BigInt(Some(number)) => number.into(),
        Value::String(Some(text)) => text.into(),
        Value::ChronoDate(Some(date)) => date.to_string().into(),
        Value::ChronoDateTimeUtc(Some(time)) => time.to_rfc3339().into(),
        _ => Json::Null,
    }
}

fn to_value(kind: Kind, value: &Json) -> Option<Value> {
    Some(match kind {
        Kind::Integer => value.as_i64()?.into(),
        Kind::Text => value.as_str().filter(|text| !text.contains('\0'))?.into(),
        // As strict as in arguments: not every day that chrono knows is one to PostgreSQL.
        Kind::Date => Date::parse(value.as_str()?.into()).ok()?.0.into(),
        Kind::Time => DateTime::parse(value.as_str()?.into()).ok()?.0.into(),
    })
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

/// The order of an entity's lists: the input object, the enum of its fields, and what each means.
macro_rules! order {
    (
        $(#[$doc:meta])*
        $name:ident of $entity:ty,
        $(#[$field_doc:meta])*
        $Field:ident {
            $($(#[$variant_doc:meta])* $Variant:ident => $by:expr,)*
        }
        $($(#[$nulls_doc:meta])+ $nulls:ident)?
    ) => {
        $(#[$field_doc])*
        #[derive(async_graphql::Enum, Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $Field {
            $($(#[$variant_doc])* $Variant,)*
        }

        $(#[$doc])*
        #[derive(async_graphql::InputObject, Clone, Copy, Debug, PartialEq)]
        pub struct $name {
            /// What to sort by.
            field: $Field,
            /// Which way.
            #[graphql(default)]
            direction: $crate::order::OrderDirection,
            $(
                $(#[$nulls_doc])*
                #[graphql(default)]
                $nulls: $crate::order::NullsOrder,
            )?
        }

        impl From<$name> for $crate::order::SortKey<$entity> {
            fn from(order: $name) -> Self {
                let (name, by): (_, fn(&sea_orm::sea_query::Condition) -> $crate::order::By<$entity>) =
                    match order.field {
                        $($Field::$Variant => (stringify!($Variant), $by),)*
                    };
                let mut key = Self::ascending(name, by);
                key.descending = order.direction == $crate::order::OrderDirection::Desc;
                $(key.nulls_first = order.$nulls == $crate::order::NullsOrder::First;)?
                key
            }
        }
    };
}
pub(crate) use order;
