//! Total orders: sorting, and positions within a sorted list. The primary key, ascending, is always the
//! last key. Nulls are last unless the key says otherwise, the same on both databases.

use async_graphql::ScalarType;
use sea_orm::{
    ColumnTrait, ColumnType, EntityTrait, ModelTrait, Order as Direction, Value,
    sea_query::{Condition, Expr, ExprTrait, NullOrdering, SelectStatement},
};
use serde_json::Value as Json;

use crate::{
    columns::{ColumnSet, of_column, primary_key},
    node::{Model, Node},
    scalar::{Date, DateTime},
    sort_key::{SortExpr, SortKey},
    sql::extra_column,
};

/// Type of a sort key, for the validation of cursors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Boolean,
    Integer,
    Float,
    Text,
    Date,
    Time,
}

/// Total order: these keys, then the primary key.
pub struct Order<N: Node>(pub Vec<SortKey<N::Entity>>);

impl<N: Node> PartialEq for Order<N> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

/// Sort key with its expression.
struct ResolvedSortKey<E: EntityTrait> {
    by: SortExpr<E>,
    expr: Expr,
    kind: Kind,
    nullable: bool,
    descending: bool,
    nulls_first: bool,
}

impl<N: Node> Order<N> {
    /// Text that identifies the order in cursors: `Name`, `-Budget^,Title`.
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

    fn resolved(&self, through: &Condition) -> Vec<ResolvedSortKey<N::Entity>> {
        let own = self
            .0
            .iter()
            .map(|key| ((key.by)(through), key.descending, key.nulls_first));
        own.chain([(SortExpr::Column(primary_key::<N::Entity>()), false, false)])
            .map(|(by, descending, nulls_first)| {
                let (expr, kind, nullable) = match &by {
                    SortExpr::Column(column) => {
                        let definition = column.def();
                        (
                            Expr::col((N::Entity::default(), *column)),
                            kind(definition.get_column_type()),
                            definition.is_null(),
                        )
                    }
                    SortExpr::Text(expr) => (expr.clone(), Kind::Text, false),
                    SortExpr::Number(expr) => (expr.clone(), Kind::Integer, false),
                };
                ResolvedSortKey {
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

    /// Sorts the SELECT, from the end if `backward`. Selects computed keys beside the columns, and
    /// returns their number.
    pub fn apply(
        &self,
        select: &mut SelectStatement,
        through: &Condition,
        backward: bool,
    ) -> usize {
        let mut extras = 0;
        for key in self.resolved(through) {
            let direction = if key.descending != backward {
                Direction::Desc
            } else {
                Direction::Asc
            };
            let expr = match key.by {
                SortExpr::Column(_) => key.expr,
                SortExpr::Text(_) | SortExpr::Number(_) => {
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

    /// Values of the keys of one row, without the primary key.
    pub fn keys(&self, model: &Model<N>, extras: &[Json]) -> Vec<Json> {
        let mut extras = extras.iter();
        let through = Condition::all();
        let own = self.0.iter().map(|key| match (key.by)(&through) {
            SortExpr::Column(column) => to_json(model.get(column)),
            SortExpr::Text(_) | SortExpr::Number(_) => extras.next().cloned().unwrap_or_default(),
        });
        own.collect()
    }

    /// Columns of the row that it sorts by.
    pub fn columns(&self) -> ColumnSet {
        let through = Condition::all();
        let columns = self.0.iter().map(|key| match (key.by)(&through) {
            SortExpr::Column(column) => of_column::<N::Entity, N>(column),
            SortExpr::Text(_) | SortExpr::Number(_) => ColumnSet::NONE,
        });
        columns.fold(ColumnSet::NONE, ColumnSet::or)
    }

    /// True if these values can be a position in this order.
    pub fn is_position(&self, values: &[Json]) -> bool {
        let keys = self.resolved(&Condition::all());
        keys.len() == values.len()
            && keys.iter().zip(values).all(|(key, value)| match value {
                Json::Null => key.nullable,
                value => to_value(key.kind, value).is_some(),
            })
    }

    /// Condition for the rows after a position, or before it if `backward`; with the row at the
    /// position if `inclusive`.
    pub fn beyond(
        &self,
        position: &[Json],
        through: &Condition,
        backward: bool,
        inclusive: bool,
    ) -> Condition {
        let keys = self.resolved(through);
        let values: Vec<Option<Value>> = keys
            .iter()
            .zip(position)
            .map(|(key, value)| to_value(key.kind, value))
            .collect();
        let downward = |key: &ResolvedSortKey<N::Entity>| key.descending != backward;

        // An index serves a comparison of row values as a range.
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

/// Returns the type of a column. Panics at the first use of a column that no cursor can hold.
fn kind(column_type: &ColumnType) -> Kind {
    match column_type {
        ColumnType::Boolean => Kind::Boolean,
        ColumnType::SmallInteger | ColumnType::Integer | ColumnType::BigInteger => Kind::Integer,
        ColumnType::Float | ColumnType::Double => Kind::Float,
        ColumnType::Date => Kind::Date,
        ColumnType::TimestampWithTimeZone | ColumnType::Timestamp | ColumnType::DateTime => {
            Kind::Time
        }
        ColumnType::Text | ColumnType::String(_) | ColumnType::Enum { .. } => Kind::Text,
        other => panic!("a column of type {other:?} cannot be a sort key"),
    }
}

/// Returns the value of a sort key for a cursor. Panics for types that [`kind`] refuses.
fn to_json(value: Value) -> Json {
    match value {
        Value::Bool(Some(boolean)) => boolean.into(),
        Value::Int(Some(number)) => number.into(),
        Value::BigInt(Some(number)) => number.into(),
        Value::Double(Some(number)) => number.into(),
        Value::String(Some(text)) => text.into(),
        Value::ChronoDate(Some(date)) => date.to_string().into(),
        Value::ChronoDateTimeUtc(Some(time)) => time.to_rfc3339().into(),
        value if !value.is_some() => Json::Null,
        other => panic!("a value such as {other:?} cannot be a sort key"),
    }
}

fn to_value(kind: Kind, value: &Json) -> Option<Value> {
    Some(match kind {
        Kind::Boolean => value.as_bool()?.into(),
        Kind::Integer => value.as_i64()?.into(),
        Kind::Float => value.as_f64()?.into(),
        Kind::Text => value.as_str().filter(|text| !text.contains('\0'))?.into(),
        // As strict as in arguments: PostgreSQL has fewer days than chrono.
        Kind::Date => Date::parse(value.as_str()?.into()).ok()?.0.into(),
        Kind::Time => DateTime::parse(value.as_str()?.into()).ok()?.0.into(),
    })
}
