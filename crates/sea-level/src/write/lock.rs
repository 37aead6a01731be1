//! Locks on the rows that a mutation reads. Row locks on PostgreSQL; SQLite has one writer. Where the mutation has
//! no transaction, the rows are read with their versions instead: see [`optimistic`](super::optimistic).

use sea_orm::{
    DbBackend, DbErr, EntityName, EntityTrait, FromQueryResult, IdenStatic, Iterable, QueryFilter,
    QueryOrder, QueryResult, QuerySelect, Statement, Value, sea_query::Expr,
};

use super::{Column, EventLog, Write, optimistic::Guard};
use crate::{
    columns::primary_key,
    node::{Model, Node},
};

impl<L: EventLog> Write<L> {
    /// Locks the rows with these keys that exist. Until the end of the transaction no other one updates or
    /// deletes them, or inserts rows that refer to them.
    pub async fn lock<N: Node>(&mut self, keys: &[i64]) -> Result<Vec<Model<N>>, DbErr> {
        match keys {
            [] => Ok(Vec::new()),
            [key] => {
                let (table, id) = table::<N>();
                let (version, lock) = self.clauses();
                let name = format!("{table} locked{version}");
                let statement = self.statement(&name, vec![(*key).into()], || {
                    let columns = columns::<N>("t", "");
                    let sql = format!(
                        "SELECT {columns}{version} FROM {table} AS t WHERE {id} = $1{lock}"
                    );
                    Statement::from_string(self.backend(), sql)
                });
                let row = self.transaction.query_row(statement).await?;
                Ok(self.found::<N>(row.as_ref(), "")?.into_iter().collect())
            }
            keys => {
                let id = Expr::col((N::Entity::default(), primary_key::<N::Entity>()));
                let rows = N::Entity::find()
                    .filter(self.among(id, keys))
                    .order_by_asc(primary_key::<N::Entity>())
                    .lock_exclusive();
                let rows = rows.all(&self.transaction).await?;
                self.know::<N>(&rows);
                Ok(rows)
            }
        }
    }

    /// Locks a row of `A`, then one of `B`, in one statement.
    pub async fn lock_pair<A: Node, B: Node>(
        &mut self,
        a_key: i64,
        b_key: i64,
    ) -> Result<(Option<Model<A>>, Option<Model<B>>), DbErr> {
        self.lock_joined::<A, B>("$2", vec![b_key.into(), a_key.into()])
            .await
    }

    /// Locks the row of `A` that this column of a row of `B` refers to, then that row, in one statement. The
    /// column never changes.
    pub async fn lock_after_owner<A: Node, B: Node>(
        &mut self,
        owner: Column<B>,
        key: i64,
    ) -> Result<Option<Model<B>>, DbErr> {
        let (b_table, b_id) = table::<B>();
        let owner = format!(
            "(SELECT {} FROM {b_table} WHERE {b_id} = $1)",
            owner.as_str()
        );
        let (_, row) = self.lock_joined::<A, B>(&owner, vec![key.into()]).await?;
        Ok(row)
    }

    /// Locks the row of `A` whose key is this expression, then the row of `B` whose key is the first parameter.
    async fn lock_joined<A: Node, B: Node>(
        &mut self,
        a_key: &str,
        values: Vec<Value>,
    ) -> Result<(Option<Model<A>>, Option<Model<B>>), DbErr> {
        let ((a_table, a_id), (b_table, b_id)) = (table::<A>(), table::<B>());
        let (version, lock) = self.clauses();
        let name = format!("{a_table} {a_key} and {b_table} locked{version}");
        let statement = self.statement(&name, values, || {
            let mut columns = [columns::<A>("a", "a_"), columns::<B>("b", "b_")].join(", ");
            if !version.is_empty() {
                columns += ", a.row_version AS a_row_version, b.row_version AS b_row_version";
            }
            let (join, after) = match self.backend() {
                DbBackend::Sqlite => ("LEFT JOIN", String::new()),
                // The second refers to the first, since it must come after it.
                _ => (
                    "LEFT JOIN LATERAL",
                    format!(" AND coalesce(a.{a_id}, 0) IS NOT NULL"),
                ),
            };
            let sql = format!(
                "SELECT {columns} FROM (SELECT 1) AS one \
                 {join} (SELECT *{version} FROM {a_table} WHERE {a_id} = {a_key}{lock}) AS a ON true \
                 {join} (SELECT *{version} FROM {b_table} WHERE {b_id} = $1{after}{lock}) AS b ON true"
            );
            Statement::from_string(self.backend(), sql)
        });
        let row = self.transaction.query_row(statement).await?;
        let a = self.found::<A>(row.as_ref(), "a_")?;
        Ok((a, self.found::<B>(row.as_ref(), "b_")?))
    }

    /// Column with the version of a row, and lock of a row, each of which may be absent.
    fn clauses(&self) -> (&'static str, &'static str) {
        match self.backend() {
            DbBackend::Sqlite => ("", ""),
            _ if self.optimistic.is_some() => (", xmin::text AS row_version", ""),
            _ => ("", " FOR UPDATE"),
        }
    }

    /// Reads a locked row, if there is one, and keeps it for the payload.
    fn found<N: Node>(
        &mut self,
        row: Option<&QueryResult>,
        prefix: &str,
    ) -> Result<Option<Model<N>>, DbErr> {
        let Some(row) = row else { return Ok(None) };
        let model = Model::<N>::from_query_result_optional(row, prefix)?;
        if let Some(model) = &model {
            if let Some(optimistic) = &mut self.optimistic {
                let version = row.try_get(prefix, "row_version")?;
                let (table, id) = table::<N>();
                let key = N::key(model);
                optimistic.guards.push(Guard {
                    table,
                    id,
                    key,
                    version,
                });
            }
            self.know::<N>(std::slice::from_ref(model));
        }
        Ok(model)
    }
}

/// Names of a node's table and of its primary key.
fn table<N: Node>() -> (&'static str, &'static str) {
    let key = primary_key::<N::Entity>();
    (N::Entity::default().table_name(), key.as_str())
}

/// Columns of a node's table as those of `from`, each named with the prefix.
fn columns<N: Node>(from: &str, prefix: &str) -> String {
    let columns = Column::<N>::iter().map(|column| column.as_str());
    let columns = columns.map(|column| format!("{from}.{column} AS {prefix}{column}"));
    columns.collect::<Vec<_>>().join(", ")
}
