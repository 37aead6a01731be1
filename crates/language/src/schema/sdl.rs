//! Builds a [`Schema`] from SDL: the definitions are parsed by name, extensions appended, and
//! then all names resolved to numbers.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use indexmap::{IndexMap, IndexSet};
use serde_json::Value as Json;

use super::{
    BuiltInScalar, DirectiveDefinition, FieldDefinition, InputDefinition, Schema, TypeDefinition,
    TypeId, TypeKind, TypeRef,
};
use crate::{
    ast::{Literal, Name, OperationKind, Position, TypeSyntax},
    error::{Diagnostic, Stage},
    limits::DocumentLimits,
    literal::ArgumentValue,
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

pub(super) fn parse(sdl: &str) -> Parsed<Schema> {
    let mut definitions = Definitions::default();
    definitions.read(sdl, false)?;
    definitions.read(INTROSPECTION, true)?;
    definitions.resolve()
}

fn fail<T>(message: String, at: Position) -> Parsed<T> {
    Err(Diagnostic::new(Stage::Schema, message, at))
}

/// A named type whose references are not resolved.
struct TypeSource<'a> {
    kind: TypeKind,
    fields: Vec<FieldSource<'a>>,
    inputs: Vec<InputSource<'a>>,
    values: Vec<Name<'a>>,
    interfaces: Vec<Name<'a>>,
    members: Vec<Name<'a>>,
    is_one_of: bool,
}

struct FieldSource<'a> {
    name: Name<'a>,
    ty: TypeSyntax<'a>,
    arguments: Vec<InputSource<'a>>,
}

struct InputSource<'a> {
    name: Name<'a>,
    ty: TypeSyntax<'a>,
    default: Option<Literal<'a>>,
}

struct DirectiveSource<'a> {
    arguments: Vec<InputSource<'a>>,
    locations: Vec<String>,
    is_repeatable: bool,
}

#[derive(Default)]
struct Definitions<'a> {
    types: IndexMap<&'a str, TypeSource<'a>>,
    extensions: Vec<(Name<'a>, TypeSource<'a>)>,
    directives: IndexMap<&'a str, DirectiveSource<'a>>,
    roots: Vec<(OperationKind, Name<'a>)>,
    has_schema: bool,
}

