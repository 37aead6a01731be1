//! Files of the repository, for tests of its layout and its documents.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Returns the root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Folders of files that a tool has made.
const MADE: [&str; 4] = ["dist", "node_modules", "target", ".venv"];

/// Returns the files below a folder, without those that a tool has made.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if !path.is_dir() {
            files.push(path);
        } else if !MADE.iter().any(|made| path.ends_with(made)) {
            files.extend(self::files(&path));
        }
    }
    files
}

/// Returns the files with this extension below a folder.
pub fn files_with(extension: &str, folder: &Path) -> Vec<PathBuf> {
    let mut files = files(folder);
    files.retain(|file| file.extension().is_some_and(|found| found == extension));
    files
}
