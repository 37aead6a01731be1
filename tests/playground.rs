//! The pages of the playground over HTTP. Their behaviour in a browser is tested in `browser/`.

use reqwest::Url;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

use crate::support::app::{TestApp, lesson_with, lessons};

#[tokio::test]
async fn the_page_and_its_files_have_a_policy_and_content_types() {
    for app in lessons().await {
        let response = app.get("/").await;
        let policy = response.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .to_owned();
        assert_eq!(
            response.headers()["content-type"],
            "text/html; charset=utf-8"
        );
        assert!(policy.contains("default-src 'none'"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");

        // The page from the CDN has no files on this server.
        let page = response.text().await.unwrap();
        let is_built = named_files_are_sent(&app, &page).await;
        assert_eq!(is_built, !policy.contains("https://"), "{policy}");
        assert_eq!(is_built, !policy.contains("unsafe"), "{policy}");
        assert_eq!(
            app.get("/playground/assets/no-such-file.js").await.status(),
            404
        );
    }
}

#[tokio::test]
async fn the_app_has_a_strict_policy_or_explains_how_to_build_it() {
    for app in lessons().await {
        let response = app.get("/app").await;
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
}

#[tokio::test]
async fn pages_behind_a_path_prefix_request_nothing_outside_of_it() {
    let app = lesson_with(|_| {}).await;
    let server = app.url.trim_start_matches("http://").to_owned();
    let proxy = Url::parse(&format!("http://{}/staff/", prefix_proxy(server).await)).unwrap();
    for path in ["", "app", "graphql", "graphql/", "app/"] {
        let page = app.client.get(proxy.join(path).unwrap());
        let page = page.header("accept", "text/html").send().await.unwrap();
        assert_eq!(page.status(), 200, "{path}");
        let base = page.url().clone();
        let html = page.text().await.unwrap();
        for absolute in ["=\"/", "='/", "'/", "(\"/", "location.origin"] {
            assert!(!html.contains(absolute), "{path}: {absolute} in {html}");
        }
        let quoted = html.split(['"', '\'']);
        let named = quoted.filter(|text| text.starts_with("playground/") || *text == "./");
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
async fn the_root_serves_the_playground_and_the_probes_answer() {
    for app in lessons().await {
        let page = app.get("/").await;
        assert_eq!(page.status(), 200);
        assert!(page.text().await.unwrap().contains("graphiql"));
        assert_eq!(app.get("/health/live").await.status(), 200);
        assert_eq!(app.get("/health/ready").await.status(), 200);
        let by_get = app.get("/graphql?query={employees{totalCount}}").await;
        assert_eq!(
            by_get.text().await.unwrap(),
            r#"{"data":{"employees":{"totalCount":4}}}"#
        );
    }
}
