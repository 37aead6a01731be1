//! Every optimization is disabled in turn, and the answers stay the same, byte for byte.
//!
//! `ORACLE_SEED` repeats the random queries, `ORACLE_CASES` sets their number.

use api::Roster;
use futures_util::{StreamExt, stream};
use sea_level::{
    Limits, Shortcuts,
    auth::{Role, Viewer},
    guard::Request,
};
use serde_json::{Value, json};
use server::{
    app::{App, RequestId, Server},
    config::Settings,
    shutdown::Shutdown,
};

use crate::support::{
    app::{TestApp, apps, lessons},
    examples::examples,
    oracle,
    unusual::{DOCUMENTS, MUTATIONS, ONE_OF_TWO, OPERATIONS, unusual_rows, with_variables},
};

/// The number of concurrent queries.
const AT_ONCE: usize = 8;

/// The disabled optimization, the switches, and whether documents are cached. The first is the default.
const WAYS: [(&str, Shortcuts, bool); 9] = [
    ("nothing", Shortcuts::ALL, true),
    (
        "text",
        Shortcuts {
            text: false,
            ..Shortcuts::ALL
        },
        true,
    ),
    (
        "fields",
        Shortcuts {
            fields: false,
            ..Shortcuts::ALL
        },
        true,
    ),
    (
        "columns",
        Shortcuts {
            columns: false,
            ..Shortcuts::ALL
        },
        true,
    ),
    (
        "listed",
        Shortcuts {
            listed: false,
            ..Shortcuts::ALL
        },
        true,
    ),
    (
        "together",
        Shortcuts {
            together: false,
            ..Shortcuts::ALL
        },
        true,
    ),
    (
        "optimistic",
        Shortcuts {
            optimistic: false,
            ..Shortcuts::ALL
        },
        true,
    ),
    ("the cache of documents", Shortcuts::ALL, false),
    (
        "everything",
        Shortcuts {
            text: false,
            fields: false,
            columns: false,
            listed: false,
            together: false,
            optimistic: false,
        },
        false,
    ),
];

/// A roster with one set of optimizations.
struct Way {
    without: &'static str,
    roster: Roster,
    /// Serializes the answers.
    server: App,
    id: RequestId,
}

impl Way {
    fn all(app: &TestApp, limits: Limits) -> Vec<Self> {
        let database = app.database.connections();
        let server = Server::new(database, &Settings::default(), &Shutdown::new()).unwrap();
        let id = RequestId::next();
        WAYS.into_iter()
            .map(|(without, shortcuts, keeps_documents)| {
                let limits = Limits {
                    document_cache: if keeps_documents {
                        limits.document_cache
                    } else {
                        0
                    },
                    ..limits
                };
                Self {
                    without,
                    roster: Roster::with_limits(database.clone(), limits).with_shortcuts(shortcuts),
                    server: server.clone(),
                    id: id.clone(),
                }
            })
            .collect()
    }

    /// Returns the body that the server would send, with the cost.
    async fn answer(&self, asked: &Asked) -> String {
        let request = Request {
            text: asked.document.clone(),
            operation_name: asked.operation.clone(),
            variables: asked.variables.as_object().cloned().unwrap_or_default(),
            viewer: Viewer::anonymous(Role::Editor),
        };
        let mut answer = match self.roster.check(request) {
            Ok(checked) => self.roster.run(&checked).await,
            Err(refused) => *refused,
        };
        let response = self.server.client_response(&self.id, &mut answer, true);
        let text = String::from_utf8(response.to_json()).unwrap();
        serde_json::from_str::<Value>(&text).unwrap();
        assert!(!text.contains("\"INTERNAL\""), "{text} to {asked:?}");
        text
    }
}

/// An operation to run in every way.
#[derive(Clone, Debug)]
struct Asked {
    document: String,
    variables: Value,
    operation: Option<String>,
}

impl Asked {
    fn new(document: impl Into<String>, variables: Value) -> Self {
        Self {
            document: document.into(),
            variables,
            operation: None,
        }
    }
}

