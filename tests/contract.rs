//! The schema as a contract: the file that clients generate code from, and what it promises.

use async_graphql::parser::{
    parse_schema,
    types::{TypeKind, TypeSystemDefinition},
};

#[test]
fn the_schema_file_is_what_the_program_says() {
    let file = include_str!("../schema.graphql");
    assert!(
        file == api::sdl(),
        "schema.graphql is stale: run `cargo run -- schema > schema.graphql`"
    );
}

#[test]
fn everything_in_the_schema_has_a_description() {
    let document = parse_schema(api::sdl()).unwrap();
    let mut bare = Vec::new();
    for definition in document.definitions {
        let TypeSystemDefinition::Type(definition) = definition else {
            continue;
        };
        let definition = definition.node;
        let name = definition.name.node;
        let mut expect = |what: String, described: bool| {
            if !described {
                bare.push(what);
            }
        };
        expect(name.to_string(), definition.description.is_some());
        let fields = match definition.kind {
            TypeKind::Object(object) => object.fields,
            TypeKind::Interface(interface) => interface.fields,
            TypeKind::InputObject(input) => {
                for field in input.fields {
                    expect(
                        format!("{name}.{}", field.node.name.node),
                        field.node.description.is_some(),
                    );
                }
                continue;
            }
            TypeKind::Enum(values) => {
                for value in values.values {
                    expect(
                        format!("{name}.{}", value.node.value.node),
                        value.node.description.is_some(),
                    );
                }
                continue;
            }
            TypeKind::Scalar | TypeKind::Union(_) => continue,
        };
        for field in fields {
            let field = field.node;
            let place = format!("{name}.{}", field.name.node);
            for argument in field.arguments {
                let argument = argument.node;
                expect(
                    format!("{place}({})", argument.name.node),
                    argument.description.is_some(),
                );
            }
            expect(place, field.description.is_some());
        }
    }
    assert_eq!(bare, Vec::<String>::new());
}

#[test]
fn every_scalar_of_ours_says_which_specification_it_follows() {
    for scalar in ["Date", "DateTime", "Long"] {
        let definition = format!("scalar {scalar} @specifiedBy(url: \"https://");
        assert!(api::sdl().contains(&definition), "{scalar}");
    }
}
