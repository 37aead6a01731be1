//! The schema as a contract: the file for code generators, descriptions, specifications.

use language::{Documentation, Schema};

#[test]
fn the_schema_file_equals_the_schema_of_the_program() {
    let file = include_str!("../schema.graphql");
    assert!(
        file == api::sdl(),
        "schema.graphql is stale: run `cargo run -- schema > schema.graphql`"
    );
}

#[test]
fn everything_in_the_schema_has_a_description() {
    let schema = Schema::parse(&api::sdl()).unwrap();
    let mut bare = Vec::new();
    let mut expect = |place: &str, description: Option<&str>| {
        if description.is_none_or(str::is_empty) {
            bare.push(place.to_owned());
        }
    };
    expect("schema", schema.description());
    for id in schema.types() {
        let definition = schema.type_at(id);
        let name = &definition.name;
        expect(name, definition.description.as_deref());
        let text = Documentation::description;
        for (field, definition) in &definition.fields {
            expect(&format!("{name}.{field}"), text(&definition.documentation));
            for (argument, definition) in &definition.arguments {
                let place = format!("{name}.{field}({argument})");
                expect(&place, text(&definition.documentation));
            }
        }
        for (field, definition) in &definition.input_fields {
            expect(&format!("{name}.{field}"), text(&definition.documentation));
        }
        for (value, documentation) in &definition.values {
            expect(&format!("{name}.{value}"), text(documentation));
        }
    }
    assert_eq!(bare, Vec::<String>::new());
}

#[test]
fn every_custom_scalar_names_its_specification() {
    for scalar in ["Date", "DateTime", "Long"] {
        let definition = format!("scalar {scalar} @specifiedBy(url: \"https://");
        assert!(api::sdl().contains(&definition), "{scalar}");
    }
}
