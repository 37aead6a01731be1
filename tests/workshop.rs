//! The workshop: its pages show the code of the checkpoints.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::support::repository::root;

/// Returns the folders of the sessions, in their order.
fn sessions() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("docs/workshop")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut sessions: Vec<_> = paths.filter(|path| path.is_dir()).collect();
    sessions.sort();
    assert_eq!(sessions.len(), 7);
    sessions
}

fn page(folder: &Path) -> String {
    fs::read_to_string(folder.join("README.md")).unwrap()
}

/// Returns the code blocks of a page, each with its info string.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    let fences = page.split("\n```").skip(1).step_by(2);
    fences
        .map(|block| block.split_once('\n').unwrap())
        .collect()
}

#[test]
fn each_block_with_a_file_name_is_in_that_file_of_the_checkpoint() {
    for session in sessions() {
        let page = page(&session);
        let mut checked = 0;
        for (info, block) in blocks(&page) {
            let Some(file) = info.strip_prefix("rust,file=") else {
                assert!(!info.starts_with("rust"), "{info}: name the file");
                continue;
            };
            checked += 1;
            let path = session.join(file);
            let code = fs::read_to_string(&path).unwrap();
            let mut rest = code.as_str();
            let is_omission = |line: &str| line.trim() == "// …";
            let lines: Vec<_> = block.lines().collect();
            for part in lines.split(|line| is_omission(line)) {
                let part = part.join("\n");
                let place = rest.find(&part);
                let place = place.unwrap_or_else(|| panic!("not in {}:\n{part}", path.display()));
                rest = &rest[place + part.len()..];
            }
        }
        assert!(checked >= 3, "{}", session.display());
    }
}

#[test]
fn each_version_of_the_workshop_is_that_of_the_workspace() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let version = |line: &str| {
        let (_, rest) = line.split_once("version = \"")?;
        rest.split('"').next().map(str::to_owned)
    };
    let mut checked = 0;
    for session in sessions() {
        for (info, block) in blocks(&page(&session)) {
            for line in block.lines().filter(|_| info == "toml") {
                let Some(own) = version(line) else { continue };
                let name = line.split(" = ").next().unwrap();
                let start = format!("{name} = ");
                let entry = manifest.lines().find(|line| line.starts_with(&start));
                let entry = entry.unwrap_or_else(|| panic!("{name} is not in Cargo.toml"));
                assert!(entry.contains(&format!("\"{own}\"")), "{line}");
                checked += 1;
            }
        }
    }
    assert!(checked >= 5);
}
