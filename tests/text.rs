//! Text: case-insensitive filters in every script, NFC in storage, no invisible values.

use migration::{Migrator, MigratorTrait};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::support::{
    app::{TestApp, apps},
    database::databases,
    mutations::text,
};

impl TestApp {
    /// Returns the names of the employees that match.
    async fn named(&self, filter: Value) -> Vec<String> {
        let query = "query($name: StringFilter) { \
                     employees(where: {name: $name}) { nodes { name } } }";
        let data = self.query_with(query, json!({ "name": filter })).await;
        let nodes = data["employees"]["nodes"].as_array().unwrap();
        nodes.iter().map(|node| text(&node["name"])).collect()
    }

    async fn execute(&self, statement: &str) {
        self.db().execute_unprepared(statement).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_ignore_case_in_every_script() {
    for app in apps().await {
        for name in ["Élan Vital", "ПЁТР", "Straße", "ΣΟΦΟΣ", "Elan"] {
            app.new_employee(name).await;
        }
        for (filter, found) in [
            (json!({ "eq": "éLAN vital" }), "Élan Vital"),
            (json!({ "in": ["ada", "пётр"] }), "ПЁТР"),
            (json!({ "contains": "lAN V" }), "Élan Vital"),
            (json!({ "contains": "ЁТ" }), "ПЁТР"),
            (json!({ "startsWith": "éL" }), "Élan Vital"),
            (json!({ "startsWith": "STRASS" }), "Straße"),
            (json!({ "endsWith": "ётр" }), "ПЁТР"),
            (json!({ "endsWith": "σ" }), "ΣΟΦΟΣ"),
            // Accents are significant, and composed and decomposed forms are equal.
            (json!({ "eq": "E\u{301}LAN VITAL" }), "Élan Vital"),
            (json!({ "startsWith": "e" }), "Elan"),
        ] {
            assert_eq!(
                app.named(filter.clone()).await,
                [found],
                "{} {filter}",
                app.name()
            );
        }
        let others = app.named(json!({ "ne": "élan vital" })).await;
        assert_eq!(others, ["ПЁТР", "Straße", "ΣΟΦΟΣ", "Elan"]);

        // Every text column, also through relations.
        app.new_project("ПРОЕКТ").await;
        let meeting = json!({ "topic": "ТЕМА", "location": "МЕСТО",
                              "scheduledTime": "2023-10-31T09:30:00Z" });
        app.done("createMeeting", meeting, "__typename").await;
        let assign = json!({ "employeeId": "emp_2", "projectId": "prj_1", "role": "РОЛЬ" });
        app.done("assignEmployee", assign, "__typename").await;
        let counts = r#"{
            projects(where: {title: {eq: "проект"}}) { totalCount }
            topic: meetings(where: {topic: {eq: "тема"}}) { totalCount }
            location: meetings(where: {location: {eq: "место"}}) { totalCount }
            assignments(where: {role: {eq: "роль"}, employee: {name: {eq: "пётр"}}}) { totalCount }
            employees(where: {projects: {some: {title: {endsWith: "кт"}}}}) { totalCount }
        }"#;
        for (field, count) in app.query(counts).await.as_object().unwrap() {
            assert_eq!(*count, json!({ "totalCount": 1 }), "{field}");
        }
        // Outside filters, roles are case-sensitive.
        let assign = json!({ "employeeId": "emp_2", "projectId": "prj_1", "role": "роль" });
        let other = app.done("assignEmployee", assign, "created").await;
        assert_eq!(other["created"], true);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_is_found_by_the_new_name_only() {
    for app in apps().await {
        let id = app.new_employee("élan").await;
        let renamed = |name: &'static str| {
            let input = json!({ "id": id, "name": name });
            app.done("updateEmployee", input, "__typename")
        };
        for name in ["ÉLAN", "Élan", "ПЁТР", "Ada", "ÉLAN"] {
            renamed(name).await;
            for (sought, is_found) in [("élan", "Élan"), ("пётр", "ПЁТР"), ("ada", "Ada")]
            {
                let found = app.named(json!({ "eq": sought })).await;
                let is_same = name.to_lowercase() == is_found.to_lowercase();
                assert_eq!(!found.is_empty(), is_same, "{name} {sought}: {found:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_written_by_another_program_is_not_found_by_an_old_name() {
    for app in apps().await {
        for name in ["ÉLAN", "ÖZGÜR"] {
            app.new_employee(name).await;
        }
        // A row of another program is found by its exact text, and in any case if ASCII.
        app.employee("ÇELIK").await;
        assert_eq!(app.named(json!({ "eq": "ÇELIK" })).await, ["ÇELIK"]);
        assert_eq!(app.named(json!({ "eq": "Çelik" })).await, ["ÇELIK"]);
        // The same holds if its text is not in NFC.
        app.employee("Zoe\u{308}").await;
        let zoe = app.named(json!({ "eq": "zoe\u{308}" })).await;
        assert_eq!(zoe, ["Zoe\u{308}"]);

        app.execute("UPDATE employees SET name = 'ÉLA' WHERE id = 1")
            .await;
        app.execute(
            "INSERT INTO employees (id, name, hire_date) VALUES (2, 'ÜNAL', '2020-01-01') \
             ON CONFLICT (id) DO UPDATE SET name = excluded.name",
        )
        .await;
        for stale in ["élan", "özgür"] {
            assert_eq!(app.named(json!({ "eq": stale })).await, [""; 0], "{stale}");
        }
        assert_eq!(app.named(json!({ "contains": "N" })).await, ["ÜNAL"]);
        assert_eq!(app.named(json!({ "startsWith": "Él" })).await, ["ÉLA"]);
        // After an update by the server, the row is found in any case.
        app.execute("UPDATE employees SET name = 'ÉLAN 2' WHERE id = 1")
            .await;
        let input = json!({ "id": "emp_1", "name": "ÉLAN 3" });
        app.done("updateEmployee", input, "__typename").await;
        assert_eq!(app.named(json!({ "eq": "élan 3" })).await, ["ÉLAN 3"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn text_is_stored_in_nfc_and_trimmed_of_spaces_without_width() {
    for app in apps().await {
        let id = app
            .new_employee("\u{feff}\u{200b} Cafe\u{301} \u{200b}")
            .await;
        assert_eq!(app.named(json!({ "eq": "cafe\u{301}" })).await, ["Café"]);
        let version = format!(r#"{{ employee(id: "{id}") {{ version }} }}"#);
        // The same name in another normalization form changes nothing.
        let input = json!({ "id": id, "name": "Cafe\u{301}" });
        app.done("updateEmployee", input, "__typename").await;
        assert_eq!(app.query(&version).await["employee"]["version"], 1);
        // Length limits apply to the normalized text.
        let long = "e\u{301}".repeat(200);
        app.new_project(&long).await;
        // Both normalization forms are the same role.
        for (role, created) in [("Che\u{301}f", true), ("Chéf", false)] {
            let assign = json!({ "employeeId": id, "projectId": "prj_1", "role": role });
            let done = app.done("assignEmployee", assign, "created").await;
            assert_eq!(done["created"], created, "{role:?}");
        }
        // The variation selector behind a heart makes it red, so it is kept.
        let heart = app.new_employee("\u{2764}\u{fe0f}").await;
        let query = format!(r#"{{ employee(id: "{heart}") {{ name }} }}"#);
        assert_eq!(
            app.query(&query).await["employee"]["name"],
            "\u{2764}\u{fe0f}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn text_without_visible_characters_is_invalid() {
    for app in apps().await {
        let time = "2023-10-31T09:30:00Z";
        for blank in [
            "\u{200b}",
            "\u{ad}",
            " \u{2060}\u{200d} ",
            "\u{3164}",
            "\u{fe0f}",
        ] {
            for (field, input, path) in [
                ("createEmployee", json!({ "name": blank }), "name"),
                ("createProject", json!({ "title": blank }), "title"),
                (
                    "createMeeting",
                    json!({ "topic": blank, "scheduledTime": time }),
                    "topic",
                ),
                (
                    "createMeeting",
                    json!({ "topic": "T", "scheduledTime": time, "location": blank }),
                    "location",
                ),
            ] {
                let payload = app.mutate(field, input, "__typename").await;
                let error = &payload["userErrors"][0];
                assert_eq!(error["code"], "INVALID", "{field} {blank:?}: {payload}");
                assert_eq!(error["path"], json!(["input", path]));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_from_before_the_migration_are_found_in_any_case() {
    for database in databases().await {
        let db = database.connection();
        Migrator::up(db, None).await.unwrap();
        let step = "m20240101_000010_fold_text";
        let all = Migrator::migrations();
        let at = all
            .iter()
            .position(|migration| migration.name() == step)
            .unwrap();
        let behind = u32::try_from(all.len() - at).unwrap();
        Migrator::down(db, Some(behind)).await.unwrap();
        // More rows than one batch of the migration.
        let values: Vec<_> = (1..=2_500)
            .map(|id| format!("({id}, 'ПЁТР {id}', '2020-01-01')"))
            .collect();
        let insert = format!(
            "INSERT INTO employees (id, name, hire_date) VALUES {}",
            values.join(", ")
        );
        db.execute_unprepared(&insert).await.unwrap();
        db.execute_unprepared("UPDATE employees SET name = 'Cafe\u{301}' WHERE id = 7")
            .await
            .unwrap();
        Migrator::up(db, None).await.unwrap();

        let app = TestApp::serving(database).await;
        for (sought, found) in [
            ("пётр 1", "ПЁТР 1"),
            ("пётр 2500", "ПЁТР 2500"),
            ("CAFÉ", "Cafe\u{301}"),
        ] {
            assert_eq!(
                app.named(json!({ "eq": sought })).await,
                [found],
                "{}",
                app.name()
            );
        }
    }
}
