//! `DATABASE_URL`: refused URLs, the schema, and the privileges of the role.

use sea_orm::{ConnectionTrait, DatabaseConnection};
use serde_json::{Value, json};

use crate::support::{
    home::{Home, Output, Server, homes},
    websocket::WebSocket,
};

#[test]
fn a_url_that_would_be_misread_is_refused_without_its_password() {
    let home = Home::sqlite();
    for (url, says) in [
        (
            "postgres://me:secret@ss#secret?rd@127.0.0.1:1/db",
            "%23 for #",
        ),
        ("postgres://me:1#secret@127.0.0.1:1/db", "%23 for #"),
        ("postgres://me:secret/secret@127.0.0.1:1/db", "%2F for /"),
        ("postgres://me:1/secret@127.0.0.1:1/db", "%2F for /"),
        ("postgres://secret/me:1@127.0.0.1:1/db", "%2F for /"),
        ("postgres://me:secret?secret@127.0.0.1:1/db", "%3F for ?"),
        ("postgres://me:1?secret=1@127.0.0.1:1/db", "%3F for ?"),
        (
            "postgres://me:1?secret%40127.0.0.1:1/db",
            "a parameter is unknown",
        ),
        ("postgres://me:1?secret=1", "a parameter is unknown"),
        ("postgres://me:secret%@127.0.0.1:1/db", "%25 for %"),
        ("postgres://me:%zzsecret@127.0.0.1:1/db", "%25 for %"),
        ("postgres://me:%ffsecret@127.0.0.1:1/db", "not understood"),
        (
            "postgres://me:secret secret@127.0.0.1:1/db",
            "%20 for a space",
        ),
        (
            "postgres://me:secret\nsecret@127.0.0.1:1/db",
            "%20 for a space",
        ),
        ("postgres:me:secret@127.0.0.1:1/db", "write postgres://"),
        ("postgres:/me:secret@127.0.0.1:1/db", "write postgres://"),
        ("postgres://me:secret@/db", "names no host"),
        ("postgres://me:secret@:1/db", "names no host"),
        ("postgres://me:secret@127.0.0.1:0/db", "from 1 to 65535"),
        ("postgres://me:secret@127.0.0.1:70000/db", "not understood"),
        ("postgres://me:secret@127.0.0.1:x/db", "not understood"),
        (
            "postgres://me:secret@127.0.0.1:1/db?port=x",
            "not understood",
        ),
        // Accepted as intended: the last @ ends the password, the first : begins it.
        (
            "postgres://me:secret@secret:secret@127.0.0.1:1/db",
            "127.0.0.1:1 did not answer",
        ),
        (
            "postgres://me:secret%23%2F%3F%40@127.0.0.1:1/db",
            "127.0.0.1:1 did not answer",
        ),
        (
            "postgres://me:secret@/db?host=/nowhere",
            "PostgreSQL at /nowhere did not answer",
        ),
        (
            "postgres://me:secret@:1/db?host=127.0.0.1",
            "127.0.0.1:1 did not answer",
        ),
    ] {
        is_refused(&home, url, says);
    }
}

