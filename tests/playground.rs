//! The pages over HTTP: the explorer, GraphiQL, `/app`. Their behaviour in a browser is tested in `browser/`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use reqwest::Url;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

use crate::support::{
    app::{TestApp, lesson_with, lessons},
    examples::examples,
};

/// Most bytes of the explorer's source.
const MOST_BYTES: u64 = 60 * 1_024;

fn explorer_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("explorer");
    let files = fs::read_dir(folder).unwrap();
    files.map(|file| file.unwrap().path()).collect()
}

#[test]
fn the_explorer_is_small_and_names_no_other_host() {
    let files = explorer_files();
    let sizes = files.iter().map(|file| file.metadata().unwrap().len());
    let size: u64 = sizes.sum();
    assert!(size <= MOST_BYTES, "{size} bytes");
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let lines = text.lines().count();
        assert!(lines <= 400, "{} has {lines} lines", file.display());
        for absolute in [
            "http:",
            "https:",
            "=\"/",
            "'/graphql",
            "'/explorer",
            "location.origin",
        ] {
            assert!(!text.contains(absolute), "{}: {absolute}", file.display());
        }
    }
}

#[tokio::test]
async fn the_explorer_has_a_strict_policy() {
    for app in lessons().await {
        let response = app.get("/").await;
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), "text/html; charset=utf-8");
        assert_eq!(
            header("content-security-policy"),
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
             img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        let page = response.text().await.unwrap();
        assert!(
            !page.contains("<style") && !page.contains(" style="),
            "{page}"
        );
        assert_eq!(
            page.matches("<script").count(),
            page.matches("src=\"explorer/").count() - 1,
            "all scripts, and the icon, are files"
        );
    }
}

#[tokio::test]
async fn files_of_the_explorer_are_compared_before_they_are_sent_again() {
    let app = lesson_with(|_| {}).await;
    for file in explorer_files() {
        let name = file.file_name().unwrap().to_str().unwrap();
        if name == "index.html" {
            assert_eq!(app.get("/explorer/index.html").await.status(), 404);
            continue;
        }
        let response = app.get(&format!("/explorer/{name}")).await;
        assert_eq!(response.status(), 200, "{name}");
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        let kind = match name.rsplit_once('.').unwrap().1 {
            "css" => "text/css; charset=utf-8",
            _ => "text/javascript; charset=utf-8",
        };
        assert_eq!(header("content-type"), kind, "{name}");
        assert_eq!(header("cache-control"), "no-cache", "{name}");
        let again = app.client.get(format!("{}/explorer/{name}", app.url));
        let again = again.header("if-none-match", header("etag"));
        assert_eq!(again.send().await.unwrap().status(), 304, "{name}");
        let bytes = response.bytes().await.unwrap();
        assert_eq!(bytes, fs::read(&file).unwrap(), "{name}");
    }
    let icon = app.get("/explorer/icon.svg").await;
    assert_eq!(icon.headers()["content-type"], "image/svg+xml");
    assert_eq!(app.get("/explorer/no-such-file.js").await.status(), 404);
}

#[tokio::test]
async fn the_explorer_opens_with_the_examples() {
    let app = lesson_with(|_| {}).await;
    let sent = app.get("/explorer/examples.json").await;
    let sent: Value = sent.json().await.unwrap();
    let expected = examples()
        .into_iter()
        .map(|(name, text)| json!({ "name": name, "text": text }));
    assert_eq!(sent, Value::from_iter(expected));
}

#[tokio::test]
async fn every_link_of_the_documents_leads_to_a_page_and_a_heading() {
    let app = lesson_with(|_| {}).await;
    // `/docs` leads to the first page.
    let start = app.get("/docs").await;
    let mut pages = BTreeMap::new();
    let mut links = vec![(start.url().clone(), String::new())];
    while let Some((url, anchor)) = links.pop() {
        let key = url.path().to_owned();
        if !pages.contains_key(&key) {
            let response = app.client.get(url.clone()).send().await.unwrap();
            assert_eq!(response.status(), 200, "{url}");
            let policy = response.headers()["content-security-policy"].clone();
            let page = response.text().await.unwrap();
            if key.starts_with("/docs/") {
                let policy = policy.to_str().unwrap();
                assert!(policy.starts_with("default-src 'none'; script-src 'self'"));
                for rest in page.split("href=\"").skip(1) {
                    let (link, _) = rest.split_once('"').unwrap();
                    let target = url.join(link).unwrap();
                    let is_here =
                        target.host_str() == url.host_str() && target.port() == url.port();
                    if is_here {
                        let anchor = target.fragment().unwrap_or_default().to_owned();
                        links.push((target, anchor));
                    }
                }
            }
            pages.insert(key.clone(), page);
        }
        let has_anchor = anchor.is_empty() || pages[&key].contains(&format!("id=\"{anchor}\""));
        assert!(has_anchor, "{url}");
    }
    let documents = pages.keys().filter(|path| path.starts_with("/docs/"));
    assert!(documents.count() >= 14, "{:?}", pages.keys());
    assert!(pages["/docs/readme"].contains("<h1 id=\"roster\">Roster</h1>"));
    assert!(pages["/docs/schema"].contains("<b id=\"Employee\">Employee</b>"));
    assert_eq!(app.get("/docs/no-such-page").await.status(), 404);
}

