//! The front page is whole.

const README: &str = include_str!("../README.md");

#[test]
fn the_readme_ends_with_a_full_sentence() {
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