#[test]
fn a_parameter_that_would_be_ignored_is_refused() {
    let home = Home::sqlite();
    for (parameter, says) in [
        (
            "schema=app",
            "the parameter schema is unknown and would be ignored; to choose a schema, \
                        write options=-csearch_path%3Dapp",
        ),
        ("currentSchema=app", "options=-csearch_path%3Dapp"),
        ("search_path=app", "options=-csearch_path%3Dapp"),
        ("connect_timeout=5", "`roster limits`"),
        (
            "sslmode=disable&pasword=secret",
            "the parameter pasword is unknown",
        ),
        ("options[search_path=app", "a parameter is unknown"),
        ("sslmode=perhaps", "not understood"),
        (
            "sslmode=disable&application_name=a&statement-cache-capacity=9",
            "127.0.0.1:1 did not",
        ),
        (
            "user=me&password=secret&dbname=db&options=-cgeqo%3Doff",
            "127.0.0.1:1 did not answer",
        ),
        ("hostaddr=127.0.0.1&port=1", "127.0.0.1:1 did not answer"),
        (
            "channel_binding=prefer&target_session_attrs=read-write",
            "127.0.0.1:1 did not answer",
        ),
    ] {
        is_refused(
            &home,
            &format!("postgres://me:secret@127.0.0.1:1/db?{parameter}"),
            says,
        );
    }
    for (url, says) in [
        ("sqlite:", "names no file"),
        ("sqlite://", "names no file"),
        ("sqlite:roster.db?mode=ro", "remove mode=ro"),
        ("sqlite:roster.db?immutable=1", "remove immutable=1"),
        ("sqlite:roster.db?cache=shared", "remove cache=shared"),
        (
            "sqlite:roster.db?mode=rw",
            "roster.db: unable to open database file",
        ),
        ("sqlite:?mode=memory", "roster demo"),
        ("sqlite:%3Amemory%3A", "roster demo"),
        ("sqlite:roster.db?journal=off", "not understood"),
    ] {
        is_refused(&home, url, says);
    }
    assert!(!home.file("roster.db").exists());
}

#[tokio::test]
async fn the_search_path_of_the_url_selects_the_schema() {
    let Some(home) = Home::postgres().await else {
        return;
    };
    let admin = home.connect().await;
    let url = format!("{}?options=-csearch_path%3Dapp", home.database_url());
    let refused = run(&home, &["migrate", "up"], &url);
    assert!(
        refused.stderr.contains("CREATE SCHEMA"),
        "{}",
        refused.stderr
    );

    sql(
        &admin,
        "CREATE SCHEMA app; CREATE TABLE public.theirs (id int)",
    )
    .await;
    run(&home, &["migrate", "up"], &url).ok();
    run(&home, &["seed"], &url).ok();
    let serve = || {
        let mut command = home.command(&["serve", "--port", "0"]);
        Server::wait(command.env("DATABASE_URL", &url).spawn().unwrap())
    };
    let (server, other) = (serve(), serve());
    let query = json!({ "query": "{ employees { totalCount } }" });
    assert_eq!(
        post(&server.url, &query).await["data"],
        json!({ "employees": { "totalCount": 4 } })
    );
    // The other server is notified of the change by LISTEN.
    let mut listener = WebSocket::changes(&other.url).await;
    let mutation = "mutation { createEmployee(input: { name: \"Ann\" }) { employee { id } } }";
    // The subscription may begin behind the first change; the server is notified of the others.
    for _ in 0..3 {
        let created = post(&server.url, &json!({ "query": mutation })).await;
        let id = &created["data"]["createEmployee"]["employee"]["id"];
        assert!(id.is_string(), "{created}");
        let event = listener.change().await;
        assert_eq!(event["type"], "EMPLOYEE");
        assert_eq!(event["touchedIds"], json!([id]));
    }
    server.terminate().ok();
    other.terminate().ok();

    run(&home, &["migrate", "fresh", "--force"], &url).ok();
    let tables = "SELECT string_agg(schemaname, ' ' ORDER BY schemaname) FROM pg_tables \
                  WHERE tablename IN ('theirs', 'employees')";
    assert_eq!(text(&admin, tables).await, "app public");
}

