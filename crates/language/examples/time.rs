//! Microseconds of each stage: `time SCHEMA DOCUMENT…` for documents without variables, `time` for
//! the attacks of the tests, each on a thread with 2 MiB of stack.

use std::{
    env, fs,
    hint::black_box,
    io::{self, Write},
    time::Instant,
};

use language::{CheckedDocument, DocumentLimits, Schema, normalize, parse, validate};
use serde_json::Map;

#[path = "../tests/support/mod.rs"]
mod support;

const LIMITS: DocumentLimits = DocumentLimits::DEFAULT;

/// The fastest of many runs.
fn fastest(times: usize, run: impl Fn()) -> f64 {
    let mut fastest = f64::MAX;
    for _ in 0..times {
        let start = Instant::now();
        run();
        fastest = fastest.min(start.elapsed().as_secs_f64() * 1e6);
    }
    fastest
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = io::stdout().lock();
    let arguments: Vec<String> = env::args().skip(1).collect();
    let Some((sdl, documents)) = arguments.split_first() else {
        let schema = support::schema(support::ROSTER);
        for (name, text) in support::attacks::all() {
            let run = || {
                drop(black_box(CheckedDocument::check(
                    &schema, &text, None, &LIMITS,
                )))
            };
            let timed = || fastest(5, run);
            let taken = std::thread::scope(|scope| {
                let thread = std::thread::Builder::new().stack_size(2 << 20);
                thread
                    .spawn_scoped(scope, timed)?
                    .join()
                    .map_err(|_| io::Error::other("panic"))
            })?;
            writeln!(out, "{taken:8.0} µs  {name}")?;
        }
        return Ok(());
    };
    let schema = Schema::parse(&fs::read_to_string(sdl)?)?;
    for path in documents {
        let text = fs::read_to_string(path)?;
        let document = parse(&text, &LIMITS)?;
        let first = document.operations.first().ok_or("no operation")?;
        let parsed = fastest(2_000, || drop(black_box(parse(&text, &LIMITS))));
        let validated = fastest(2_000, || {
            black_box(validate(&schema, &document, &LIMITS)).ok();
        });
        let normalized = fastest(2_000, || {
            drop(black_box(normalize(
                &schema,
                &document,
                first,
                &Map::new(),
                &LIMITS,
            )));
        });
        let all = parsed + validated + normalized;
        writeln!(
            out,
            "{all:6.1} µs = parse {parsed:.1} + validate {validated:.1} + normalize {normalized:.1}  {path}"
        )?;
    }
    Ok(())
}
