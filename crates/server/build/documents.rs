//! Renders the documents of the repository as pages, so that a running server shows them offline.

use std::{
    collections::BTreeSet,
    fmt::Write,
    fs, io,
    path::{Component, Path, PathBuf},
};

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

/// Name in the address, title, and path in the repository.
type Document = (String, String, PathBuf);

/// Writes each document and the reference of the schema to an empty folder.
pub fn render(root: &Path, out: &Path) -> io::Result<()> {
    let documents = documents(root)?;
    // A page of the last build may be gone.
    let _ = fs::remove_dir_all(out);
    fs::create_dir_all(out)?;
    for (name, _, path) in &documents {
        println!("cargo::rerun-if-changed={}", root.join(path).display());
        let text = fs::read_to_string(root.join(path))?;
        let body = body(&text, path, &documents);
        fs::write(out.join(name), page(name, &body, &documents))?;
    }
    let schema = root.join("schema.graphql");
    println!("cargo::rerun-if-changed={}", schema.display());
    let body = reference(&fs::read_to_string(schema)?);
    fs::write(out.join("schema"), page("schema", &body, &documents))
}

fn documents(root: &Path) -> io::Result<Vec<Document>> {
    let mut documents: Vec<Document> = [
        ("readme", "README", "README.md"),
        (
            "many-to-many",
            "The lesson in short",
            "docs/many-to-many.md",
        ),
        ("workshop", "Workshop", "docs/workshop/README.md"),
        ("architecture", "Architecture", "docs/architecture.md"),
        ("golden-path", "Golden path", "docs/golden-path.md"),
        ("recipes", "Recipes", "docs/recipes.md"),
    ]
    .map(|(name, title, path)| (name.to_owned(), title.to_owned(), path.into()))
    .into();
    let workshop = root.join("docs/workshop");
    println!("cargo::rerun-if-changed={}", workshop.display());
    let mut sessions = Vec::new();
    for entry in fs::read_dir(workshop)? {
        let folder = entry?.path();
        let session = folder
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        if let (Some(session), true) = (session, folder.join("README.md").is_file()) {
            let path = Path::new("docs/workshop").join(&session).join("README.md");
            let text = fs::read_to_string(folder.join("README.md"))?;
            let title = text
                .lines()
                .next()
                .unwrap_or_default()
                .trim_start_matches("# ")
                .replace('`', "");
            sessions.push((format!("workshop-{session}"), title, path));
        }
    }
    sessions.sort();
    documents.splice(3..3, sessions);
    Ok(documents)
}

/// Converts Markdown to HTML. Removes images, and the address of links to files without a page.
fn body(text: &str, path: &Path, documents: &[Document]) -> String {
    let mut is_image = false;
    let mut events = Vec::new();
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Image { .. }) => is_image = true,
            Event::End(TagEnd::Image) => is_image = false,
            _ if is_image => {}
            Event::Start(Tag::Link {
                link_type,
                dest_url,
                title,
                id,
            }) => {
                let dest_url = address(&dest_url, path, documents).into();
                events.push(Event::Start(Tag::Link {
                    link_type,
                    dest_url,
                    title,
                    id,
                }));
            }
            // Documents of this repository have none, and the policy of the page allows no script.
            Event::Html(text) | Event::InlineHtml(text) => events.push(Event::Text(text)),
            event => events.push(event),
        }
    }
    let mut body = String::new();
    html::push_html(&mut body, with_anchors(events).into_iter());
    body.replace("<a href=\"\">", "<a>")
}

/// Gives each heading the anchor that other documents link to.
fn with_anchors(events: Vec<Event<'_>>) -> Vec<Event<'_>> {
    let mut anchored = Vec::with_capacity(events.len());
    for (index, event) in events.iter().enumerate() {
        let Event::Start(Tag::Heading {
            level,
            classes,
            attrs,
            ..
        }) = event
        else {
            anchored.push(event.clone());
            continue;
        };
        let texts = events[index..]
            .iter()
            .take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_))));
        let title: String = texts
            .filter_map(|event| match event {
                Event::Text(text) | Event::Code(text) => Some(&**text),
                _ => None,
            })
            .collect();
        let anchor = title.to_lowercase().replace(' ', "-").replace(
            |letter: char| !letter.is_alphanumeric() && letter != '-',
            "",
        );
        anchored.push(Event::Start(Tag::Heading {
            level: *level,
            id: Some(CowStr::from(anchor)),
            classes: classes.clone(),
            attrs: attrs.clone(),
        }));
    }
    anchored
}

