//! The types of the schema, for the macros of `src/roster.rs`.

#[expect(clippy::expect_used, reason = "a build fails by panicking")]
fn main() {
    println!("cargo::rerun-if-changed=../../schema.graphql");
    cynic_codegen::register_schema("roster")
        .from_sdl_file("../../schema.graphql")
        .expect("schema.graphql can be read")
        .as_default()
        .expect("it is the only schema");
}
