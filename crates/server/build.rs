//! Puts the playground's bundle into the program, when it has been built.

use std::{
    env,
    fmt::Write,
    fs, io,
    path::{Path, PathBuf},
};

fn main() -> io::Result<()> {
    let playground = Path::new(env!("CARGO_MANIFEST_DIR")).join("playground");
    let bundle = playground.join("dist");
    let mut files = Vec::new();
    if bundle.is_dir() {
        println!("cargo::rerun-if-changed={}", bundle.display());
        list(&bundle, &mut files)?;
    } else {
        // To be there when it appears.
        println!("cargo::rerun-if-changed={}", playground.display());
    }
    files.sort();

    let mut source = String::from("&[\n");
    for file in &files {
        let name = file.strip_prefix(&bundle).map_err(io::Error::other)?;
        let name = name.to_string_lossy().replace('\\', "/");
        writeln!(source, "({name:?}, include_bytes!({file:?})),").map_err(io::Error::other)?;
    }
    source.push(']');
    let out = env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?;
    fs::write(Path::new(&out).join("playground.rs"), source)
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
