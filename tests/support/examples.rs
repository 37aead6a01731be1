//! The examples of the explorer.

use std::{fs, path::Path};

/// Returns names and texts of the examples, in order.
pub fn examples() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("playground/examples");
    let files = fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    let name = |file: &Path| file.file_stem().unwrap().to_str().unwrap().to_owned();
    let example = |file: &Path| (name(file), fs::read_to_string(file).unwrap());
    files.iter().map(|file| example(file)).collect()
}
