//! The README: complete sections, and queries that run.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::support::{
    app::lessons,
    repository::{files, files_with, root},
};

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
fn every_recipe_is_complete() {
    let recipes = include_str!("../docs/recipes.md");
    let mut count = 0;
    for recipe in recipes.split("\n## ").skip(1) {
        count += 1;
        let steps = (1..).take_while(|step| recipe.contains(&format!("\n{step}. ")));
        assert!(
            steps.count() >= 3 && recipe.trim_end().ends_with('.'),
            "{recipe:?}"
        );
    }
    assert!(count >= 4);
}

/// Checks that the names in backquotes that look like files of this repository are such.
#[test]
fn every_file_that_a_recipe_names_exists() {
    let recipes = include_str!("../docs/recipes.md");
    let mut checked = 0;
    for name in recipes.split('`').skip(1).step_by(2) {
        let is_path = name.starts_with("crates/") || name.starts_with("tests/");
        if is_path && !name.contains('<') {
            assert!(root().join(name).exists(), "{name}");
            checked += 1;
        }
    }
    assert!(checked >= 4, "{checked} files");
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

#[test]
fn every_link_of_a_document_leads_to_a_file() {
    let root = root();
    let names = [
        "README.md",
        "AGENTS.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
    ];
    let mut documents: Vec<_> = names.iter().map(|name| root.join(name)).collect();
    for folder in ["bench", "clients", "docs"] {
        documents.extend(files_with("md", &root.join(folder)));
    }
    let mut checked = 0;
    for document in documents {
        let text = fs::read_to_string(&document).unwrap();
        for rest in text.split("](").skip(1) {
            let (link, _) = rest.split_once(')').unwrap();
            let path = link.split('#').next().unwrap();
            if !link.contains("://") {
                let target = document.parent().unwrap().join(path);
                assert!(target.exists(), "{}: {link}", document.display());
                checked += 1;
            }
        }
    }
    assert!(checked > 100, "{checked} links");
}

#[test]
fn every_practice_of_the_golden_path_has_its_test() {
    let root = root();
    let golden_path = fs::read_to_string(root.join("docs/golden-path.md")).unwrap();
    let folders = ["tests", "crates", "clients/typescript/test"];
    let files: Vec<_> = folders
        .iter()
        .flat_map(|folder| files(&root.join(folder)))
        .collect();
    let rows = golden_path
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
