//! Answers whether documents are valid: reads one JSON object a line, `{id, sdl, document,
//! variables?, operationName?}`, and writes `{id, valid, errors?}` for each. With `normalize: true`
//! a valid document is also answered as `{normalized, variables}`: its text and coerced variables.

use std::{
    collections::HashMap,
    io::{self, BufRead, Write},
};

use language::{
    ArgumentValue, Diagnostic, DocumentLimits, NormalizedField, NormalizedSelectionSet,
    PreparedRequest, Schema, prepare,
};
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
    if request["normalize"] == true {
        answer["normalized"] = print(schema, &prepared).into();
        answer["variables"] = prepared.variables.into();
    }
    Ok(answer)
}

fn print(schema: &Schema, prepared: &PreparedRequest) -> String {
    let mut out = prepared.operation.kind.to_string();
    let variables = prepared.document.variables();
    let variables = variables
        .iter()
        .map(|one| format!("${}: {}", one.name, schema.display(&one.ty)));
    let variables: Vec<String> = variables.collect();
    if !variables.is_empty() {
        out += &format!("({})", variables.join(", "));
    }
    print_set(schema, &prepared.operation.root, &mut out);
    out
}

fn print_set(schema: &Schema, set: &NormalizedSelectionSet, out: &mut String) {
    *out += " {";
    for branch in &set.branches {
        let is_fragment = branch.on != set.on;
        if is_fragment {
            *out += &format!(" ... on {} {{", schema.type_at(branch.on).name);
        }
        for field in &branch.fields {
            print_field(schema, field, out);
        }
        *out += if is_fragment { " }" } else { "" };
    }
    *out += " }";
}

fn print_field(schema: &Schema, field: &NormalizedField, out: &mut String) {
    out.push(' ');
    if let Some(alias) = &field.alias {
        *out += &format!("{alias}: ");
    }
    *out += &field.name;
    let arguments = field.arguments.iter();
    let arguments: Vec<String> = arguments
        .map(|one| format!("{}: {}", one.name, print_value(&one.value)))
        .collect();
    if !arguments.is_empty() {
        *out += &format!("({})", arguments.join(", "));
    }
    if let Some(set) = &field.selection_set {
        print_set(schema, set, out);
    }
}

fn print_value(value: &ArgumentValue) -> String {
    match value {
        ArgumentValue::Variable(name) => format!("${name}"),
        ArgumentValue::Enum(name) => name.to_string(),
        ArgumentValue::List(items) => {
            let items: Vec<String> = items.iter().map(print_value).collect();
            format!("[{}]", items.join(", "))
        }
        ArgumentValue::Object(fields) => {
            let fields = fields.iter();
            let fields: Vec<String> = fields
                .map(|(name, value)| format!("{name}: {}", print_value(value)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        other => other.clone().into_json().to_string(),
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
