//! How two entities are linked, read from SeaORM's [`Related`], the one place that says so: what
//! lists, filters, counts and colleagues are made of.

use sea_orm::{
    DbBackend, EntityTrait, Identity, Related,
    sea_query::{
        Condition, DynIden, Expr, ExprTrait, Func, IntoIden, Order as Direction, Query,
        SelectStatement, TableRef,
    },
};

use crate::context::Record;

/// How `P` and `E` are linked, read from SeaORM's [`Related`]: directly, or through a table.
pub struct Link {
    table: TableRef,
    /// The column of the link's table that holds the parent's key.
    parent: (DynIden, DynIden),
    /// The column of the link's table that holds, or is, the other's key.
    other: (DynIden, DynIden),
    /// The other's table and key, when the link is a table of its own.
    through: Option<(TableRef, (DynIden, DynIden))>,
}

impl Link {
    /// The link from `P` to `E`.
    pub fn between<P: EntityTrait + Related<E>, E: Record>() -> Self {
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
                other: (name(&to.to_tbl), E::ID.into_iden()),
                through: None,
                table: to.to_tbl,
            },
        }
    }

    /// The rows of `E`'s table that are linked to the parent: distinct by construction. `through`
    /// is a condition on the link's own table.
    pub fn others_of(&self, parent: Expr, through: Condition) -> Condition {
        match &self.through {
            None => Condition::all()
                .add(Expr::col(self.parent.clone()).eq(parent))
                .add(through),
            Some((_, key)) => {
                // The index gives the keys in order, so that distinct ones are told by the one before;
                // PostgreSQL would otherwise hash them.
                let linked = self.keys_linked_to(parent, through).distinct().take();
                Condition::all().add(Expr::col(key.clone()).in_subquery(linked))
            }
        }
    }

    /// A SELECT of no columns from the rows for which [`others_of`](Self::others_of) holds.
    pub fn select_others<E: Record>(
        &self,
        parent: Expr,
        through: Condition,
        backend: DbBackend,
    ) -> SelectStatement {
        match (&self.through, backend) {
            // SQLite would write what stands behind IN into a table first.
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

    /// A SELECT of no columns from the rows that are linked to the parent, ordered by the link's
    /// `copy` of `column`, then by the id. `within` is a condition on these two, by their names in the
    /// entity's table. Positions are read from the links alone, as `l`, and then joined to the rows.
    ///
    /// A stale copy misplaces its row and does nothing else: the row comes once, with its own values.
    /// Where the copies of one row differ, the right one decides, or else the smallest.
    pub fn select_listed<E: Record>(
        &self,
        parent: Expr,
        column: E::Column,
        copy: DynIden,
        within: Condition,
        direction: Direction,
    ) -> SelectStatement {
        let entity = E::default();
        let (table, _) = &self.other;
        let copy = Expr::col((table.clone(), copy));
        let links = Query::select()
            .expr_as(Expr::col(self.other.clone()), E::ID)
            .expr_as(copy.clone(), column)
            .from(self.table.clone())
            .and_where(Expr::col(self.parent.clone()).eq(parent.clone()))
            .take();
        let positions = Query::select()
            .distinct()
            .column((entity, E::ID))
            .column((entity, column))
            .from_subquery(links, entity)
            .cond_where(within)
            .order_by((entity, column), direction.clone())
            .order_by((entity, E::ID), direction.clone())
            // Cuts nothing off: without a limit SQLite sorts again behind the join, 6 times slower.
            .limit(i64::MAX.unsigned_abs())
            .take();
        let position = Expr::col(("l", column));
        let original = Expr::col((entity, column));
        let of_the_same = Expr::col(self.other.clone()).eq(Expr::col(("l", E::ID)));
        let goes_first = Condition::any()
            .add(copy.clone().eq(original.clone()))
            .add(copy.lt(position.clone()));
        let others = Condition::all().add(of_the_same).add(goes_first);
        let others = self.keys_linked_to(parent, others);
        Query::select()
            .from_subquery(positions, "l")
            .cross_join(entity)
            .and_where(Expr::col(("l", E::ID)).equals((entity, E::ID)))
            .and_where(position.eq(original).or(Expr::exists(others).not()))
            .order_by(("l", column), direction.clone())
            .order_by(("l", E::ID), direction)
            .take()
    }

    /// The keys of what is linked to the parent, once for each link.
    pub fn keys_linked_to(&self, parent: Expr, through: Condition) -> SelectStatement {
        Query::select()
            .column(self.other.clone())
            .from(self.table.clone())
            .and_where(Expr::col(self.parent.clone()).eq(parent))
            .cond_where(through)
            .take()
    }

    /// The keys of the parents that are linked to something that `parent` is linked to, `parent`
    /// among them. `through` holds for both links.
    pub fn parents_sharing_with(&self, parent: Expr, through: Condition) -> SelectStatement {
        let shared = self.keys_linked_to(parent, through.clone());
        Query::select()
            .column(self.parent.clone())
            .from(self.table.clone())
            .and_where(Expr::col(self.other.clone()).in_subquery(shared))
            .cond_where(through)
            .take()
    }

    /// How many distinct things both parents are linked to.
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

    /// The keys of the parents that are linked to a row of `E` for which the condition holds.
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

    /// How many distinct rows of `E` are linked to the parent.
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

fn name(table: &TableRef) -> DynIden {
    // Entities are tables, never sub-selects.
    match table {
        TableRef::Table(name, _) => name.1.clone(),
        _ => "".into(),
    }
}

fn only(identity: Identity) -> DynIden {
    // Keys of this domain are single columns.
    match identity {
        Identity::Unary(column) => column,
        identity => identity.into_iter().next().unwrap_or_else(|| "".into()),
    }
}
