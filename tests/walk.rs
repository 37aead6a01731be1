//! Nested queries on the lesson's data, with their answers and the number of statements.

use serde_json::json;

use crate::support::app::lessons;

/// Defines a test: the query has this answer and takes this number of statements on both databases.
macro_rules! transcript {
    ($name:ident, $statements:literal, $query:literal, @$answer:literal) => {
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            for app in lessons().await {
                let (data, statements) = app.counted($query).await;
                insta::allow_duplicates! {
                    insta::assert_yaml_snapshot!(data, @$answer);
                }
                assert_eq!(statements, $statements, "{}", app.name());
            }
        }
    };
}

transcript! {
    an_employee_walks_to_projects_and_on_to_employees_in_three_statements,
    3,
    r#"{ employee(id: "emp_2") { name projects { nodes { title employees { nodes { name } } } } } }"#,
    @"
employee:
  name: Tristan Tal
  projects:
    nodes:
      - employees:
          nodes:
            - name: Tristan Tal
            - name: Uri Lee
        title: XYZ Project Flask server
      - employees:
          nodes:
            - name: Tristan Tal
        title: XYZ Project React UI
"
}

transcript! {
    a_project_walks_to_employees_and_on_to_projects_in_three_statements,
    3,
    r#"{ project(id: "prj_2") { title employees { nodes { name projects { nodes { title } } } } } }"#,
    @"
project:
  employees:
    nodes:
      - name: Tristan Tal
        projects:
          nodes:
            - title: XYZ Project Flask server
            - title: XYZ Project React UI
  title: XYZ Project React UI
"
}

transcript! {
    the_second_meeting_has_all_four_employees,
    3,
    r#"{ meeting(id: "mtg_2") { topic scheduledTime location employees(first: 10) { totalCount nodes { id name } } } }"#,
    @r#"
meeting:
  employees:
    nodes:
      - id: emp_3
        name: Sasha Hao
      - id: emp_4
        name: Taylor Jai
      - id: emp_2
        name: Tristan Tal
      - id: emp_1
        name: Uri Lee
    totalCount: 4
  location: "Building D, Room 430"
  scheduledTime: "2023-12-01T15:15:00Z"
  topic: Github Issues Brainstorming
"#
}

transcript! {
    the_first_employee_attends_both_meetings_in_order,
    2,
    r#"{ employee(id: "emp_1") { name hireDate meetings { nodes { id topic scheduledTime location } } } }"#,
    @r#"
employee:
  hireDate: 2022-05-17
  meetings:
    nodes:
      - id: mtg_1
        location: "Building A, Room 142"
        scheduledTime: "2023-10-31T09:30:00Z"
        topic: Software Engineering Weekly Update
      - id: mtg_2
        location: "Building D, Room 430"
        scheduledTime: "2023-12-01T15:15:00Z"
        topic: Github Issues Brainstorming
  name: Uri Lee
"#
}

transcript! {
    the_assignments_of_an_employee_have_role_dates_and_project,
    2,
    r#"{ employee(id: "emp_2") { assignments { nodes { id role startDate endDate project { title } } } } }"#,
    @r#"
employee:
  assignments:
    nodes:
      - endDate: "2023-10-01T00:00:00Z"
        id: asg_2
        project:
          title: XYZ Project Flask server
        role: Flask programmer
        startDate: "2023-06-10T00:00:00Z"
      - endDate: "2024-02-01T00:00:00Z"
        id: asg_3
        project:
          title: XYZ Project React UI
        role: Flask programmer
        startDate: "2023-11-01T00:00:00Z"
"#
}

transcript! {
    the_assignments_of_a_project_name_their_employees,
    2,
    r#"{ project(id: "prj_1") { title budget assignments { nodes { role employee { name } } } } }"#,
    @"
project:
  assignments:
    nodes:
      - employee:
          name: Uri Lee
        role: Project manager
      - employee:
          name: Tristan Tal
        role: Flask programmer
  budget: 50000
  title: XYZ Project Flask server
"
}

transcript! {
    the_employees_of_a_project_are_found_through_assignments,
    5,
    r#"{ project(id: "prj_1") { employees { totalCount edges { node { name } assignmentCount roles since until } } } }"#,
    @r#"
project:
  employees:
    edges:
      - assignmentCount: 1
        node:
          name: Tristan Tal
        roles:
          - Flask programmer
        since: "2023-06-10T00:00:00Z"
        until: "2023-10-01T00:00:00Z"
      - assignmentCount: 1
        node:
          name: Uri Lee
        roles:
          - Project manager
        since: "2023-05-28T00:00:00Z"
        until: "2023-10-30T00:00:00Z"
    totalCount: 2
"#
}

