//! Rights of PostgreSQL that a command needs. PostgreSQL hides objects that a role may not read, so
//! that a missing right looks like a missing table.

use sea_orm::{ConnectionTrait, DatabaseBackend, Statement, Value};

use crate::{error::Error, tables};

/// Use of the tables by a command.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Reads which migrations are applied.
    Inspect,
    /// Reads and writes rows.
    Serve,
    /// Creates tables.
    Migrate,
}

/// The schema that PostgreSQL would use if the role had all rights: the first of the search path
/// that exists, but one with tables of this program before others.
const FIND_SCHEMA: &str = "\
SELECT quote_ident(current_user), quote_ident(nspname), oid::bigint, \
has_schema_privilege(oid, 'USAGE'), has_schema_privilege(oid, 'CREATE') \
FROM unnest(string_to_array(replace(current_setting('search_path'), '\"', ''), ',')) \
WITH ORDINALITY AS path (name, place) \
JOIN pg_namespace ON nspname = replace(trim(path.name), '$user', current_user) \
ORDER BY EXISTS (SELECT FROM pg_class WHERE relnamespace = pg_namespace.oid \
AND relname = 'seaql_migrations') DESC, place LIMIT 1";

/// The rights that the role lacks on tables of the schema, as a list for GRANT and by table; `$4` are tables
/// that are not updated.
const FIND_MISSING: &str = "\
SELECT string_agg(DISTINCT privilege, ', '), string_agg(DISTINCT $2 || '.' || relname, ', ') \
FROM pg_class CROSS JOIN unnest(CASE WHEN relname = 'seaql_migrations' THEN ARRAY['SELECT'] \
WHEN relname = ANY ($4) THEN ARRAY['SELECT', 'INSERT', 'DELETE'] \
ELSE ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE'] END) AS privilege \
WHERE relnamespace = $1::oid AND relkind IN ('r', 'p') AND relname = ANY ($3) \
AND NOT has_table_privilege(pg_class.oid, privilege)";

/// The owner of a table of this program whose rights the role does not have. Only an owner alters.
const FIND_OWNER: &str = "\
SELECT quote_ident(pg_get_userbyid(relowner)) FROM pg_class \
WHERE relnamespace = $1::oid AND relkind IN ('r', 'p') AND relname = ANY ($2) \
AND NOT pg_has_role(relowner, 'USAGE') LIMIT 1";

/// Refuses a role that lacks rights, and names the statement that grants them.
pub(crate) async fn ensure(connection: &impl ConnectionTrait, access: Access) -> Result<(), Error> {
    let backend = connection.get_database_backend();
    if backend != DatabaseBackend::Postgres {
        return Ok(());
    }
    let schema = Statement::from_string(backend, FIND_SCHEMA);
    let Some(row) = connection.query_one_raw(schema).await? else {
        return Err(Error::NoSchema);
    };
    let (role, schema, oid, may_use, may_create): (String, String, i64, bool, bool) =
        row.try_get_many_by_index()?;
    let is_lacking = match access {
        Access::Migrate => !may_use || !may_create,
        Access::Inspect | Access::Serve => !may_use,
    };
    if is_lacking {
        let privileges = match access {
            Access::Migrate => "USAGE, CREATE",
            Access::Inspect | Access::Serve => "USAGE",
        };
        let grant = format!("GRANT {privileges} ON SCHEMA {schema} TO {role}");
        return Err(Error::MissingPrivilege { role, grant });
    }
    if access == Access::Migrate {
        let values: [Value; 2] = [oid.into(), tables::owned(tables::all()).into()];
        let owner = Statement::from_sql_and_values(backend, FIND_OWNER, values);
        if let Some(row) = connection.query_one_raw(owner).await? {
            let owner: String = row.try_get_by_index(0)?;
            let grant = format!("GRANT {owner} TO {role}");
            return Err(Error::MissingPrivilege { role, grant });
        }
    }
    let mut used = vec!["seaql_migrations".to_owned()];
    if access == Access::Serve {
        used.extend(tables::owned(tables::all()));
    }
    let fixed = tables::JOINS.iter().copied().chain([tables::CHANGES]);
    let values: [Value; 4] = [
        oid.into(),
        schema.into(),
        used.into(),
        tables::owned(fixed).into(),
    ];
    let lacking = Statement::from_sql_and_values(backend, FIND_MISSING, values);
    let Some(row) = connection.query_one_raw(lacking).await? else {
        return Ok(());
    };
    match row.try_get_many_by_index()? {
        (Some(privileges), Some(tables)) => {
            let (privileges, tables): (String, String) = (privileges, tables);
            let grant = format!("GRANT {privileges} ON {tables} TO {role}");
            Err(Error::MissingPrivilege { role, grant })
        }
        _ => Ok(()),
    }
}