#[tokio::test]
async fn bundled_pages_have_a_strict_policy_or_explain_how_to_build_them() {
    for app in lessons().await {
        for path in ["/app", "/graphiql"] {
            let response = app.get(path).await;
            assert_eq!(response.status(), 200);
            let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
            assert_eq!(header("content-type"), "text/html; charset=utf-8");
            assert_eq!(header("x-content-type-options"), "nosniff");
            assert_eq!(header("cache-control"), "no-store");
            assert_eq!(header("referrer-policy"), "no-referrer");
            let policy = header("content-security-policy");
            assert!(policy.starts_with("default-src 'none'"), "{policy}");
            assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
            assert!(!policy.contains("https:"), "{policy}");
            assert!(!policy.contains("unsafe"), "{policy}");

            let page = response.text().await.unwrap();
            let says_how = page.contains("npm run build --prefix crates/server/playground");
            assert_eq!(named_files_are_sent(&app, &page).await, !says_how, "{page}");
        }
        let missing = app.get("/playground/assets/no-such-file.js").await;
        assert_eq!(missing.status(), 404);
    }
}

#[tokio::test]
async fn pages_behind_a_path_prefix_request_nothing_outside_of_it() {
    let app = lesson_with(|_| {}).await;
    let server = app.url.trim_start_matches("http://").to_owned();
    let proxy = Url::parse(&format!("http://{}/staff/", prefix_proxy(server).await)).unwrap();
    for path in [
        "",
        "app",
        "graphiql",
        "graphql",
        "graphql/",
        "app/",
        "graphiql/",
    ] {
        let page = app.client.get(proxy.join(path).unwrap());
        let page = page.header("accept", "text/html").send().await.unwrap();
        assert_eq!(page.status(), 200, "{path}");
        let base = page.url().clone();
        let html = page.text().await.unwrap();
        for absolute in ["=\"/", "='/", "'/", "(\"/", "location.origin"] {
            assert!(!html.contains(absolute), "{path}: {absolute} in {html}");
        }
        let quoted = html.split(['"', '\'']);
        let folders = ["playground/", "explorer/", "./"];
        let named = quoted.filter(|text| folders.iter().any(|folder| text.starts_with(folder)));
        for name in named {
            let url = base.join(name).unwrap();
            assert!(url.path().starts_with("/staff/"), "{path}: {url}");
            let file = app.client.get(url).send().await.unwrap();
            assert_eq!(file.status(), 200, "{path}: {name}");
            if name.ends_with(".js") {
                let script = file.text().await.unwrap();
                assert!(!script.contains("/graphql\"") && !script.contains("/graphql`"));
            }
        }
        // The endpoint that the scripts call.
        let endpoint = base.join("graphql?query=%7B__typename%7D").unwrap();
        let answer = app.client.get(endpoint).send().await.unwrap();
        assert!(answer.text().await.unwrap().contains("Query"), "{path}");
    }
    let outside = app.client.get(proxy.join("/graphql").unwrap()).send();
    assert!(outside.await.is_err(), "the proxy forwards only its prefix");
}

/// Acts as nginx with `location /staff/ { proxy_pass http://…/; }`, one request a connection. Returns
/// the address.
async fn prefix_proxy(server: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let server = server.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(client.read_u8().await?);
                }
                let head = String::from_utf8(head).unwrap();
                let Some((method, rest)) = head.split_once(" /staff/") else {
                    return Ok(());
                };
                let head = format!("{method} /{rest}").replacen(
                    "\r\n\r\n",
                    "\r\nconnection: close\r\n\r\n",
                    1,
                );
                let mut server = TcpStream::connect(server).await?;
                server.write_all(head.as_bytes()).await?;
                copy_bidirectional(&mut client, &mut server).await?;
                Ok::<_, std::io::Error>(())
            });
        }
    });
    address
}

/// Requests every bundled file that the page names. Returns whether there are any.
async fn named_files_are_sent(app: &TestApp, page: &str) -> bool {
    let named: Vec<_> = page
        .split('"')
        .filter(|text| text.starts_with("playground/"))
        .collect();
    for path in &named {
        let file = app.get(&format!("/{path}")).await;
        assert_eq!(file.status(), 200, "{path}");
        let kind = file.headers()["content-type"].to_str().unwrap();
        let expected = match path.rsplit_once('.').unwrap().1 {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            _ => "image/svg+xml",
        };
        assert_eq!(kind, expected, "{path}");
        assert!(
            file.headers()["cache-control"]
                .to_str()
                .unwrap()
                .contains("immutable"),
            "{path}"
        );
    }
    !named.is_empty()
}

#[tokio::test]
async fn the_root_serves_the_explorer_and_the_probes_answer() {
    for app in lessons().await {
        let page = app.get("/").await;
        assert_eq!(page.status(), 200);
        assert!(page.text().await.unwrap().contains("explorer/main.js"));
        assert_eq!(app.get("/health/live").await.status(), 200);
        assert_eq!(app.get("/health/ready").await.status(), 200);
        let by_get = app.get("/graphql?query={employees{totalCount}}").await;
        assert_eq!(
            by_get.text().await.unwrap(),
            r#"{"data":{"employees":{"totalCount":4}}}"#
        );
    }
}
