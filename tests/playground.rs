//! The pages as they are sent; what they do in a browser is tested in `browser/`.

use crate::app::{TestApp, lessons};

#[tokio::test]
async fn the_page_and_all_it_names_are_sent_with_a_policy_and_their_types() {
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

        // The page from the CDN names nothing here.
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
async fn the_app_is_sent_with_a_strict_policy_or_says_how_to_build_it() {
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

/// Asks for every file of the bundle that the page names; are there any?
async fn named_files_are_sent(app: &TestApp, page: &str) -> bool {
    let named: Vec<_> = page
        .split('"')
        .filter(|text| text.starts_with("/playground/"))
        .collect();
    for path in &named {
        let file = app.get(path).await;
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
