//! Parses SDL (specification, section 3) into definitions by name, which refer to each other by
//! name.

use indexmap::IndexMap;

use super::{Documentation, TypeKind};
use crate::{
    ast::{Directive, Literal, LiteralKind, Name, OperationKind, Position, TypeSyntax},
    error::{Diagnostic, Stage},
    limits::DocumentLimits,
    parser::{Parsed, Parser},
};

const INTROSPECTION: &str = include_str!("introspection.graphql");

/// The text of a schema is the operator's: only the nesting is limited.
const LIMITS: DocumentLimits = DocumentLimits {
    tokens: usize::MAX,
    directives: usize::MAX,
    name_length: usize::MAX,
    ..DocumentLimits::DEFAULT
};

/// Reads a schema's text and adds what every schema has.
pub(super) fn read(sdl: &str) -> Parsed<Definitions<'_>> {
    let mut definitions = Definitions::default();
    definitions.read(sdl, false)?;
    definitions.read(INTROSPECTION, true)?;
    Ok(definitions)
}

pub(super) fn fail<T>(message: String, at: Position) -> Parsed<T> {
    Err(Diagnostic::new(Stage::Schema, message, at))
}

/// A named type whose references are not resolved.
pub(super) struct TypeSource<'a> {
    pub(super) kind: TypeKind,
    pub(super) fields: Vec<FieldSource<'a>>,
    pub(super) inputs: Vec<InputSource<'a>>,
    pub(super) values: Vec<(Name<'a>, Documentation)>,
    pub(super) interfaces: Vec<Name<'a>>,
    pub(super) members: Vec<Name<'a>>,
    pub(super) is_one_of: bool,
    pub(super) description: Option<Box<str>>,
    pub(super) specified_by_url: Option<Box<str>>,
}

pub(super) struct FieldSource<'a> {
    pub(super) name: Name<'a>,
    pub(super) ty: TypeSyntax<'a>,
    pub(super) arguments: Vec<InputSource<'a>>,
    pub(super) documentation: Documentation,
}

pub(super) struct InputSource<'a> {
    pub(super) name: Name<'a>,
    pub(super) ty: TypeSyntax<'a>,
    pub(super) default: Option<Literal<'a>>,
    pub(super) documentation: Documentation,
}

pub(super) struct DirectiveSource<'a> {
    pub(super) arguments: Vec<InputSource<'a>>,
    pub(super) locations: Vec<String>,
    pub(super) is_repeatable: bool,
    pub(super) documentation: Documentation,
}

#[derive(Default)]
pub(super) struct Definitions<'a> {
    pub(super) types: IndexMap<&'a str, TypeSource<'a>>,
    pub(super) extensions: Vec<(Name<'a>, TypeSource<'a>)>,
    pub(super) directives: IndexMap<&'a str, DirectiveSource<'a>>,
    /// Names and reasons of deprecation.
    pub(super) directive_extensions: Vec<(Name<'a>, Option<Box<str>>)>,
    pub(super) roots: Vec<(OperationKind, Name<'a>)>,
    pub(super) has_schema: bool,
    pub(super) description: Option<Box<str>>,
}

impl<'a> Definitions<'a> {
    /// Reads all definitions of a text. Those of the introspection schema give way to those that
    /// have been read before.
    fn read(&mut self, text: &'a str, is_built_in: bool) -> Parsed<()> {
        let mut parser = Parser::new(text, &LIMITS)?;
        while !parser.is_end() {
            let description = description(&mut parser)?;
            let is_extension = parser.skip_keyword("extend")?;
            let Some(keyword) = parser.keyword() else {
                return parser.unexpected();
            };
            match keyword {
                "schema" => {
                    parser.advance()?;
                    if !is_extension {
                        self.has_schema = true;
                        self.description = description;
                    }
                    parser.directives(false)?;
                    let roots = parser.bracketed(b'{', b'}', root)?;
                    self.roots.extend(roots);
                }
                "directive" => {
                    parser.advance()?;
                    parser.expect(b'@')?;
                    let name = parser.name()?;
                    if is_extension {
                        let reason = deprecation_reason(&parser.directives(false)?);
                        self.directive_extensions.push((name, reason));
                        continue;
                    }
                    let directive = directive(&mut parser, description)?;
                    let is_duplicate = self.directives.contains_key(name.text);
                    if !is_duplicate {
                        self.directives.insert(name.text, directive);
                    } else if !is_built_in {
                        return fail(format!("Two directives \"@{}\".", name.text), name.at);
                    }
                }
                _ => {
                    let (name, source) = type_definition(&mut parser, keyword, description)?;
                    let is_duplicate = self.types.contains_key(name.text);
                    if is_extension {
                        self.extensions.push((name, source));
                    } else if !is_duplicate {
                        self.types.insert(name.text, source);
                    } else if !is_built_in {
                        return fail(format!("Two types named \"{}\".", name.text), name.at);
                    }
                }
            }
        }
        Ok(())
    }
}

fn root<'a>(parser: &mut Parser<'a>) -> Parsed<(OperationKind, Name<'a>)> {
    let kind = match parser.keyword() {
        Some("query") => OperationKind::Query,
        Some("mutation") => OperationKind::Mutation,
        Some("subscription") => OperationKind::Subscription,
        _ => return parser.unexpected(),
    };
    parser.advance()?;
    parser.expect(b':')?;
    Ok((kind, parser.name()?))
}

