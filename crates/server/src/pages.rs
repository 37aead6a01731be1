//! The pages: the explorer at `/`, the documents at `/docs`, and, where the bundle was built, GraphiQL at
//! `/graphiql` and a small frontend at `/app`.

use std::sync::LazyLock;

use axum::{
    Router,
    extract::Path,
    http::{HeaderMap, StatusCode, Uri, header},
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};

use crate::etag;

/// Name and content of each file of a folder, in order (see `build.rs`).
type Files = &'static [(&'static str, &'static [u8])];

static EXPLORER: Files = include!(concat!(env!("OUT_DIR"), "/explorer.rs"));
static EXAMPLES: Files = include!(concat!(env!("OUT_DIR"), "/examples.rs"));

/// GraphiQL and `/app`; empty if they were not built.
static BUNDLE: Files = include!(concat!(env!("OUT_DIR"), "/bundle.rs"));

/// Pages of the documents, and their style sheet.
static DOCUMENTS: Files = include!(concat!(env!("OUT_DIR"), "/documents.rs"));

/// Icon of all pages.
static ICON: &[u8] = include_bytes!("../playground/src/icon.svg");

/// The examples as JSON, for the explorer.
static EXAMPLES_JSON: LazyLock<String> = LazyLock::new(|| {
    let examples = EXAMPLES.iter().map(|(name, text)| {
        let name = name.trim_end_matches(".graphql");
        serde_json::json!({ "name": name, "text": String::from_utf8_lossy(text) })
    });
    serde_json::Value::from_iter(examples).to_string()
});

/// Entity tag of all files of the explorer, which belong together.
static EXPLORER_TAG: LazyLock<String> = LazyLock::new(|| {
    let files = EXPLORER.iter().chain(EXAMPLES);
    etag::tag(files.map(|(_, content)| *content).chain([ICON]))
});

/// Policy of the explorer: no inline scripts or styles, and no other host.
const EXPLORER_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Policy of the bundle, which loads nothing from other hosts. Monaco makes empty `<style>` elements to put
/// rules into by script: the hash is that of the empty text. Fonts and cursors are `data:` in CSS.
const BUNDLE_POLICY: &str = "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; \
    style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; \
    img-src 'self' data:; font-src 'self' data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Page of `/graphiql` and `/app` without the bundle. The commands are those of the README.
const NOT_BUILT: &str = "<!doctype html><html lang=en><meta charset=utf-8>\
    <meta name=viewport content='width=device-width, initial-scale=1'>\
    <meta name=color-scheme content='light dark'><title>Roster</title>\
    <h1>This page was not built into the program</h1>\
    <p>Run these where Roster's source is, then build and start it again:\
    <pre>npm ci --prefix crates/server/playground\nnpm run build --prefix crates/server/playground</pre>\
    <p><a href='./'>The explorer</a> works without them.";

/// Returns the routes of the pages and of the files they load. Every address in a page is relative,
/// so that the server can stand behind a path prefix that a proxy strips.
pub fn routes() -> Router {
    Router::new()
        .route("/", get(explorer))
        .route("/explorer/{file}", get(explorer_file))
        .route("/graphiql", get(async || bundled_page("index.html")))
        .route(
            "/graphiql/",
            get(async || Redirect::permanent("../graphiql")),
        )
        .route("/app", get(async || bundled_page("app.html")))
        .route("/app/", get(async || Redirect::permanent("../app")))
        .route("/docs", get(async || Redirect::permanent("docs/readme")))
        .route("/docs/", get(async || Redirect::permanent("readme")))
        .route("/docs/{name}", get(document))
        .route("/playground/{*path}", get(bundled_file))
}

/// Returns the page for a browser that opens the endpoint. At `/graphql/` relative addresses would
/// miss, so the browser is sent one level up.
pub async fn page_at(uri: &Uri) -> Response {
    if !uri.path().ends_with('/') {
        return explorer().await;
    }
    let query = uri
        .query()
        .map_or(String::new(), |query| format!("?{query}"));
    Redirect::permanent(&format!("../graphql{query}")).into_response()
}

async fn explorer() -> Response {
    let html = file(EXPLORER, "index.html").unwrap_or_default();
    let policy = [(header::CONTENT_SECURITY_POLICY, EXPLORER_POLICY)];
    (policy, Html(html)).into_response()
}

async fn explorer_file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let content = match name.as_str() {
        "examples.json" => Some(EXAMPLES_JSON.as_bytes()),
        "icon.svg" => Some(ICON),
        // The page is at `/`.
        "index.html" => None,
        name => file(EXPLORER, name),
    };
    let Some(content) = content else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let cached = [
        // May be stored, but is compared before each use: the names stay as the contents change.
        (header::CACHE_CONTROL, "no-cache"),
        (header::ETAG, EXPLORER_TAG.as_str()),
    ];
    if etag::is_current(&headers, &EXPLORER_TAG) {
        return (StatusCode::NOT_MODIFIED, cached).into_response();
    }
    let kind = [(header::CONTENT_TYPE, content_type(&name))];
    (cached, kind, content).into_response()
}

async fn document(Path(name): Path<String>) -> Response {
    let Some(content) = file(DOCUMENTS, &name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kind = match name.as_str() {
        "docs.css" => content_type(&name),
        _ => content_type(".html"),
    };
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, EXPLORER_POLICY),
    ];
    (headers, content).into_response()
}

fn bundled_page(name: &str) -> Response {
    let html = file(BUNDLE, name).unwrap_or(NOT_BUILT.as_bytes());
    let policy = [(header::CONTENT_SECURITY_POLICY, BUNDLE_POLICY)];
    (policy, Html(html)).into_response()
}

async fn bundled_file(Path(path): Path<String>) -> Response {
    let Some(content) = file(BUNDLE, &path) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, content_type(&path)),
        // The name of each file under `assets` holds a hash of what is in it.
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        // Of a worker this is what its own script may do, not the page's.
        (header::CONTENT_SECURITY_POLICY, BUNDLE_POLICY),
    ];
    (headers, content).into_response()
}

fn file(files: Files, name: &str) -> Option<&'static [u8]> {
    let (_, content) = files.iter().find(|(known, _)| *known == name)?;
    Some(content)
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("css") => "text/css; charset=utf-8",
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json") => "application/json; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("ttf") => "font/ttf",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}
