//! Builds a [`Schema`] from parsed definitions: extensions are appended, and then all names
//! resolved to numbers.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use indexmap::IndexMap;

use super::{
    BuiltInScalar, DirectiveDefinition, Documentation, FieldDefinition, InputDefinition, Schema,
    TypeDefinition, TypeId, TypeKind, TypeRef,
    sdl::{Definitions, InputSource, TypeSource, fail},
};
use crate::{
    ast::{Name, OperationKind, Position, TypeSyntax},
    literal,
    parser::Parsed,
};

impl Definitions<'_> {
    pub(super) fn resolve(mut self) -> Parsed<Schema> {
        for (name, extension) in std::mem::take(&mut self.extensions) {
            match self.types.get_mut(name.text) {
                Some(source) if source.kind == extension.kind => {
                    source.fields.extend(extension.fields);
                    source.inputs.extend(extension.inputs);
                    source.values.extend(extension.values);
                    source.interfaces.extend(extension.interfaces);
                    source.members.extend(extension.members);
                    source.is_one_of |= extension.is_one_of;
                    if extension.specified_by_url.is_some() {
                        source.specified_by_url = extension.specified_by_url;
                    }
                }
                _ => {
                    let message = format!("Cannot extend \"{}\", which is not defined.", name.text);
                    return fail(message, name.at);
                }
            }
        }
        for (name, reason) in std::mem::take(&mut self.directive_extensions) {
            let Some(source) = self.directives.get_mut(name.text) else {
                let message = format!("Cannot extend \"@{}\", which is not defined.", name.text);
                return fail(message, name.at);
            };
            source.documentation.deprecate(reason);
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
        for (name, source) in std::mem::take(&mut self.types) {
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
                arguments: resolver.inputs(source.arguments)?,
                is_repeatable: source.is_repeatable,
                documentation: source.documentation,
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
            description: self.description,
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

    fn type_definition(&self, name: &str, source: TypeSource<'_>) -> Parsed<TypeDefinition> {
        let mut fields = IndexMap::new();
        for field in source.fields {
            let definition = FieldDefinition {
                name: Arc::from(field.name.text),
                ty: self.type_ref(&field.ty)?,
                arguments: self.inputs(field.arguments)?,
                documentation: field.documentation,
            };
            let key = Arc::clone(&definition.name);
            if fields.insert(key, definition).is_some() {
                let message = format!("Field \"{name}.{}\" is defined twice.", field.name.text);
                return fail(message, field.name.at);
            }
        }
        let members = self.ids(&source.members)?;
        let possible_types = match source.kind {
            TypeKind::Object => self.ids.get(name).copied().into_iter().collect(),
            _ => members.clone(),
        };
        let values = source.values.into_iter();
        let values = values.map(|(name, documentation)| (Arc::from(name.text), documentation));
        Ok(TypeDefinition {
            name: Arc::from(name),
            kind: source.kind,
            fields,
            input_fields: self.inputs(source.inputs)?,
            values: values.collect(),
            interfaces: self.ids(&source.interfaces)?,
            members,
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
            description: source.description,
            specified_by_url: source.specified_by_url,
            check: None,
        })
    }

    fn inputs(&self, sources: Vec<InputSource<'_>>) -> Parsed<IndexMap<Arc<str>, InputDefinition>> {
        let mut inputs = IndexMap::new();
        for source in sources {
            let definition = InputDefinition {
                ty: self.type_ref(&source.ty)?,
                default: source.default.as_ref().map(literal::to_json),
                default_literal: source.default.as_ref().map(literal::print),
                documentation: source.documentation,
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
            default_literal: None,
            documentation: Documentation::default(),
        };
        let field = |name: &str, ty, arguments| FieldDefinition {
            name: Arc::from(name),
            ty,
            arguments,
            documentation: Documentation::default(),
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
