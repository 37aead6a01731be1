//! The layout of the code: a test file uses `support` and no other test file, and the modules of a crate
//! form no circle.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use crate::support::repository::{files_with, root};

#[test]
fn a_test_file_uses_no_other_test_file() {
    let tests = root().join("tests");
    // Split, so that this file does not find itself.
    let prefix = concat!("crate", "::");
    let mut checked = 0;
    for file in files_with("rs", &tests) {
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

/// Modules of the domain whose types refer to each other.
const ENTITIES: [&str; 7] = [
    "assignment",
    "colleagues",
    "employee",
    "meeting",
    "overlaps",
    "project",
    "staffing",
];

/// Returns the modules that a `use` item of the own crate names.
fn used_modules(item: &str) -> BTreeSet<String> {
    let item = item.trim();
    let Some(list) = item
        .strip_prefix('{')
        .and_then(|item| item.strip_suffix('}'))
    else {
        let name = item.split([':', ' ', '{']).next().unwrap();
        return BTreeSet::from([name.to_owned()]);
    };
    let (mut depth, mut start, mut names) = (0, 0, BTreeSet::new());
    for (index, byte) in list.bytes().chain([b',']).enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            b',' if depth == 0 => {
                let path = list[start..index.min(list.len())].trim();
                names.extend(path.split([':', ' ']).next().map(str::to_owned));
                start = index + 1;
            }
            _ => {}
        }
    }
    names
}

/// Returns the modules of a crate, each with the modules that it uses. Modules of [`ENTITIES`] count as
/// one.
fn module_graph(source: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let merged = |name: &str| match ENTITIES.contains(&name) {
        true => "entities".to_owned(),
        false => name.to_owned(),
    };
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files_with("rs", source) {
        let relative = file.strip_prefix(source).unwrap();
        let module = relative.components().next().unwrap().as_os_str();
        let module = merged(module.to_str().unwrap().trim_end_matches(".rs"));
        if module == "lib" || module == "main" {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let prefix = concat!("use crate", "::");
        let used = text.split(prefix).skip(1);
        let used = used.flat_map(|rest| used_modules(rest.split(';').next().unwrap()));
        let used = used
            .map(|name| merged(&name))
            .filter(|name| *name != module);
        graph.entry(module.clone()).or_default().extend(used);
    }
    graph
}

#[test]
fn the_modules_of_a_crate_form_no_circle() {
    let crates = root().join("crates");
    for (name, most_floors) in [("language", 9), ("sea-level", 8), ("api", 7), ("server", 9)] {
        let mut left = module_graph(&crates.join(name).join("src"));
        assert!(left.len() > 5, "{name}: {left:?}");
        let modules: BTreeSet<_> = left.keys().cloned().collect();
        for used in left.values_mut() {
            used.retain(|module| modules.contains(module));
        }
        let mut floors = 0;
        while !left.is_empty() {
            floors += 1;
            let is_lowest =
                |used: &BTreeSet<String>| used.iter().all(|module| !left.contains_key(module));
            let lowest: Vec<_> = left.iter().filter(|(_, used)| is_lowest(used)).collect();
            let lowest: Vec<_> = lowest
                .into_iter()
                .map(|(module, _)| module.clone())
                .collect();
            assert!(!lowest.is_empty(), "{name} has a circle: {left:?}");
            lowest.iter().for_each(|module| drop(left.remove(module)));
        }
        assert!(floors <= most_floors, "{name} has {floors} floors");
    }
}
