//! Answers whether documents are valid: reads one JSON object a line, `{id, sdl, document,
//! variables?, operationName?}`, and writes `{id, valid, stage?, errors?}` for each.

use std::{
    collections::HashMap,
    io::{self, BufRead, Write},
};

use language::{Diagnostic, DocumentLimits, Schema, prepare};
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
    for line in io::stdin().lock().lines() {
        let request: Json = serde_json::from_str(&line?)?;
        let sdl = request["sdl"].as_str().unwrap_or_default();
        let schema = schemas
            .entry(sdl.to_owned())
            .or_insert_with(|| Schema::parse(sdl));
        let errors = match schema {
            Ok(schema) => errors(schema, &request),
            Err(error) => vec![error.clone()],
        };
        let shown: Vec<Json> = errors.iter().map(show).collect();
        let mut answer = json!({ "id": request["id"], "valid": errors.is_empty() });
        if !shown.is_empty() {
            answer["errors"] = shown.into();
        }
        writeln!(out, "{answer}")?;
    }
    Ok(())
}

fn errors(schema: &Schema, request: &Json) -> Vec<Diagnostic> {
    let variables = match &request["variables"] {
        Json::Object(variables) => variables.clone(),
        _ => Map::new(),
    };
    let text = request["document"].as_str().unwrap_or_default();
    let name = request["operationName"].as_str();
    match prepare(schema, text, name, variables, &LIMITS) {
        Ok(_) => Vec::new(),
        Err(errors) => errors,
    }
}

fn show(error: &Diagnostic) -> Json {
    let at = error.locations.iter();
    json!({
        "stage": format!("{:?}", error.stage),
        "message": error.message,
        "locations": at.map(|at| [at.line, at.column]).collect::<Vec<_>>(),
    })
}
