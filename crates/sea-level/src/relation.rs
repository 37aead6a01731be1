//! Links between entities, read from SeaORM's [`Related`], the only place that declares them. Lists,
//! filters and counts build their SQL from a link.

use sea_orm::{
    ColumnTrait, DbBackend, EntityTrait, Identity, Related,
    sea_query::{
        Condition, DynIden, Expr, ExprTrait, Func, IntoIden, Order as Direction, Query,
        SelectStatement, TableRef,
    },
};

use crate::columns::primary_key;

/// Link from `P` to `E`: a foreign key, or a table between the two.
pub struct Link {
    table: TableRef,
    /// Column of the link's table with the parent's key.
    parent: (DynIden, DynIden),
    /// Column of the link's table that holds, or is, the key of `E`.
    other: (DynIden, DynIden),
    /// Table and key of `E`, if the link has a table of its own.
    through: Option<(TableRef, (DynIden, DynIden))>,
}

impl Link {
    /// Reads the link from `P` to `E`.
    pub fn between<P: EntityTrait + Related<E>, E: EntityTrait>() -> Self {
        let to = P::to();
        match P::via() {
            Some(via) => Self {
                parent: (name(&via.to_tbl), only(via.to_col)),
                other: (name(&to.from_tbl), only(to.from_col)),
                through: Some((to.to_tbl.clone(), (name(&to.to_tbl), only(to.to_col)))),
                table: via.to_tbl,
            },
            None => Self {
                parent: (name(&to.to_tbl), only(to.to_col)),
                other: (name(&to.to_tbl), primary_key::<E>().into_iden()),
                through: None,
                table: to.to_tbl,
            },
        }
    }

    /// Condition for the rows of `E` that are linked to the parent, distinct by construction. `through` is
    /// a condition on the link's own table.
    pub fn others_of(&self, parent: Expr, through: Condition) -> Condition {
        match &self.through {
            None => Condition::all()
                .add(Expr::col(self.parent.clone()).eq(parent))
                .add(through),
            Some((_, key)) => {
                // DISTINCT on keys in index order compares neighbours only; PostgreSQL would hash them
                // otherwise.
                let linked = self.keys_linked_to(parent, through).distinct().take();
                Condition::all().add(Expr::col(key.clone()).in_subquery(linked))
            }
        }
    }

    /// SELECT without columns of the rows for which [`others_of`](Self::others_of) holds.
    pub fn select_others<E: EntityTrait>(
        &self,
        parent: Expr,
        through: Condition,
        backend: DbBackend,
    ) -> SelectStatement {
        match (&self.through, backend) {
            // SQLite would materialize the subquery of IN first.
            (Some((table, key)), DbBackend::Sqlite) => {
                let linked = self.keys_linked_to(parent, through).distinct().take();
                let of_link = Expr::col(("l", self.other.1.clone()));
                Query::select()
                    .from_subquery(linked, "l")
                    .cross_join(table.clone())
                    .and_where(of_link.equals(key.clone()))
                    .take()
            }
            _ => Query::select()
                .from(E::default())
                .cond_where(self.others_of(parent, through))
                .take(),
        }
    }

