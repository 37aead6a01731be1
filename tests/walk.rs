//! The main job: walking the graph, on the lesson's data and on many rows.

use crate::app::lessons;

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_from_an_employee_to_projects_to_employees_is_three_statements() {
    for app in lessons().await {
        let (data, statements) = app
            .counted(r#"{ employee(id: "emp_2") { name projects { nodes { title employees { nodes { name } } } } } }"#)
            .await;
        insta::allow_duplicates! {
            insta::assert_json_snapshot!(data, @"");
        }
        assert_eq!(statements, 3, "{}", app.name());
    }
}
