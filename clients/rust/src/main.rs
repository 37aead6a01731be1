//! Prints who works on a project and on what else, a page at a time.
//!
//!     cargo run -- http://127.0.0.1:8000/graphql prj_1
//!     cargo run -- --check      the same against `roster demo`, compared; ROSTER names the program

mod roster;

use std::{
    error::Error,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use cynic::{GraphQlResponse, Id, QueryBuilder};

use crate::roster::{Walk, WalkVariables};

/// How many people come at a time: few, so that the lesson's company takes several.
const PAGE: i32 = 1;

/// What `cargo build` makes in the root of the repository.
const BUILT_HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/debug/roster");

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--check"] => check(&std::env::var("ROSTER").unwrap_or_else(|_| BUILT_HERE.to_owned())),
        [url, project] => {
            for line in walk(url, &Id::new(project))? {
                println!("{line}");
            }
            Ok(())
        }
        _ => Err("say URL and PROJECT, like http://127.0.0.1:8000/graphql prj_1".into()),
    }
}

/// Everybody on a project: page after page until there is no next one.
fn walk(url: &str, project: &Id) -> Result<Vec<String>, Box<dyn Error>> {
    let mut lines = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let operation = Walk::build(WalkVariables {
            id: project,
            first: PAGE,
            after: after.as_deref(),
        });
        let mut response = ureq::post(url).send_json(&operation)?;
        let answer: GraphQlResponse<Walk> = response.body_mut().read_json()?;
        if let Some(error) = answer.errors.iter().flatten().next() {
            return Err(error.to_string().into());
        }
        let project = answer.data.and_then(|data| data.project);
        let project = project.ok_or("there is no such project")?;
        for edge in project.employees.edges {
            let titles = edge.node.projects.nodes.into_iter().map(|node| node.title);
            lines.push(format!(
                "{}: {} works on it as {} since {}; on: {}",
                project.title,
                edge.node.name,
                edge.roles.join(", "),
                edge.since.map_or("ever".to_owned(), |since| since.0),
                titles.collect::<Vec<_>>().join(", ")
            ));
        }
        let page = project.employees.page_info;
        if !page.has_next_page {
            return Ok(lines);
        }
        after = page.end_cursor;
    }
}

/// The lesson's company says what it should.
fn check(program: &str) -> Result<(), Box<dyn Error>> {
    let demo = Demo::start(program)?;
    let lines = walk(&demo.url, &Id::new("prj_1"))?;
    let expected = [
        "XYZ Project Flask server: Tristan Tal works on it as Flask programmer since 2023-06-10T00:00:00Z; on: XYZ Project Flask server, XYZ Project React UI",
        "XYZ Project Flask server: Uri Lee works on it as Project manager since 2023-05-28T00:00:00Z; on: XYZ Project Flask server",
    ];
    if lines != expected {
        return Err(format!("it says {lines:#?}").into());
    }
    if walk(&demo.url, &Id::new("prj_99")).is_ok() {
        return Err("there is a project that there is not".into());
    }
    println!("The client and the server agree.");
    Ok(())
}

/// A server with the lesson's company, until it is dropped.
struct Demo {
    child: Child,
    url: String,
}

impl Demo {
    fn start(program: &str) -> Result<Self, Box<dyn Error>> {
        let mut child = Command::new(program)
            .args(["demo", "--port", "0"])
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot run {program}: {error}"))?;
        let said = child.stdout.take().ok_or("it says nothing")?;
        let url = BufReader::new(said)
            .lines()
            .map_while(Result::ok)
            .find_map(|line| {
                let url = line.split_whitespace().last()?;
                (url.starts_with("http") && url.ends_with("/graphql")).then(|| url.to_owned())
            });
        let mut demo = Self {
            child,
            url: String::new(),
        };
        demo.url = url.ok_or("the server ended before it listened")?;
        Ok(demo)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