    /// SELECT without columns of the rows that are linked to the parent, ordered by the link's `copy` of
    /// `column`, then by the primary key. `within` is a condition on these two, by their names in the
    /// entity's table. Positions are read from the links alone, as `l`, and then joined to the rows.
    ///
    /// A stale copy misplaces its row and has no other effect: the row comes once, with its own values.
    /// If the copies of one row differ, the copy that equals the original decides, else the smallest.
    ///
    /// `through` is a condition on the links. With `any_join_order`, for PostgreSQL only, the planner may
    /// start from the rows that meet a filter which the caller adds. Otherwise it walks along the index.
    pub fn select_listed<E: EntityTrait>(
        &self,
        parent: Expr,
        (column, copy): (E::Column, DynIden),
        (within, through): (Condition, Condition),
        direction: Direction,
        any_join_order: bool,
    ) -> SelectStatement {
        let entity = E::default();
        let (table, _) = &self.other;
        let copy = Expr::col((table.clone(), copy));
        let links = Query::select()
            .expr_as(Expr::col(self.other.clone()), primary_key::<E>())
            .expr_as(copy.clone(), column)
            .from(self.table.clone())
            .and_where(Expr::col(self.parent.clone()).eq(parent.clone()))
            .cond_where(through.clone())
            .take();
        let mut positions = Query::select()
            .column((entity, primary_key::<E>()))
            .column((entity, column))
            .from_subquery(links, entity)
            .cond_where(within)
            .take();
        let mut select = Query::select();
        if any_join_order {
            select.distinct_on([("l", column), ("l", primary_key::<E>())]);
        } else {
            positions
                .distinct()
                .order_by((entity, column), direction.clone())
                .order_by((entity, primary_key::<E>()), direction.clone())
                // Excludes no row: without a limit SQLite sorts again behind the join, 6 times slower.
                .limit(i64::MAX.unsigned_abs());
        }
        let position = Expr::col(("l", column));
        let original = Expr::col((entity, column));
        let of_the_same = Expr::col(self.other.clone()).eq(Expr::col(("l", primary_key::<E>())));
        let goes_first = Condition::any()
            .add(copy.clone().eq(original.clone()))
            .add(copy.lt(position.clone()));
        let mut others = self.keys_linked_to(parent, through);
        others.and_where(of_the_same).cond_where(goes_first);
        select
            .from_subquery(positions, "l")
            .cross_join(entity)
            .and_where(Expr::col(("l", primary_key::<E>())).equals((entity, primary_key::<E>())))
            .and_where(position.eq(original).or(Expr::exists(others).not()))
            .order_by(("l", column), direction.clone())
            .order_by(("l", primary_key::<E>()), direction)
            .take()
    }

    /// Keys of the rows linked to the parent, once for each link.
    pub fn keys_linked_to(&self, parent: Expr, through: Condition) -> SelectStatement {
        Query::select()
            .column(self.other.clone())
            .from(self.table.clone())
            .and_where(Expr::col(self.parent.clone()).eq(parent))
            .cond_where(through)
            .take()
    }

    /// Keys of the parents, including `parent`, that share a linked row with `parent`. `through` holds for
    /// both links.
    pub fn parents_sharing_with(&self, parent: Expr, through: Condition) -> SelectStatement {
        let shared = self.keys_linked_to(parent, through.clone());
        Query::select()
            .column(self.parent.clone())
            .from(self.table.clone())
            .and_where(Expr::col(self.other.clone()).in_subquery(shared))
            .cond_where(through)
            .take()
    }

    /// Number of distinct rows that are linked to both parents.
    pub fn count_shared(&self, one: Expr, other: Expr, through: Condition) -> Expr {
        let shared = self.keys_linked_to(one, through.clone());
        let select = Query::select()
            .expr(Func::count_distinct(Expr::col(self.other.clone())))
            .from(self.table.clone())
            .and_where(Expr::col(self.parent.clone()).eq(other))
            .and_where(Expr::col(self.other.clone()).in_subquery(shared))
            .cond_where(through)
            .take();
        Expr::from(select)
    }

    /// Keys of the parents that are linked to a row of `E` for which the condition holds.
    pub fn parents_of(&self, condition: Condition) -> SelectStatement {
        let mut links = Query::select();
        links.column(self.parent.clone()).from(self.table.clone());
        match &self.through {
            None => links.cond_where(condition),
            Some(_) if condition.is_empty() => &mut links,
            Some((table, key)) => {
                let others = Query::select()
                    .column(key.clone())
                    .from(table.clone())
                    .cond_where(condition)
                    .take();
                links.and_where(Expr::col(self.other.clone()).in_subquery(others))
            }
        };
        links
    }

    /// Number of distinct rows of `E` that are linked to the parent.
    pub fn count_for(&self, parent: Expr) -> Expr {
        let count = match &self.through {
            Some(_) => Func::count_distinct(Expr::col(self.other.clone())),
            None => Func::count(Expr::col(self.other.clone())),
        };
        let select = Query::select()
            .expr(count)
            .from(self.table.clone())
            .and_where(Expr::col(self.parent.clone()).eq(parent))
            .take();
        Expr::from(select)
    }
}

/// Refers to a column of the table that is being read.
pub fn column<C: ColumnTrait>(column: C) -> Expr {
    Expr::col(column.as_column_ref())
}

fn name(table: &TableRef) -> DynIden {
    match table {
        TableRef::Table(name, _) => name.1.clone(),
        other => panic!("a relation leads to a table, not to {other:?}"),
    }
}

fn only(identity: Identity) -> DynIden {
    match identity {
        Identity::Unary(column) => column,
        other => panic!("a relation has one column on each side, not {other:?}"),
    }
}