transcript! {
    the_projects_of_an_employee_are_found_through_assignments,
    3,
    r#"{ employee(id: "emp_1") { projects { edges { node { title } assignments { id role startDate endDate isActive(at: "2023-10-30T00:00:00Z") } } } } }"#,
    @r#"
employee:
  projects:
    edges:
      - assignments:
          - endDate: "2023-10-30T00:00:00Z"
            id: asg_1
            isActive: false
            role: Project manager
            startDate: "2023-05-28T00:00:00Z"
        node:
          title: XYZ Project Flask server
"#
}

transcript! {
    a_record_is_fetched_by_its_id_and_an_unknown_id_is_null,
    4,
    r#"{
        nodes(ids: ["asg_3", "emp_1", "mtg_1", "prj_2", "emp_1", "emp_99", "emp_01", "xyz_1", "", "emp_9223372036854775808"]) {
            __typename id
            ... on Employee { name }
            ... on Meeting { topic }
            ... on Project { title }
            ... on Assignment { role }
        }
        employee(id: "prj_1") { id }
        meeting(id: "mtg_99") { id }
        node(id: "asg_0") { id }
    }"#,
    @"
employee: ~
meeting: ~
node: ~
nodes:
  - __typename: Assignment
    id: asg_3
    role: Flask programmer
  - __typename: Employee
    id: emp_1
    name: Uri Lee
  - __typename: Meeting
    id: mtg_1
    topic: Software Engineering Weekly Update
  - __typename: Project
    id: prj_2
    title: XYZ Project React UI
  - __typename: Employee
    id: emp_1
    name: Uri Lee
  - ~
  - ~
  - ~
  - ~
  - ~
"
}

transcript! {
    both_directions_of_a_link_answer_the_same_fragment,
    6,
    r#"
        query {
            project(id: "prj_1") { employees { edges { ...Link } } }
            employee(id: "emp_2") { projects { edges { ...Link } } }
        }
        fragment Link on AssignmentLink { roles assignments(first: 1) { id } }
    "#,
    @"
employee:
  projects:
    edges:
      - assignments:
          - id: asg_2
        roles:
          - Flask programmer
      - assignments:
          - id: asg_3
        roles:
          - Flask programmer
project:
  employees:
    edges:
      - assignments:
          - id: asg_2
        roles:
          - Flask programmer
      - assignments:
          - id: asg_1
        roles:
          - Project manager
"
}

transcript! {
    colleagues_are_two_hops_away_with_what_is_shared,
    5,
    r#"{ employee(id: "emp_1") {
        colleagues(via: ANY) {
            totalCount
            edges { node { name } sharedProjects { title } sharedMeetings { topic } }
        }
    } }"#,
    @"
employee:
  colleagues:
    edges:
      - node:
          name: Tristan Tal
        sharedMeetings:
          - topic: Github Issues Brainstorming
        sharedProjects:
          - title: XYZ Project Flask server
      - node:
          name: Sasha Hao
        sharedMeetings:
          - topic: Github Issues Brainstorming
        sharedProjects: []
      - node:
          name: Taylor Jai
        sharedMeetings:
          - topic: Github Issues Brainstorming
        sharedProjects: []
    totalCount: 3
"
}

transcript! {
    colleagues_can_be_limited_to_assignments_active_at_one_time,
    3,
    r#"{ employee(id: "emp_2") {
        colleagues(through: {active: {at: "2023-07-01T00:00:00Z"}}) {
            nodes { name }
            edges { sharedProjectCount sharedMeetingCount sharedMeetings { id } }
        }
    } }"#,
    @"
employee:
  colleagues:
    edges:
      - sharedMeetingCount: 0
        sharedMeetings: []
        sharedProjectCount: 1
    nodes:
      - name: Uri Lee
"
}