#[tokio::test]
async fn a_role_without_privileges_is_shown_the_grant_statement() {
    let Some(home) = Home::postgres().await else {
        return;
    };
    let admin = home.connect().await;
    let role = format!("roster-cli-{}", std::process::id());
    sql(&admin, &format!("CREATE ROLE \"{role}\" LOGIN")).await;
    sql(&admin, "REVOKE ALL ON SCHEMA public FROM PUBLIC").await;
    let url = home.database_url();
    let (_, address) = url.rsplit_once('@').unwrap();
    let url = format!("postgres://{role}@{address}");

    let status = run(&home, &["migrate", "status"], &url);
    let usage = format!("GRANT USAGE ON SCHEMA public TO \"{role}\"");
    assert!(status.stderr.contains(&usage), "{}", status.stderr);
    let serve = run(&home, &["serve", "--port", "0"], &url);
    assert!(serve.stderr.contains(&usage), "{}", serve.stderr);

    // Some hardened databases grant the procedural language to no role.
    sql(&admin, "REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC").await;

    // Tables of the owner: each message names a missing privilege, until the role can serve.
    run(&home, &["migrate", "up"], &home.database_url()).ok();
    sql(&admin, &usage).await;
    let status = run(&home, &["migrate", "status"], &url);
    let select = format!("GRANT SELECT ON public.seaql_migrations TO \"{role}\"");
    assert!(status.stderr.contains(&select), "{}", status.stderr);
    sql(&admin, &select).await;
    run(&home, &["migrate", "status"], &url).ok();
    let serve = run(&home, &["serve", "--port", "0"], &url);
    assert_eq!(serve.code, 1);
    let (_, grant) = serve.stderr.split_once("let its owner run: ").unwrap();
    assert!(grant.contains("public.assignments"), "{grant}");
    sql(&admin, grant).await;
    let mut command = home.command(&["serve", "--port", "0"]);
    let server = Server::wait(command.env("DATABASE_URL", &url).spawn().unwrap());
    assert_eq!(server.get("/health/ready").await.0, 200);
    for (mutation, field) in [
        ("createEmployee(input: { name: \"Ann\" })", "employee"),
        (
            "createMeeting(input: { topic: \"M\", scheduledTime: \"2030-01-01T00:00:00Z\", \
          employeeIds: [\"emp_1\"] })",
            "meeting",
        ),
        ("createProject(input: { title: \"P\" })", "project"),
        (
            "assignEmployee(input: { employeeId: \"emp_1\", projectId: \"prj_1\", role: \"R\" })",
            "assignment",
        ),
        (
            "updateEmployee(input: { id: \"emp_1\", name: \"Bea\" })",
            "employee",
        ),
    ] {
        let query = format!("mutation {{ done: {mutation} {{ {field} {{ id }} }} }}");
        let answer = post(&server.url, &json!({ "query": query })).await;
        assert!(answer["data"]["done"][field].is_object(), "{answer}");
    }
    let query = "mutation { deleteEmployee(input: { id: \"emp_1\" }) { userErrors { code } } }";
    let answer = post(&server.url, &json!({ "query": query })).await;
    assert_eq!(
        answer["data"]["deleteEmployee"]["userErrors"],
        json!([]),
        "{answer}"
    );
    server.terminate().ok();

    // Only the owner of the tables may alter them.
    let may_create = format!("GRANT CREATE ON SCHEMA public TO \"{role}\"");
    sql(&admin, &may_create).await;
    let down = run(&home, &["migrate", "down"], &url);
    let (_, grant) = down.stderr.split_once("let its owner run: GRANT ").unwrap();
    // Membership in the owning role, not a privilege on an object.
    assert!(grant.contains(&format!(" TO \"{role}\"")), "{grant}");
    assert!(!grant.contains(" ON "), "{grant}");
    sql(&admin, "GRANT USAGE ON LANGUAGE plpgsql TO PUBLIC").await;
    sql(
        &admin,
        &may_create
            .replace("GRANT", "REVOKE")
            .replace(" TO ", " FROM "),
    )
    .await;

    // An empty database: the role creates its tables after one more statement.
    sql(&admin, "DROP SCHEMA public CASCADE; CREATE SCHEMA public").await;
    let up = run(&home, &["migrate", "up"], &url);
    let create = format!("GRANT USAGE, CREATE ON SCHEMA public TO \"{role}\"");
    // Without USAGE, the tables are not visible.
    assert!(up.stderr.contains(&usage), "{}", up.stderr);
    sql(&admin, &usage).await;
    let up = run(&home, &["migrate", "up"], &url);
    assert!(up.stderr.contains(&create), "{}", up.stderr);
    sql(&admin, &create).await;
    run(&home, &["migrate", "up"], &url).ok();
    run(&home, &["seed"], &url).ok();

    sql(&admin, &format!("DROP OWNED BY \"{role}\" CASCADE")).await;
    sql(&admin, &format!("DROP ROLE \"{role}\"")).await;
}