fn directive<'a>(
    parser: &mut Parser<'a>,
    description: Option<Box<str>>,
) -> Parsed<DirectiveSource<'a>> {
    let arguments = parser.bracketed(b'(', b')', input)?;
    let reason = deprecation_reason(&parser.directives(false)?);
    let is_repeatable = parser.skip_keyword("repeatable")?;
    parser.expect_keyword("on")?;
    let locations = separated(parser, b'|')?;
    Ok(DirectiveSource {
        arguments,
        locations: locations.iter().map(|name| name.text.to_owned()).collect(),
        is_repeatable,
        documentation: Documentation::new(description, reason),
    })
}

fn type_definition<'a>(
    parser: &mut Parser<'a>,
    keyword: &str,
    description: Option<Box<str>>,
) -> Parsed<(Name<'a>, TypeSource<'a>)> {
    let kind = match keyword {
        "scalar" => TypeKind::Scalar,
        "type" => TypeKind::Object,
        "interface" => TypeKind::Interface,
        "union" => TypeKind::Union,
        "enum" => TypeKind::Enum,
        "input" => TypeKind::InputObject,
        _ => return parser.unexpected(),
    };
    parser.advance()?;
    let name = parser.name()?;
    let mut source = TypeSource {
        kind,
        fields: Vec::new(),
        inputs: Vec::new(),
        values: Vec::new(),
        interfaces: Vec::new(),
        members: Vec::new(),
        is_one_of: false,
        description,
        specified_by_url: None,
    };
    if parser.skip_keyword("implements")? {
        source.interfaces = separated(parser, b'&')?;
    }
    let directives = parser.directives(false)?;
    source.is_one_of = find(&directives, "oneOf").is_some();
    source.specified_by_url = find(&directives, "specifiedBy").and_then(|one| string(one, "url"));
    match kind {
        TypeKind::Scalar => {}
        TypeKind::Object | TypeKind::Interface => {
            source.fields = parser.bracketed(b'{', b'}', field)?;
        }
        TypeKind::Union if parser.skip(b'=')? => source.members = separated(parser, b'|')?,
        TypeKind::Union => {}
        TypeKind::Enum => source.values = parser.bracketed(b'{', b'}', enum_value)?,
        TypeKind::InputObject => source.inputs = parser.bracketed(b'{', b'}', input)?,
    }
    Ok((name, source))
}

/// One or more names, with an optional separator before the first.
fn separated<'a>(parser: &mut Parser<'a>, separator: u8) -> Parsed<Vec<Name<'a>>> {
    parser.skip(separator)?;
    let mut names = vec![parser.name()?];
    while parser.skip(separator)? {
        names.push(parser.name()?);
    }
    Ok(names)
}

fn field<'a>(parser: &mut Parser<'a>) -> Parsed<FieldSource<'a>> {
    let description = description(parser)?;
    let name = parser.name()?;
    let arguments = parser.bracketed(b'(', b')', input)?;
    parser.expect(b':')?;
    let ty = parser.type_reference()?;
    let reason = deprecation_reason(&parser.directives(false)?);
    Ok(FieldSource {
        name,
        ty,
        arguments,
        documentation: Documentation::new(description, reason),
    })
}

fn input<'a>(parser: &mut Parser<'a>) -> Parsed<InputSource<'a>> {
    let description = description(parser)?;
    let name = parser.name()?;
    parser.expect(b':')?;
    let ty = parser.type_reference()?;
    let default = match parser.skip(b'=')? {
        true => Some(parser.literal(false)?),
        false => None,
    };
    let reason = deprecation_reason(&parser.directives(false)?);
    Ok(InputSource {
        name,
        ty,
        default,
        documentation: Documentation::new(description, reason),
    })
}

fn enum_value<'a>(parser: &mut Parser<'a>) -> Parsed<(Name<'a>, Documentation)> {
    let description = description(parser)?;
    let name = parser.name()?;
    if matches!(name.text, "true" | "false" | "null") {
        let message = format!(
            "Name \"{}\" is reserved and cannot be used for an enum value.",
            name.text
        );
        return Err(Diagnostic::syntax(message, name.at));
    }
    let reason = deprecation_reason(&parser.directives(false)?);
    Ok((name, Documentation::new(description, reason)))
}

fn description(parser: &mut Parser<'_>) -> Parsed<Option<Box<str>>> {
    let description = parser.description()?;
    Ok(description.map(|text| Box::from(&*text)))
}

/// The reason of `@deprecated`, if it is among the directives: section 3.13.3.
fn deprecation_reason(directives: &[Directive<'_>]) -> Option<Box<str>> {
    let deprecated = find(directives, "deprecated")?;
    string(deprecated, "reason").or_else(|| Some(Box::from("No longer supported")))
}

fn find<'d, 'a>(directives: &'d [Directive<'a>], name: &str) -> Option<&'d Directive<'a>> {
    directives.iter().find(|one| one.name.text == name)
}

/// The argument of a directive, if it is given and a string.
fn string(directive: &Directive<'_>, argument: &str) -> Option<Box<str>> {
    let mut arguments = directive.arguments.iter();
    let given = arguments.find(|one| one.name.text == argument)?;
    match &given.value.kind {
        LiteralKind::String(text) => Some(Box::from(&**text)),
        _ => None,
    }
}