#[tokio::test(flavor = "multi_thread")]
async fn assignments_that_overlap_and_meetings_that_clash_are_found_in_order() {
    for app in lessons().await {
        app.stint(2, 1, Some("Tester"), None, Some("2023-06-11T00:00:00Z"))
            .await;
        app.stint(2, 2, Some("Reviewer"), Some("2023-09-30T00:00:00Z"), None)
            .await;
        let soon = app.meeting("Retrospective", "2023-12-01T15:45:30Z").await;
        app.attends(1, soon).await;
        app.attends(2, soon).await;
        let (data, statements) = app
            .counted(
                "{ employees(first: 2) { nodes {
                    assignmentOverlaps { first { id } second { id } from until sameProject }
                    autumn: assignmentOverlaps(during: {from: \"2023-10-01T00:00:00Z\"}) { first { id } second { id } }
                    meetingClashes { first { topic } second { topic } minutesApart }
                    tight: meetingClashes(withinMinutes: 30) { minutesApart }
                } } }",
            )
            .await;
        insta::allow_duplicates! {
            insta::assert_yaml_snapshot!(data, @r#"
            employees:
              nodes:
                - assignmentOverlaps: []
                  autumn: []
                  meetingClashes:
                    - first:
                        topic: Github Issues Brainstorming
                      minutesApart: 30
                      second:
                        topic: Retrospective
                  tight: []
                - assignmentOverlaps:
                    - first:
                        id: asg_4
                      from: "2023-06-10T00:00:00Z"
                      sameProject: true
                      second:
                        id: asg_2
                      until: "2023-06-11T00:00:00Z"
                    - first:
                        id: asg_2
                      from: "2023-09-30T00:00:00Z"
                      sameProject: false
                      second:
                        id: asg_5
                      until: "2023-10-01T00:00:00Z"
                    - first:
                        id: asg_5
                      from: "2023-11-01T00:00:00Z"
                      sameProject: true
                      second:
                        id: asg_3
                      until: "2024-02-01T00:00:00Z"
                  autumn:
                    - first:
                        id: asg_5
                      second:
                        id: asg_3
                  meetingClashes:
                    - first:
                        topic: Github Issues Brainstorming
                      minutesApart: 30
                      second:
                        topic: Retrospective
                  tight: []
            "#);
        }
        assert_eq!(statements, 3, "{}", app.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_forward_and_backward_have_exact_ends() {
    for app in lessons().await {
        let first = app
            .query("{ employees(first: 3) { totalCount nodes { name } pageInfo { hasNextPage hasPreviousPage endCursor } } }")
            .await;
        insta::allow_duplicates! {
            insta::assert_yaml_snapshot!(first, {
                ".employees.pageInfo.endCursor" => "[cursor]"
            }, @r#"
            employees:
              nodes:
                - name: Uri Lee
                - name: Tristan Tal
                - name: Sasha Hao
              pageInfo:
                endCursor: "[cursor]"
                hasNextPage: true
                hasPreviousPage: false
              totalCount: 4
            "#);
        }
        let cursor = first["employees"]["pageInfo"]["endCursor"]
            .as_str()
            .unwrap();
        let second = app
            .query_with(
                "query ($after: String) { employees(first: 3, after: $after) { nodes { name } pageInfo { hasNextPage hasPreviousPage } } }",
                json!({ "after": cursor }),
            )
            .await;
        insta::allow_duplicates! {
            insta::assert_yaml_snapshot!(second, @"
            employees:
              nodes:
                - name: Taylor Jai
              pageInfo:
                hasNextPage: false
                hasPreviousPage: true
            ");
        }
        let last = app.query("{ employees(last: 1) { nodes { name } pageInfo { hasNextPage hasPreviousPage } } }").await;
        assert_eq!(last, second, "{}", app.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn now_is_one_instant_for_a_whole_request() {
    for app in lessons().await {
        let data = app
            .query("{ projects { nodes { headcount then: headcount(at: \"2023-07-01T00:00:00Z\") } } }")
            .await;
        insta::allow_duplicates! {
            insta::assert_yaml_snapshot!(data, @"
            projects:
              nodes:
                - headcount: 0
                  then: 2
                - headcount: 0
                  then: 0
            ");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn aggregates_over_a_list_do_not_depend_on_its_page() {
    for app in lessons().await {
        app.project("Unfunded", None).await;
        app.project("Moonshot", Some(1_000_000_000_000)).await;
        let data = app
            .query(
                "{
                    projects(first: 1) { totalCount budget { count sum average min max } }
                    assignments(first: 0) { byRole { role assignmentCount employeeCount } }
                }",
            )
            .await;
        insta::allow_duplicates! {
            insta::assert_yaml_snapshot!(data, @"
            assignments:
              byRole:
                - assignmentCount: 2
                  employeeCount: 1
                  role: Flask programmer
                - assignmentCount: 1
                  employeeCount: 1
                  role: Project manager
            projects:
              budget:
                average: 333333383333.3333
                count: 3
                max: 1000000000000
                min: 50000
                sum: 1000000150000
              totalCount: 4
            ");
        }
    }
}