#[tokio::test]
async fn migrate_fresh_refuses_to_drop_rows_and_foreign_tables_unless_forced() {
    for home in homes().await {
        home.roster(&["migrate", "fresh"]).ok();
        home.roster(&["migrate", "fresh"]).ok();
        home.roster(&["seed"]).ok();
        let rows = home.rows().await;
        let refused = home.roster(&["migrate", "fresh"]);
        assert_eq!(refused.code, 1);
        for part in [
            "employees has rows",
            "projects has rows",
            "roster migrate fresh --force",
        ] {
            assert!(refused.stderr.contains(part), "{}", refused.stderr);
        }
        assert_eq!(home.rows().await, rows);
        home.roster(&["migrate", "fresh", "--force"]).ok();

        let connection = home.connect().await;
        if home.database_url().starts_with("postgres") {
            sql(&connection, "CREATE TYPE mood AS ENUM ('glad')").await;
            let refused = home.roster(&["migrate", "fresh"]).stderr;
            assert!(refused.contains("mood belongs to another"), "{refused}");
            sql(&connection, "DROP TYPE mood").await;
        }
        sql(&connection, "CREATE TABLE theirs (id int)").await;
        let refused = home.roster(&["migrate", "fresh"]);
        assert_eq!(refused.code, 1);
        let found = "theirs belongs to another program";
        assert!(refused.stderr.contains(found), "{}", refused.stderr);
        for number in 0..9 {
            sql(
                &connection,
                &format!("CREATE TABLE others_{number} (id int)"),
            )
            .await;
        }
        let refused = home.roster(&["migrate", "fresh"]);
        assert!(refused.stderr.contains("others_4"), "{}", refused.stderr);
        assert!(!refused.stderr.contains("others_5"), "{}", refused.stderr);
        assert!(refused.stderr.contains("and 5 more"), "{}", refused.stderr);
        drop(connection);
        home.roster(&["migrate", "fresh", "--force"]).ok();
        home.roster(&["migrate", "fresh"]).ok();
    }
}

/// Expects that each command refuses the URL in one line that contains `says` and no password.
#[track_caller]
fn is_refused(home: &Home, url: &str, says: &str) {
    for command in [&["serve", "--port", "0"][..], &["migrate", "up"]] {
        let refused = home
            .command(command)
            .env("DATABASE_URL", url)
            .env("DATABASE_WAIT", "0")
            .env("RUST_LOG", "trace,hickory=off")
            .output()
            .unwrap();
        let output = String::from_utf8([refused.stdout, refused.stderr].concat()).unwrap();
        assert_eq!(refused.status.code(), Some(1), "{url}: {output}");
        assert!(!output.contains("secret"), "{url}: {output}");
        let last = output.lines().last().unwrap();
        assert!(
            last.starts_with("error: ") && last.contains(says),
            "{url}: {last}"
        );
    }
}

fn run(home: &Home, arguments: &[&str], url: &str) -> Output {
    let mut command = home.command(arguments);
    Output::of(command.env("DATABASE_URL", url).spawn().unwrap())
}

async fn sql(connection: &DatabaseConnection, sql: &str) {
    connection.execute_unprepared(sql).await.unwrap();
}

async fn text(connection: &DatabaseConnection, sql: &str) -> String {
    let statement = sea_orm::Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(statement).await.unwrap();
    row.unwrap().try_get_by_index(0).unwrap()
}

async fn post(url: &str, body: &Value) -> Value {
    let client = reqwest::Client::new();
    let answer = client
        .post(format!("{url}/graphql"))
        .json(body)
        .send()
        .await;
    answer.unwrap().json().await.unwrap()
}
