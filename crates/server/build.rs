//! Puts the files of the pages into the program: the explorer, its examples, the documents, and the bundle of
//! GraphiQL and `/app` when it has been built.

#[path = "build/documents.rs"]
mod documents;

use std::{
    env,
    fmt::Write,
    fs, io,
    path::{Path, PathBuf},
};

fn main() -> io::Result<()> {
    let server = Path::new(env!("CARGO_MANIFEST_DIR"));
    let bundle = match server.join("playground/dist").is_dir() {
        true => "playground/dist",
        // Reruns the script when the bundle appears.
        false => "playground",
    };
    for source in ["build", "explorer", "playground/examples", bundle] {
        println!("cargo::rerun-if-changed={}", server.join(source).display());
    }
    embed("explorer", &server.join("explorer"))?;
    embed("examples", &server.join("playground/examples"))?;
    embed("bundle", &server.join("playground/dist"))?;
    let documents = out().join("documents");
    documents::render(&server.join("../.."), &documents)?;
    fs::copy(server.join("build/docs.css"), documents.join("docs.css"))?;
    embed("documents", &documents)
}

/// Returns the folder for generated files.
fn out() -> PathBuf {
    PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default())
}

/// Writes a list of names and contents of the files in a folder, which may be missing.
fn embed(name: &str, folder: &Path) -> io::Result<()> {
    let mut files = Vec::new();
    if folder.is_dir() {
        list(folder, &mut files)?;
    }
    files.sort();

    let mut source = String::from("&[\n");
    for file in &files {
        let name = file.strip_prefix(folder).map_err(io::Error::other)?;
        let name = name.to_string_lossy().replace('\\', "/");
        writeln!(source, "({name:?}, include_bytes!({file:?})),").map_err(io::Error::other)?;
    }
    source.push(']');
    fs::write(out().join(format!("{name}.rs")), source)
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