/// Returns the first difference between the answers. The first way answers twice, so that a cached
/// document is compared with a new one.
async fn difference(ways: &[Way], asked: &Asked) -> Option<String> {
    let expected = ways[0].answer(asked).await;
    for way in ways {
        let found = way.answer(asked).await;
        if let Some(difference) = compared(way.without, asked, &found, &expected) {
            return Some(difference);
        }
    }
    None
}

fn compared(without: &str, asked: &Asked, found: &str, expected: &str) -> Option<String> {
    (found != expected).then(|| {
        let Asked {
            document,
            variables,
            operation,
        } = asked;
        format!(
            "{document}\n{variables}, operation {operation:?}\n\
             at first           {expected}\nwithout {without}: {found}"
        )
    })
}

fn examples_with(keyword: &str) -> impl Iterator<Item = String> {
    let texts = examples().into_iter().map(|(_, operation)| operation);
    texts.filter(move |operation| operation.contains(keyword))
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_have_the_same_answers_without_shortcuts() {
    let queries: Vec<Asked> = examples_with("\nquery ")
        .map(|example| Asked::new(example, json!({})))
        .collect();
    assert!(queries.len() >= 10);
    for app in lessons().await {
        let ways = Way::all(&app, Limits::DEFAULT);
        for asked in &queries {
            same(&app, difference(&ways, asked).await);
        }
    }
}

/// Each way has its own data.
#[tokio::test(flavor = "multi_thread")]
async fn mutations_have_the_same_answers_without_shortcuts() {
    let mutations: Vec<Asked> = examples_with("\nmutation ")
        .chain(MUTATIONS.iter().map(|text| (*text).to_owned()))
        .map(|text| Asked::new(text, json!({})))
        .chain(
            [
                json!({ "id": "emp_1" }),
                json!({}),
                json!({ "id": null }),
                json!({ "id": "emp_1", "name": "Fay" }),
                json!({ "id": "emp_1", "name": null }),
                json!({ "id": "emp_99" }),
            ]
            .map(|variables| Asked::new(ONE_OF_TWO, variables)),
        )
        .collect();
    assert!(mutations.len() >= 7 + MUTATIONS.len());
    let mut expected: Vec<Vec<String>> = Vec::new();
    for (index, (without, ..)) in WAYS.iter().enumerate() {
        for (kind, app) in lessons().await.iter().enumerate() {
            let way = &Way::all(app, Limits::DEFAULT)[index];
            let mut answers = Vec::new();
            for asked in &mutations {
                answers.push(way.answer(asked).await);
            }
            let Some(expected) = expected.get(kind) else {
                expected.push(answers);
                continue;
            };
            for ((asked, found), expected) in mutations.iter().zip(&answers).zip(expected) {
                same(app, compared(without, asked, found, expected));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn random_queries_have_the_same_answers_without_shortcuts() {
    /// The number of queries for each dataset.
    const QUESTIONS: u64 = 50;
    let seed = oracle::seed();
    let companies = oracle::cases(300).div_ceil(QUESTIONS);
    let apps = apps().await;
    for company in 0..companies {
        for app in &apps {
            let ways = Way::all(app, Limits::DEFAULT);
            let questions = oracle::questions(app, seed.wrapping_add(company), QUESTIONS).await;
            let questions: Vec<Asked> = questions
                .into_iter()
                .enumerate()
                .map(|(index, (document, variables))| match index % 3 {
                    0 => Asked::new(merged_with_itself(&document), variables),
                    _ => Asked::new(document, variables),
                })
                .collect();
            let wrong = stream::iter(&questions)
                .map(|asked| difference(&ways, asked))
                .buffer_unordered(AT_ONCE)
                .filter_map(std::future::ready)
                .boxed()
                .next()
                .await;
            same(
                app,
                wrong.map(|wrong| format!("ORACLE_SEED={seed}: {wrong}")),
            );
        }
    }
}

/// Returns the same query with every selection duplicated, at the root and below.
fn merged_with_itself(document: &str) -> String {
    let (head, body) = document.split_once('{').unwrap();
    let body = body.strip_suffix('}').unwrap();
    let doubled = body
        .replace("{ id ", "{ id ... { id } ")
        .replace(" totalCount ", " totalCount totalCount ");
    format!("{head}{{ {doubled} ... {{ {body} }} }}")
}

#[tokio::test(flavor = "multi_thread")]
async fn unusual_documents_have_the_same_answers_without_shortcuts() {
    let few = Limits {
        answer_values: 25,
        ..Limits::DEFAULT
    };
    for app in apps().await {
        unusual_rows(&app).await;
        for limits in [Limits::DEFAULT, few] {
            let ways = Way::all(&app, limits);
            for document in DOCUMENTS {
                same(
                    &app,
                    difference(&ways, &Asked::new(*document, json!({}))).await,
                );
            }
            for (document, variables) in with_variables() {
                // Also in reverse order, so that cached documents meet valid variables after invalid ones.
                for variables in variables.iter().chain(variables.iter().rev()) {
                    let asked = Asked::new(document, variables.clone());
                    same(&app, difference(&ways, &asked).await);
                }
            }
            for operation in [None, Some("A"), Some("B"), Some("C"), Some("D"), Some("A")] {
                for variables in [json!({}), json!({ "first": 1 }), json!({ "first": "1" })] {
                    let asked = Asked {
                        operation: operation.map(str::to_owned),
                        ..Asked::new(OPERATIONS, variables)
                    };
                    same(&app, difference(&ways, &asked).await);
                }
            }
        }
    }
}

/// A field must load its own columns when nothing else is selected.
#[tokio::test(flavor = "multi_thread")]
async fn every_field_alone_has_the_same_answer_without_shortcuts() {
    let types = [
        ("Employee", "employee", "emp_1"),
        ("Meeting", "meeting", "mtg_1"),
        ("Project", "project", "prj_1"),
        ("Assignment", "assignment", "asg_1"),
    ];
    for app in apps().await {
        unusual_rows(&app).await;
        let ways = Way::all(&app, Limits::DEFAULT);
        for (name, one, id) in types {
            let fields = fields_of(&ways[0], name).await;
            assert!(fields.len() > 4, "{name}: {fields:?}");
            for field in fields {
                for document in [
                    format!("{{ {one}s {{ nodes {{ {field} }} }} }}"),
                    format!("{{ {one}s {{ edges {{ node {{ {field} }} }} }} }}"),
                    format!(
                        "{{ {one}s(last: 2) {{ nodes {{ {field} }} pageInfo {{ endCursor }} }} }}"
                    ),
                    format!("{{ {one}(id: \"{id}\") {{ {field} }} }}"),
                    format!("{{ node(id: \"{id}\") {{ ... on {name} {{ {field} }} }} }}"),
                ] {
                    let asked = Asked::new(document, json!({}));
                    same(&app, difference(&ways, &asked).await);
                }
            }
        }
    }
}

/// Returns a selection of each field of the type.
async fn fields_of(way: &Way, name: &str) -> Vec<String> {
    let asked = format!(
        "{{ __type(name: {name:?}) {{ fields {{ name type {{ ...T ofType {{ ...T ofType {{ ...T ofType {{ ...T }} }} }} }} }} }} }}
         fragment T on __Type {{ kind name fields {{ name }} }}"
    );
    let answer = way.answer(&Asked::new(asked, json!({}))).await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let fields = answer["data"]["__type"]["fields"].as_array().unwrap();
    let selection = |field: &Value| {
        let name = field["name"].as_str().unwrap();
        let mut of = &field["type"];
        while of["name"].is_null() {
            of = &of["ofType"];
        }
        let has = |name: &str| {
            let fields = of["fields"].as_array();
            fields.is_some_and(|fields| fields.iter().any(|field| field["name"] == name))
        };
        match of["kind"].as_str().unwrap() {
            "OBJECT" if has("nodes") => format!("{name} {{ nodes {{ id }} }}"),
            "OBJECT" if has("id") => format!("{name} {{ id }}"),
            "OBJECT" => format!("{name} {{ __typename }}"),
            _ => name.to_owned(),
        }
    };
    fields.iter().map(selection).collect()
}

#[track_caller]
fn same(app: &TestApp, difference: Option<String>) {
    if let Some(difference) = difference {
        panic!("{}: {difference}", app.name());
    }
}
