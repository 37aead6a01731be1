//! Documents of 64 KiB that aim at one part of the crate each, over the schema of the repository.

const SIZE: usize = 64 * 1024;

/// Repeats a piece until the text is full.
fn fill(piece: &str) -> String {
    piece.repeat(SIZE / piece.len())
}

/// Numbered pieces until the text is full.
fn numbered(piece: impl Fn(usize) -> String) -> String {
    let mut text = String::with_capacity(SIZE);
    for number in 0.. {
        let next = piece(number);
        if text.len() + next.len() > SIZE {
            break;
        }
        text.push_str(&next);
    }
    text
}

/// Names and texts.
pub fn all() -> Vec<(&'static str, String)> {
    let deep = |open: &str, close: &str| {
        let levels = SIZE / (open.len() + close.len());
        open.repeat(levels) + &close.repeat(levels)
    };
    let chain = |count: usize, body: &str| {
        let fragments = (0..count).map(|number| {
            let next = (number + 1) % count;
            format!(
                "fragment F{number} on Query {{ {} }}\n",
                body.replace("NEXT", &format!("F{next}"))
            )
        });
        format!("{{ ...F0 }}\n{}", fragments.collect::<String>())
    };
    let bomb = |levels: usize, spread: &str| {
        let mut text = "{ node(id: 1) { ...B0 } }\n".to_owned();
        for level in 0..levels {
            let next = spread.replace("NEXT", &format!("B{}", level + 1));
            text += &format!("fragment B{level} on Node {{ {next} }}\n");
        }
        text + &format!("fragment B{levels} on Node {{ id }}")
    };
    vec![
        ("no token", " ".repeat(SIZE)),
        ("commas", ",".repeat(SIZE)),
        ("line ends", "\r\n".repeat(SIZE / 2)),
        ("byte order marks", fill("\u{FEFF}")),
        ("a comment", format!("#{}", "x".repeat(SIZE - 1))),
        ("comments", fill("#\n")),
        (
            "comments between tokens",
            format!("{{{}}}", fill(" __typename #x\n")),
        ),
        ("one name", "a".repeat(SIZE)),
        ("one number", format!("{{ a(b: {}) }}", "1".repeat(SIZE))),
        (
            "one string",
            format!("{{ employee(id: \"{}\") {{ id }} }}", "s".repeat(SIZE)),
        ),
        (
            "escapes",
            format!("{{ employee(id: \"{}\") {{ id }} }}", fill("\\u{1F600}")),
        ),
        ("an open string", format!("{{ a(b: \"{}", "s".repeat(SIZE))),
        (
            "a block string",
            format!("{{ employee(id: \"\"\"{}\"\"\") {{ id }} }}", fill(" \n")),
        ),
        (
            "an open block string",
            format!("{{ a(b: \"\"\"{}", fill("\\\"\"\"")),
        ),
        ("punctuation", fill("!")),
        ("numbers", fill("1 ")),
        ("braces", deep("{a", "}")),
        ("open braces", fill("{a ")),
        ("lists", format!("{{ a(b: {}) }}", deep("[", "]"))),
        ("open lists", format!("{{ a(b: {}", fill("["))),
        ("objects", format!("{{ a(b: {}) }}", deep("{a:", "}"))),
        ("types", format!("query Q($a: {}) {{ a }}", deep("[", "]"))),
        (
            "empty sets",
            format!("{{ employee(id: 1) {{}} {} }}", fill("... {} ")),
        ),
        ("fields", format!("{{{}}}", fill(" __typename"))),
        (
            "unknown fields",
            format!("{{{}}}", numbered(|n| format!(" emplyee{n}"))),
        ),
        (
            "unknown long names",
            format!("{{{}}}", numbered(|n| format!(" {n:a>120}"))),
        ),
        (
            "unknown types",
            format!("{{{}}}", numbered(|n| format!(" ...on Emplyee{n}{{a}}"))),
        ),
        (
            "unknown arguments",
            format!(
                "{{ employees({}) {{ totalCount }} }}",
                numbered(|n| format!(" frst{n}: 1"))
            ),
        ),
        (
            "unknown input fields",
            format!(
                "mutation {{ createProject(input: {{{}}}) {{ __typename }} }}",
                numbered(|n| format!(" titel{n}: 1"))
            ),
        ),
        (
            "unknown spreads",
            format!("{{{}}}", numbered(|n| format!(" ...F{n}"))),
        ),
        (
            "unknown variables",
            format!(
                "{{ employees(first: [{}]) {{ totalCount }} }}",
                numbered(|n| format!(" $v{n}"))
            ),
        ),
        (
            "aliases",
            format!("{{{}}}", numbered(|n| format!(" a{n}: __typename"))),
        ),
        (
            "equal fields",
            format!("{{{}}}", fill(" employee(id: 1) { name }")),
        ),
        (
            "conflicts",
            format!(
                "{{{}}}",
                numbered(|n| format!(" a: employee(id: {n}) {{ name }}"))
            ),
        ),
        (
            "conflicts below",
            format!(
                "{{{}}}",
                numbered(|n| format!(
                    " employee(id: 1) {{ x: {} }}",
                    if n % 2 == 0 { "name" } else { "id" }
                ))
            ),
        ),
        (
            "directives",
            format!("{{ __typename {} }}", fill("@skip(if:true)")),
        ),
        (
            "unknown directives",
            format!("{{{}}}", fill(" __typename @a")),
        ),
        (
            "variables",
            format!("query Q({}) {{ a }}", numbered(|n| format!(" $v{n}: Int"))),
        ),
        (
            "variables of one name",
            format!("query Q({}) {{ a }}", fill(" $v: Int")),
        ),
        (
            "operations",
            numbered(|n| format!("query Q{n} {{ __typename }} ")),
        ),
        ("anonymous operations", fill("{ __typename } ")),
        (
            "fragments",
            format!(
                "{{ __typename }} {}",
                numbered(|n| format!("fragment F{n} on Query {{ __typename }} "))
            ),
        ),
        (
            "inline fragments",
            format!("{{{}}}", fill(" ... on Query { __typename }")),
        ),
        ("inline fragments inside each other", deep("{ ...", "}")),
        ("a cycle", chain(50, "...NEXT")),
        ("a cycle of many spreads", chain(50, &" ...NEXT".repeat(90))),
        ("a bomb", bomb(49, &"...NEXT ".repeat(10))),
        (
            "a bomb of fields",
            bomb(
                14,
                "a: id ... on Employee { manager: projects { nodes { ...NEXT } } } ...NEXT ...NEXT",
            ),
        ),
        ("a bomb of interfaces", interfaces(40)),
        ("a long value many times", long_value()),
        (
            "values",
            format!(
                "{{ employees(where: {{ and: [{}] }}) {{ totalCount }} }}",
                fill("{} ")
            ),
        ),
        ("a wide filter twice", wide_filters()),
    ]
}

/// Aliases on an interface whose fragments repeat for each type: groups multiply.
fn interfaces(count: usize) -> String {
    let fields: String = (0..count)
        .map(|number| format!(" ... on Employee {{ a{number}: id }} ... on Project {{ a{number}: id }} ... on Meeting {{ a{number}: id }}"))
        .collect();
    let nodes: String = (0..8)
        .map(|_| format!(" node(id: 1) {{ {fields} }}"))
        .collect();
    format!("{{ {nodes} }}")
}

/// A fragment with a long string below many aliases.
fn long_value() -> String {
    let nodes: String = (0..400)
        .map(|number| format!(" a{number}: employee(id: 1) {{ ...F }}"))
        .collect();
    let text = "s".repeat(SIZE - nodes.len() - 200);
    format!(
        "{{ {nodes} }} fragment F on Employee {{ projects(after: \"{text}\") {{ totalCount }} }}"
    )
}

/// Two fields of one key with thousands of equal values.
fn wide_filters() -> String {
    let filter = format!(
        "employees(where: {{ and: [{}] }}) {{ totalCount }}",
        "{} ".repeat(SIZE / 8)
    );
    format!("{{ {filter} {filter} }}")
}
