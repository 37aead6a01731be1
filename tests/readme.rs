//! The README: complete sections, and queries that run.

use std::{fs, path::Path};

use crate::support::app::lessons;

const README: &str = include_str!("../README.md");

#[test]
fn every_section_of_the_readme_ends_with_a_full_sentence() {
    assert!(README.ends_with('\n') && !README.ends_with("\n\n"));
    let fences = README.lines().filter(|line| line.starts_with("```"));
    assert_eq!(fences.count() % 2, 0, "a code block is not closed");
    for section in README.split("\n## ").skip(1) {
        let last = section.trim_end().lines().last().unwrap();
        let is_whole = last.ends_with(['.', ':', ')']) || last == "```";
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
