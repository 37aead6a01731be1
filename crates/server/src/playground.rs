//! The pages: GraphiQL, from the bundle in this program or else from a CDN, and `/app`, a small frontend
//! of the same bundle.

use async_graphql::http::GraphiQLSource;
use axum::{
    Router,
    extract::Path,
    http::{StatusCode, Uri, header},
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};

/// Name and content of every file of the bundle; empty if it was not built (see `build.rs`).
static BUNDLE: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/playground.rs"));

/// Policy of the bundled pages, which load nothing from other hosts. Monaco makes empty `<style>` elements to put
/// rules into by script: the hash is that of the empty text. Fonts and cursors are `data:` in CSS.
const OWN: &str = "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; \
    style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; \
    img-src 'self' data:; font-src 'self' data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Policy of the page from the CDN, which needs inline scripts and styles too.
const CDN: &str = "default-src 'none'; script-src 'unsafe-inline' data: blob: https://esm.sh; \
    worker-src blob: https://esm.sh; connect-src 'self' https://esm.sh; \
    style-src 'unsafe-inline' https://esm.sh; img-src data: https://esm.sh; \
    font-src data: https://esm.sh; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Page of `/app` if the bundle was not built. The commands are those of the README.
const NO_APP: &str = "<!doctype html><html lang=en><meta charset=utf-8>\
    <meta name=viewport content='width=device-width, initial-scale=1'>\
    <meta name=color-scheme content='light dark'><title>Roster</title>\
    <h1>This page was not built into the program</h1>\
    <p>Run these where Roster's source is, then build and start it again:\
    <pre>npm ci --prefix crates/server/playground\nnpm run build --prefix crates/server/playground</pre>\
    <p><a href='./'>The playground</a> works without them.";

/// Returns the routes of `/`, `/app` and the files they load. Every address in a page is relative,
/// so that the server can stand behind a path prefix that a proxy strips.
pub fn routes() -> Router {
    if file("index.html").is_none() {
        tracing::warn!(
            "the playground was not built into this program: browsers will load it from esm.sh. \
             To build it in: `npm ci --prefix crates/server/playground`, \
             `npm run build --prefix crates/server/playground`, then build and start again"
        );
    }
    Router::new()
        .route("/", get(page))
        .route("/app", get(app))
        .route("/app/", get(async || Redirect::permanent("../app")))
        .route("/playground/{*path}", get(asset))
}

/// Returns the page for a browser that opens the endpoint. At `/graphql/` relative addresses would
/// miss, so the browser is sent one level up.
pub async fn page_at(uri: &Uri) -> Response {
    if !uri.path().ends_with('/') {
        return page().await;
    }
    let query = uri
        .query()
        .map_or(String::new(), |query| format!("?{query}"));
    Redirect::permanent(&format!("../graphql{query}")).into_response()
}

async fn page() -> Response {
    let (policy, html) = match file("index.html") {
        Some(html) => (OWN, Html(html).into_response()),
        None => {
            let html = GraphiQLSource::build()
                .endpoint("graphql")
                .subscription_endpoint("graphql")
                .header("x-cost", "true")
                .title("Roster")
                .finish()
                // Relative to the page instead of the host.
                .replace("window.location.origin", "document.baseURI");
            (CDN, Html(html).into_response())
        }
    };
    ([(header::CONTENT_SECURITY_POLICY, policy)], html).into_response()
}

async fn app() -> Response {
    let html = file("app.html").unwrap_or(NO_APP.as_bytes());
    ([(header::CONTENT_SECURITY_POLICY, OWN)], Html(html)).into_response()
}

async fn asset(Path(path): Path<String>) -> Response {
    let Some(bytes) = file(&path) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, content_type(&path)),
        // The name of each file under `assets` holds a hash of what is in it.
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        // Of a worker this is what its own script may do, not the page's.
        (header::CONTENT_SECURITY_POLICY, OWN),
    ];
    (headers, bytes).into_response()
}

fn file(path: &str) -> Option<&'static [u8]> {
    let (_, bytes) = BUNDLE.iter().find(|(name, _)| *name == path)?;
    Some(bytes)
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("css") => "text/css; charset=utf-8",
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("ttf") => "font/ttf",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}
