//! The layout of the tests: a test file uses `support` and no other test file.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn a_test_file_uses_no_other_test_file() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
    // Split, so that this file does not find itself.
    let prefix = concat!("crate", "::");
    let mut checked = 0;
    for file in rust_files(&tests) {
        if file.starts_with(tests.join("support")) {
            continue;
        }
        checked += 1;
        let text = fs::read_to_string(&file).unwrap();
        for rest in text.split(prefix).skip(1) {
            assert!(rest.starts_with("support::"), "{}", file.display());
        }
    }
    assert!(checked > 50, "{checked} files");
}
