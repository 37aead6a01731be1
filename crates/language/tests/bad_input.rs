//! 64 KiB of anything ends within the limits, on a thread with 2 MiB of stack.

mod support;

use language::{CheckedDocument, DocumentLimits, MAX_ERRORS, Stage};
use support::{ROSTER, attacks, run, schema};

/// A debug build takes several times the stack of a release build.
const STACK: usize = 2 << 20;

fn on_a_small_stack<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        let thread = thread.spawn_scoped(scope, run).expect("a thread starts");
        thread.join().expect("the attack ends without a panic")
    })
}

#[test]
fn every_attack_is_answered_with_few_errors() {
    let schema = schema(ROSTER);
    for (name, text) in attacks::all() {
        let run = || CheckedDocument::check(&schema, &text, None, &DocumentLimits::DEFAULT);
        let errors = on_a_small_stack(run).err().unwrap_or_default();
        let bytes: usize = errors.iter().map(|error| error.message.len()).sum();
        assert!(errors.len() <= MAX_ERRORS + 1, "{name}");
        assert!(bytes <= 256 * 1024, "{name}: {bytes} bytes of messages");
    }
}

#[test]
fn every_attack_ends_without_the_limits_on_text() {
    let schema = schema(ROSTER);
    let limits = DocumentLimits {
        tokens: usize::MAX,
        directives: usize::MAX,
        operations: usize::MAX,
        fragments: usize::MAX,
        variables: usize::MAX,
        ..DocumentLimits::DEFAULT
    };
    for (name, text) in attacks::all() {
        let run = || CheckedDocument::check(&schema, &text, None, &limits);
        let errors = on_a_small_stack(run).err().unwrap_or_default();
        assert!(errors.len() <= MAX_ERRORS + 1, "{name}");
    }
}

/// The limit that refuses a document over the schema of the repository.
fn exceeded(text: &str, limits: &DocumentLimits) -> Option<&'static str> {
    let schema = schema(ROSTER);
    let errors = run(&schema, text, serde_json::Value::Null, limits).err()?;
    assert_eq!(errors[0].stage, Stage::Limit, "{}", errors[0]);
    errors[0].limit.map(|limit| limit.name)
}

#[test]
fn the_search_for_conflicts_counts_its_steps() {
    let limits = |merge_steps| DocumentLimits {
        tokens: 100_000,
        merge_steps,
        ..DocumentLimits::DEFAULT
    };
    // Equal fields take steps in proportion to their number.
    let same = |count: usize| format!("{{ {} }}", "employee(id: 1) { name } ".repeat(count));
    for count in [100, 1_000] {
        assert_eq!(exceeded(&same(count), &limits(count * 10)), None);
        let few = limits(count * 2);
        assert_eq!(exceeded(&same(count), &few), Some("merge_steps"));
    }
    // So do values that are compared.
    let ids = "1 ".repeat(400);
    let field = format!("employees(where: {{ ids: [{ids}] }}) {{ totalCount }} ");
    let twice = format!("{{ {field} {field} }}");
    assert_eq!(exceeded(&twice, &limits(100)), Some("merge_steps"));
    assert_eq!(exceeded(&twice, &limits(1_000)), None);
}

#[test]
fn normalization_counts_what_it_puts_out() {
    let schema = schema(support::PETS);
    let limits = DocumentLimits {
        fields: 200,
        ..DocumentLimits::DEFAULT
    };
    // Each level has a branch for each of three types: 3, 9, 27, …
    let spread = "friends { name ... on Dog { size } ";
    let text = format!("{{ being {{ {}{} }} }}", spread.repeat(9), "}".repeat(9));
    let wide = |limits: &DocumentLimits| {
        let errors = support::run(&schema, &text, serde_json::Value::Null, limits).err()?;
        errors[0].limit.map(|limit| limit.name)
    };
    assert_eq!(wide(&limits), Some("fields"));
    let limits = DocumentLimits {
        normalize_steps: 300,
        ..DocumentLimits::DEFAULT
    };
    assert_eq!(wide(&limits), Some("normalize_steps"));
}

#[test]
fn a_long_value_is_not_copied_without_bound() {
    let (_, text) = attacks::all()
        .into_iter()
        .find(|(name, _)| *name == "a long value many times")
        .expect("the attack exists");
    let limits = DocumentLimits {
        aliases: 1_000,
        ..DocumentLimits::DEFAULT
    };
    assert_eq!(exceeded(&text, &limits), Some("normalize_steps"));
}