/// Returns the address on the server; empty if the file is not on it.
fn address(link: &str, path: &Path, documents: &[Document]) -> String {
    if link.contains("://") || link.starts_with('#') {
        return link.to_owned();
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let mut target = PathBuf::new();
    for part in path
        .parent()
        .unwrap_or(Path::new(""))
        .join(file)
        .components()
    {
        match part {
            Component::ParentDir => drop(target.pop()),
            Component::Normal(name) => target.push(name),
            _ => {}
        }
    }
    if target == Path::new("schema.graphql") {
        return "schema".to_owned();
    }
    let index = target.join("README.md");
    let document = documents
        .iter()
        .find(|(_, _, path)| *path == target || *path == index);
    match document {
        Some((name, _, _)) if anchor.is_empty() => name.clone(),
        Some((name, _, _)) => format!("{name}#{anchor}"),
        None => String::new(),
    }
}

/// Renders the schema with a link from each use of a type to its definition.
fn reference(schema: &str) -> String {
    const KINDS: [&str; 6] = [
        "type ",
        "interface ",
        "input ",
        "enum ",
        "union ",
        "scalar ",
    ];
    let defined = |line: &str| {
        let rest = KINDS.iter().find_map(|kind| line.strip_prefix(kind))?;
        rest.split(|letter: char| !letter.is_alphanumeric())
            .next()
            .map(str::to_owned)
    };
    let types: BTreeSet<String> = schema.lines().filter_map(defined).collect();
    let mut body = String::from("<h1>Schema</h1>\n<pre class=schema>");
    let mut in_description = false;
    for line in schema.lines() {
        let is_text = in_description || line.trim_start().starts_with('"');
        if line.matches("\"\"\"").count() == 1 {
            in_description = !in_description;
        }
        if is_text {
            let _ = writeln!(body, "<i>{}</i>", escape(line));
            continue;
        }
        let definition = defined(line);
        let mut word = String::new();
        for letter in line.chars().chain(['\n']) {
            if letter.is_alphanumeric() || letter == '_' {
                word.push(letter);
                continue;
            }
            match &definition {
                Some(name) if *name == word => {
                    let _ = write!(body, "<b id=\"{word}\">{word}</b>");
                }
                _ if types.contains(&word) => {
                    let _ = write!(body, "<a href=\"#{word}\">{word}</a>");
                }
                _ => body.push_str(&word),
            }
            word.clear();
            body.push_str(&escape(&letter.to_string()));
        }
    }
    body + "</pre>\n"
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Returns the whole page. All addresses are relative to `/docs/`.
fn page(name: &str, body: &str, documents: &[Document]) -> String {
    let schema = ("schema".to_owned(), "Schema".to_owned(), PathBuf::new());
    let mut links = String::new();
    let mut title = "";
    for (other, text, _) in documents.iter().chain([&schema]) {
        let is_current = other == name;
        if is_current {
            title = text;
        }
        let current = if is_current { " aria-current=page" } else { "" };
        let _ = writeln!(
            links,
            "<li><a href=\"{other}\"{current}>{}</a>",
            escape(text)
        );
    }
    format!(
        "<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n\
         <meta name=viewport content=\"width=device-width, initial-scale=1\">\n\
         <meta name=color-scheme content=\"light dark\">\n<title>{} · Roster</title>\n\
         <link rel=icon href=\"../explorer/icon.svg\">\n<link rel=stylesheet href=\"docs.css\">\n\
         <nav aria-label=Documents><a href=\"../\">Explorer</a>\n<ul>\n{links}</ul></nav>\n\
         <main>\n{body}</main>\n",
        escape(title)
    )
}
