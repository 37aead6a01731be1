//! What the tests and the example `time` share.
#![allow(dead_code, unreachable_pub)]

pub mod attacks;

use language::{Diagnostic, DocumentLimits, PreparedRequest, Schema, prepare};
use serde_json::Value as Json;

pub const ROSTER: &str = include_str!("../../../../schema.graphql");

/// A schema in which abstract types are inside each other.
pub const PETS: &str = "
    interface Being { name: String! self: Being friends(first: Int = 2): [Being!]! }
    type Dog implements Being { name: String! self: Dog friends(first: Int = 2): [Being!]! owner: Human size: Int! }
    type Cat implements Being { name: String! self: Cat friends(first: Int = 2): [Being!]! owner: Human size: Float }
    type Human implements Being { name: String! self: Human friends(first: Int = 2): [Being!]! pets: [Pet] size: Int! }
    union Pet = Dog | Cat
    enum Kind { SMALL LARGE }
    scalar Day
    input By @oneOf { id: ID name: String }
    input Filter { kind: Kind = SMALL limit: Int! = 3 sizes: [[Int!]] not: Filter by: By day: Day id: ID ratio: Float ok: Boolean }
    type Query { being(by: By): Being pet: Pet filter(filter: Filter, count: Int!): Int text(of: String, id: ID, ids: [ID!]): String }
    type Mutation { rename(name: String!): Being }
    type Subscription { changed: Pet tick: Int }
";

/// The query that tools send.
pub const INTROSPECTION: &str = include_str!("introspection.graphql");

pub fn schema(sdl: &str) -> Schema {
    Schema::parse(sdl).unwrap_or_else(|error| panic!("{error}"))
}

/// Prepares a document whose variables are a JSON object.
pub fn run(
    schema: &Schema,
    text: &str,
    variables: Json,
    limits: &DocumentLimits,
) -> Result<PreparedRequest, Vec<Diagnostic>> {
    let variables = variables.as_object().cloned().unwrap_or_default();
    prepare(schema, text, None, variables, limits)
}

/// The messages for a document without variables; empty if it is valid.
pub fn messages(schema: &Schema, text: &str) -> Vec<String> {
    let variables = Json::Null;
    match run(schema, text, variables, &DocumentLimits::DEFAULT) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.into_iter().map(|error| error.message).collect(),
    }
}

/// The first error's message and place, as `line:column message`.
pub fn first(schema: &Schema, text: &str) -> String {
    let variables = Json::Null;
    match run(schema, text, variables, &DocumentLimits::DEFAULT) {
        Ok(_) => "valid".to_owned(),
        Err(errors) => {
            let at = errors[0].locations.first().copied().unwrap_or_default();
            format!("{}:{} {}", at.line, at.column, errors[0].message)
        }
    }
}

/// The normalized operation as text.
pub fn normalized(schema: &Schema, text: &str, variables: Json) -> String {
    match run(schema, text, variables, &DocumentLimits::DEFAULT) {
        Ok(prepared) => prepared.operation.root.display(schema).to_string(),
        Err(errors) => format!("refused: {}", errors[0]),
    }
}
