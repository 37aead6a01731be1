//! The README: complete sections, and queries that run.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::support::app::lessons;

const README: &str = include_str!("../README.md");

#[test]
fn every_section_of_the_readme_ends_with_a_full_sentence() {
    assert!(README.ends_with('\n') && !README.ends_with("\n\n"));
    let fences = README.lines().filter(|line| line.starts_with("```"));
    assert_eq!(fences.count() % 2, 0, "a code block is not closed");
    for section in README.split("\n## ").skip(1) {
        let last = section.trim_end().lines().last().unwrap();
        let is_whole = last.ends_with(['.', ':', ')', '|']) || last == "```";
        assert!(is_whole, "a section ends with {last:?}");
    }
}

#[test]
fn every_recipe_of_the_readme_is_complete() {
    let (_, recipes) = README.split_once("\n## Recipes\n").unwrap();
    let mut count = 0;
    for recipe in recipes.trim().split("\n\n") {
        count += 1;
        assert!(recipe.starts_with("**"), "{recipe:?}");
        let steps = recipe.split('·').count();
        assert!(steps >= 3 && recipe.ends_with('.'), "{recipe:?}");
    }
    assert!(count >= 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_of_the_readme_and_the_docs_runs() {
    for document in [README, include_str!("../docs/many-to-many.md")] {
        let queries: Vec<_> = document
            .split("```graphql\n")
            .skip(1)
            .map(|block| block.split("```").next().unwrap())
            .collect();
        assert!(queries.len() >= 5);
        for app in lessons().await {
            for query in &queries {
                app.query(query).await;
            }
        }
    }
}

#[test]
fn every_query_of_the_readme_is_an_example() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("playground/examples");
    let examples: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    for block in README.split("```graphql\n").skip(1) {
        let query = block.split("```").next().unwrap();
        assert!(
            examples.iter().any(|example| example.ends_with(query)),
            "no example: {query}"
        );
    }
}

/// The documents of the repository, by path.
const DOCUMENTS: [(&str, &str); 6] = [
    ("README.md", README),
    ("AGENTS.md", include_str!("../AGENTS.md")),
    ("CONTRIBUTING.md", include_str!("../CONTRIBUTING.md")),
    ("SECURITY.md", include_str!("../SECURITY.md")),
    (
        "docs/architecture.md",
        include_str!("../docs/architecture.md"),
    ),
    ("docs/golden-path.md", GOLDEN_PATH),
];

const GOLDEN_PATH: &str = include_str!("../docs/golden-path.md");

#[test]
fn every_link_of_a_document_leads_to_a_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut checked = 0;
    for (name, text) in DOCUMENTS {
        let folder = root.join(name).parent().unwrap().to_owned();
        for rest in text.split("](").skip(1) {
            let (link, _) = rest.split_once(')').unwrap();
            let path = link.split('#').next().unwrap();
            if !link.contains("://") {
                assert!(folder.join(path).exists(), "{name}: {link}");
                checked += 1;
            }
        }
    }
    assert!(checked > 50, "{checked} links");
}

#[test]
fn every_practice_of_the_golden_path_has_its_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folders = ["tests", "crates", "clients/typescript/test"];
    let files: Vec<_> = folders
        .iter()
        .flat_map(|folder| files(&root.join(folder)))
        .collect();
    let rows = GOLDEN_PATH
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(1);
    for row in rows {
        let test = row.trim_end_matches(" |").rsplit('|').next().unwrap();
        let test = test.trim().trim_matches('`');
        if test == "---" {
            continue;
        }
        let is_test = |path: &PathBuf| match path.extension().and_then(|kind| kind.to_str()) {
            Some("rs") => fs::read_to_string(path)
                .unwrap()
                .contains(&format!("fn {test}()")),
            _ => path.ends_with(test),
        };
        assert!(files.iter().any(is_test), "no test {test}");
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let is_source = |path: &PathBuf| !path.ends_with("node_modules") && !path.ends_with("dist");
    entries
        .filter(is_source)
        .flat_map(|path| match path.is_dir() {
            true => files(&path),
            false => vec![path],
        })
        .collect()
}
