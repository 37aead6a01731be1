//! The playground as it is sent; what it does in a browser is tested in `browser/`.

use crate::app::lessons;

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

        // What the page names, when the bundle was built; the page from the CDN names nothing here.
        let page = response.text().await.unwrap();
        let named: Vec<_> = page
            .split('"')
            .filter(|text| text.starts_with("/playground/"))
            .collect();
        assert_eq!(named.is_empty(), policy.contains("https://"), "{policy}");
        assert_eq!(named.is_empty(), policy.contains("unsafe"), "{policy}");
        for path in named {
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
        assert_eq!(
            app.get("/playground/assets/no-such-file.js").await.status(),
            404
        );
    }
}