impl<'a> Definitions<'a> {
    /// Reads all definitions of a text. Those of the introspection schema give way to those that
    /// have been read before.
    fn read(&mut self, text: &'a str, is_built_in: bool) -> Parsed<()> {
        let mut parser = Parser::new(text, &LIMITS)?;
        while !parser.is_end() {
            parser.description()?;
            let is_extension = parser.skip_keyword("extend")?;
            let Some(keyword) = parser.keyword() else {
                return parser.unexpected();
            };
            match keyword {
                "schema" => {
                    parser.advance()?;
                    self.has_schema |= !is_extension;
                    parser.directives(false)?;
                    let roots = parser.bracketed(b'{', b'}', root)?;
                    self.roots.extend(roots);
                }
                "directive" => {
                    parser.advance()?;
                    parser.expect(b'@')?;
                    let name = parser.name()?;
                    if is_extension {
                        parser.directives(false)?;
                        continue;
                    }
                    let directive = directive(&mut parser)?;
                    let is_duplicate = self.directives.contains_key(name.text);
                    if !is_duplicate {
                        self.directives.insert(name.text, directive);
                    } else if !is_built_in {
                        return fail(format!("Two directives \"@{}\".", name.text), name.at);
                    }
                }
                _ => {
                    let (name, source) = type_definition(&mut parser, keyword)?;
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

    fn resolve(mut self) -> Parsed<Schema> {
        for (name, extension) in std::mem::take(&mut self.extensions) {
            match self.types.get_mut(name.text) {
                Some(source) if source.kind == extension.kind => {
                    source.fields.extend(extension.fields);
                    source.inputs.extend(extension.inputs);
                    source.values.extend(extension.values);
                    source.interfaces.extend(extension.interfaces);
                    source.members.extend(extension.members);
                    source.is_one_of |= extension.is_one_of;
                }
                _ => {
                    let message = format!("Cannot extend \"{}\", which is not defined.", name.text);
                    return fail(message, name.at);
                }
            }
        }
        let roots = std::mem::take(&mut self.roots);
        let resolver = Resolver {
            kinds: self.types.values().map(|source| source.kind).collect(),
            ids: (0..)
                .zip(self.types.keys())
                .map(|(number, name)| (Arc::from(*name), TypeId(number)))
                .collect(),
        };
        let mut types = Vec::with_capacity(self.types.len());
        for (name, source) in &self.types {
            types.push(resolver.type_definition(name, source)?);
        }
        // Objects are possible types of their interfaces and of the unions that list them.
        for number in 0..types.len() {
            if types[number].kind == TypeKind::Object {
                for interface in types[number].interfaces.clone() {
                    types[interface.0 as usize]
                        .possible_types
                        .push(TypeId(number as u32));
                }
            }
        }
        for definition in &mut types {
            definition.possible_types.sort_unstable();
            definition.possible_types.dedup();
        }
        let mut directives = IndexMap::new();
        for (name, source) in std::mem::take(&mut self.directives) {
            let directive = DirectiveDefinition {
                locations: source.locations,
                arguments: resolver.inputs(&source.arguments)?,
                is_repeatable: source.is_repeatable,
            };
            directives.insert(Arc::from(name), directive);
        }
        let root = |kind: OperationKind, default: &str| {
            let named = roots.iter().find(|(of, _)| *of == kind);
            match named {
                Some((_, name)) => resolver.id(*name).map(Some),
                None if self.has_schema => Ok(None),
                None => Ok(resolver.ids.get(default).copied()),
            }
        };
        let Some(query) = root(OperationKind::Query, "Query")? else {
            return fail(
                "The schema has no query type.".to_owned(),
                Position::default(),
            );
        };
        let (mutation, subscription) = (
            root(OperationKind::Mutation, "Mutation")?,
            root(OperationKind::Subscription, "Subscription")?,
        );
        let meta_fields = resolver.meta_fields()?;
        let mut ids = resolver.ids;
        // A schema does not have the built-in scalars that it does not use: section 3.5.
        let used = used_types(&types, &directives);
        ids.retain(|_, id| types[id.0 as usize].built_in.is_none() || used.contains(id));
        Ok(Schema {
            query,
            mutation,
            subscription,
            meta_fields,
            types,
            ids,
            directives,
        })
    }
}

fn used_types(
    types: &[TypeDefinition],
    directives: &IndexMap<Arc<str>, DirectiveDefinition>,
) -> HashSet<TypeId> {
    let mut used = HashSet::new();
    for definition in types {
        for field in definition.fields.values() {
            used.insert(field.ty.base());
            used.extend(field.arguments.values().map(|input| input.ty.base()));
        }
        used.extend(
            definition
                .input_fields
                .values()
                .map(|input| input.ty.base()),
        );
    }
    for directive in directives.values() {
        used.extend(directive.arguments.values().map(|input| input.ty.base()));
    }
    used
}

/// The names of all types, before the types themselves are built.
struct Resolver {
    ids: HashMap<Arc<str>, TypeId>,
    kinds: Vec<TypeKind>,
}

impl Resolver {
    fn id(&self, name: Name<'_>) -> Parsed<TypeId> {
        match self.ids.get(name.text) {
            Some(id) => Ok(*id),
            None => fail(format!("Unknown type \"{}\".", name.text), name.at),
        }
    }

    fn ids(&self, names: &[Name<'_>]) -> Parsed<Vec<TypeId>> {
        names.iter().map(|name| self.id(*name)).collect()
    }

    fn type_ref(&self, ty: &TypeSyntax<'_>) -> Parsed<TypeRef> {
        Ok(match ty {
            TypeSyntax::Named(name) => TypeRef::Named(self.id(*name)?),
            TypeSyntax::List(inner) => TypeRef::List(Box::new(self.type_ref(inner)?)),
            TypeSyntax::NonNull(inner) => TypeRef::NonNull(Box::new(self.type_ref(inner)?)),
        })
    }

    fn type_definition(&self, name: &str, source: &TypeSource<'_>) -> Parsed<TypeDefinition> {
        let mut fields = IndexMap::new();
        for field in &source.fields {
            let definition = FieldDefinition {
                name: Arc::from(field.name.text),
                ty: self.type_ref(&field.ty)?,
                arguments: self.inputs(&field.arguments)?,
            };
            let key = Arc::clone(&definition.name);
            if fields.insert(key, definition).is_some() {
                let message = format!("Field \"{name}.{}\" is defined twice.", field.name.text);
                return fail(message, field.name.at);
            }
        }
        let possible_types = match source.kind {
            TypeKind::Object => self.ids.get(name).copied().into_iter().collect(),
            _ => self.ids(&source.members)?,
        };
        let values: IndexSet<Arc<str>> = source
            .values
            .iter()
            .map(|name| Arc::from(name.text))
            .collect();
        Ok(TypeDefinition {
            name: Arc::from(name),
            kind: source.kind,
            fields,
            input_fields: self.inputs(&source.inputs)?,
            values,
            interfaces: self.ids(&source.interfaces)?,
            possible_types,
            is_one_of: source.is_one_of,
            built_in: match name {
                "Int" => Some(BuiltInScalar::Int),
                "Float" => Some(BuiltInScalar::Float),
                "String" => Some(BuiltInScalar::String),
                "Boolean" => Some(BuiltInScalar::Boolean),
                "ID" => Some(BuiltInScalar::Id),
                _ => None,
            },
            check: None,
        })
    }

    fn inputs(&self, sources: &[InputSource<'_>]) -> Parsed<IndexMap<Arc<str>, InputDefinition>> {
        let mut inputs = IndexMap::new();
        for source in sources {
            let definition = InputDefinition {
                ty: self.type_ref(&source.ty)?,
                default: source.default.as_ref().map(constant),
            };
            let name = source.name;
            if self.kinds[definition.ty.base().0 as usize].is_output_only() {
                let message = format!("\"{}\" does not have an input type.", name.text);
                return fail(message, name.at);
            }
            if inputs.insert(Arc::from(name.text), definition).is_some() {
                return fail(format!("\"{}\" is defined twice.", name.text), name.at);
            }
        }
        Ok(inputs)
    }

    fn meta_fields(&self) -> Parsed<[FieldDefinition; 3]> {
        let named = |text| {
            let at = Position::default();
            self.id(Name { text, at }).map(TypeRef::Named)
        };
        let string = TypeRef::NonNull(Box::new(named("String")?));
        let name = InputDefinition {
            ty: string.clone(),
            default: None,
        };
        let field = |name: &str, ty, arguments| FieldDefinition {
            name: Arc::from(name),
            ty,
            arguments,
        };
        Ok([
            field("__typename", string, IndexMap::new()),
            field(
                "__schema",
                TypeRef::NonNull(Box::new(named("__Schema")?)),
                IndexMap::new(),
            ),
            field(
                "__type",
                named("__Type")?,
                [(Arc::from("name"), name)].into(),
            ),
        ])
    }
}

impl TypeKind {
    fn is_output_only(self) -> bool {
        matches!(self, Self::Object | Self::Interface | Self::Union)
    }
}

/// A default value as JSON. Its types are checked when it is used.
fn constant(literal: &Literal<'_>) -> Json {
    ArgumentValue::untyped(literal).into_json()
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

fn directive<'a>(parser: &mut Parser<'a>) -> Parsed<DirectiveSource<'a>> {
    let arguments = parser.bracketed(b'(', b')', input)?;
    parser.directives(false)?;
    let is_repeatable = parser.skip_keyword("repeatable")?;
    parser.expect_keyword("on")?;
    let locations = separated(parser, b'|')?;
    Ok(DirectiveSource {
        arguments,
        locations: locations.iter().map(|name| name.text.to_owned()).collect(),
        is_repeatable,
    })
}

fn type_definition<'a>(
    parser: &mut Parser<'a>,
    keyword: &str,
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
    };
    if parser.skip_keyword("implements")? {
        source.interfaces = separated(parser, b'&')?;
    }
    let directives = parser.directives(false)?;
    source.is_one_of = directives.iter().any(|one| one.name.text == "oneOf");
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
    parser.description()?;
    let name = parser.name()?;
    let arguments = parser.bracketed(b'(', b')', input)?;
    parser.expect(b':')?;
    let ty = parser.type_reference()?;
    parser.directives(false)?;
    Ok(FieldSource {
        name,
        ty,
        arguments,
    })
}

fn input<'a>(parser: &mut Parser<'a>) -> Parsed<InputSource<'a>> {
    parser.description()?;
    let name = parser.name()?;
    parser.expect(b':')?;
    let ty = parser.type_reference()?;
    let default = match parser.skip(b'=')? {
        true => Some(parser.literal(false)?),
        false => None,
    };
    parser.directives(false)?;
    Ok(InputSource { name, ty, default })
}

fn enum_value<'a>(parser: &mut Parser<'a>) -> Parsed<Name<'a>> {
    parser.description()?;
    let name = parser.name()?;
    if matches!(name.text, "true" | "false" | "null") {
        let message = format!(
            "Name \"{}\" is reserved and cannot be used for an enum value.",
            name.text
        );
        return Err(Diagnostic::syntax(message, name.at));
    }
    parser.directives(false)?;
    Ok(name)
}
