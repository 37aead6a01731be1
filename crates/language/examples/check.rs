//! Answers whether documents are valid: reads one JSON object a line, `{id, sdl, document,
//! variables?, operationName?}`, and writes `{id, valid, errors?}` for each. With `normalize: true`
//! a valid document is also answered as `{normalized, variables}`: its text and coerced variables.
//! With `introspect: true` a valid document whose root fields are introspection is also
//! answered as `{introspection}`: the text of a JSON object, or null if a field is an error. A line without `sdl` has the schema of the line before.

use std::{
    collections::HashMap,
    io::{self, BufRead, Write},
};

use language::{Diagnostic, DocumentLimits, PreparedRequest, Schema, introspect, prepare};
use serde_json::{Map, Value as Json, json};

/// Wide enough for any document of a test suite.
const LIMITS: DocumentLimits = DocumentLimits {
    tokens: 100_000,
    directives: 1_000,
    operations: 100,
    fragments: 1_000,
    depth: 64,
    merge_steps: 1_000_000,
    fields: 100_000,
    normalize_steps: 1_000_000,
    ..DocumentLimits::DEFAULT
};

fn main() -> io::Result<()> {
    let mut schemas: HashMap<String, Result<Schema, Diagnostic>> = HashMap::new();
    let mut out = io::stdout().lock();
    let mut sdl = String::new();
    for line in io::stdin().lock().lines() {
        let request: Json = serde_json::from_str(&line?)?;
        if let Some(text) = request["sdl"].as_str() {
            text.clone_into(&mut sdl);
        }
        let schema = schemas
            .entry(sdl.clone())
            .or_insert_with_key(|sdl| Schema::parse(sdl));
        let answer = match schema.as_ref().map_err(|error| vec![error.clone()]) {
            Ok(schema) => answer(schema, &request),
            Err(errors) => Err(errors),
        };
        let answer = answer.unwrap_or_else(|errors| {
            let errors: Vec<Json> = errors.iter().map(show).collect();
            json!({ "id": request["id"], "valid": false, "errors": errors })
        });
        writeln!(out, "{answer}")?;
    }
    Ok(())
}

fn answer(schema: &Schema, request: &Json) -> Result<Json, Vec<Diagnostic>> {
    let variables = match &request["variables"] {
        Json::Object(variables) => variables.clone(),
        _ => Map::new(),
    };
    let text = request["document"].as_str().unwrap_or_default();
    let name = request["operationName"].as_str();
    let prepared = prepare(schema, text, name, variables, &LIMITS)?;
    let mut answer = json!({ "id": request["id"], "valid": true });
    if request["introspect"] == true {
        answer["introspection"] = introspect_all(schema, &prepared).ok().into();
    }
    if request["normalize"] == true {
        answer["normalized"] = print(schema, &prepared).into();
        answer["variables"] = prepared.variables.into();
    }
    Ok(answer)
}

/// The answers of all root fields.
fn introspect_all(schema: &Schema, prepared: &PreparedRequest) -> Result<String, Diagnostic> {
    let branches = prepared.operation.root.branches.iter();
    let fields = branches.flat_map(|branch| &branch.fields);
    let answers = fields.map(|field| {
        let value = introspect(schema, field, &prepared.variables, usize::MAX)?;
        Ok(format!("\"{}\":{value}", field.response_key()))
    });
    let answers: Vec<String> = answers.collect::<Result<_, _>>()?;
    Ok(format!("{{{}}}", answers.join(",")))
}

fn print(schema: &Schema, prepared: &PreparedRequest) -> String {
    let variables = prepared.document.variables().iter();
    let variables: Vec<String> = variables
        .map(|one| format!("${}: {}", one.name, schema.display(&one.ty)))
        .collect();
    let variables = match variables.is_empty() {
        true => String::new(),
        false => format!("({})", variables.join(", ")),
    };
    let operation = &prepared.operation;
    format!(
        "{}{variables} {}",
        operation.kind,
        operation.root.display(schema)
    )
}

fn show(error: &Diagnostic) -> Json {
    let at = error.locations.iter();
    json!({
        "stage": format!("{:?}", error.stage),
        "message": error.message,
        "locations": at.map(|at| [at.line, at.column]).collect::<Vec<_>>(),
    })
}
