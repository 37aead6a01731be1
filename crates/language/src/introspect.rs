//! Answers introspection (specification, section 4) from the schema model alone.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Map, Value as Json};

use crate::{
    argument::ArgumentValue,
    ast::OperationKind,
    error::{Diagnostic, PathSegment, Stage},
    normalized::{NormalizedField, NormalizedSelectionSet},
    schema::{
        DirectiveDefinition, Documentation, FieldDefinition, InputDefinition, Schema, TypeId,
        TypeKind, TypeRef,
    },
};

/// Returns the value of a root field `__schema`, `__type` or `__typename` as JSON text
/// (specification, section 4). The keys have the order of the selection, which a JSON map would
/// lose.
///
/// `variables` are coerced. The text is `null` for a `__type` whose name the schema does not have,
/// and for any other field. Types and directives come in the order of the SDL, then those that the
/// specification defines. Deprecated definitions are left out unless `includeDeprecated` is true.
///
/// The call recurses as deep as the selection and takes time linear in the answer. Each list inside
/// another multiplies the answer by the size of the schema:
/// [`DocumentLimits::introspection_lists`](crate::DocumentLimits::introspection_lists) bounds the
/// lists, `max_bytes` the text.
///
/// # Errors
///
/// - [`Stage::Limit`] if the text has more than `max_bytes` bytes. The text never grows longer.
/// - [`Stage::Coerce`] if the variable of an argument is null (section 6.4.1).
///
/// The field has no value then: a server answers null for `__type`, and for the whole operation if
/// the field is `__schema`, which is never null.
pub fn introspect(
    schema: &Schema,
    field: &NormalizedField,
    variables: &Map<String, Json>,
    max_bytes: usize,
) -> Result<String, Diagnostic> {
    let mut writer = Writer {
        schema,
        root: field,
        variables,
        max_bytes,
        out: String::new(),
    };
    let value = match &*field.name {
        "__schema" => IntrospectionValue::Object(IntrospectionObject::Schema),
        "__type" => {
            let name = writer.argument(field, "name")?;
            let id = name.as_str().and_then(|name| schema.type_named(name));
            id.map(IntrospectionObject::Type).into()
        }
        "__typename" => IntrospectionValue::Name(&schema.type_at(field.parent).name),
        _ => IntrospectionValue::Null,
    };
    writer.value(value, field)?;
    Ok(writer.out)
}

/// An object of an introspection type.
#[derive(Clone, Copy)]
enum IntrospectionObject<'s> {
    Schema,
    /// A `__Type` with a name.
    Type(TypeId),
    /// A `__Type` that is a list of the type inside.
    List(&'s TypeRef),
    /// A `__Type` that is the type inside without null.
    NonNull(&'s TypeRef),
    Field(&'s FieldDefinition),
    InputValue(&'s str, &'s InputDefinition),
    EnumValue(&'s str, &'s Documentation),
    Directive(&'s str, &'s DirectiveDefinition),
}

/// The value of a field of an introspection type.
enum IntrospectionValue<'s> {
    Null,
    Boolean(bool),
    /// A name, which needs no escapes.
    Name(&'s str),
    Text(&'s str),
    Names(&'s [String]),
    Object(IntrospectionObject<'s>),
    Objects(Vec<IntrospectionObject<'s>>),
}

impl IntrospectionObject<'_> {
    fn is_deprecated(&self) -> bool {
        match self {
            Self::Schema | Self::Type(_) | Self::List(_) | Self::NonNull(_) => false,
            Self::Field(definition) => definition.documentation.is_deprecated(),
            Self::InputValue(_, definition) => definition.documentation.is_deprecated(),
            Self::EnumValue(_, documentation) => documentation.is_deprecated(),
            Self::Directive(_, definition) => definition.documentation.is_deprecated(),
        }
    }
}

impl<'s> From<&'s TypeRef> for IntrospectionObject<'s> {
    fn from(ty: &'s TypeRef) -> Self {
        match ty {
            TypeRef::Named(id) => Self::Type(*id),
            TypeRef::List(inner) => Self::List(inner),
            TypeRef::NonNull(inner) => Self::NonNull(inner),
        }
    }
}

impl<'s> From<Option<IntrospectionObject<'s>>> for IntrospectionValue<'s> {
    fn from(object: Option<IntrospectionObject<'s>>) -> Self {
        object.map_or(Self::Null, Self::Object)
    }
}

impl<'s> From<Option<&'s str>> for IntrospectionValue<'s> {
    fn from(text: Option<&'s str>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

/// Writes the answer of one root field.
struct Writer<'a> {
    schema: &'a Schema,
    root: &'a NormalizedField,
    variables: &'a Map<String, Json>,
    max_bytes: usize,
    out: String,
}

impl<'a> Writer<'a> {
    fn push(&mut self, text: &str) -> Result<(), Diagnostic> {
        if text.len() > self.max_bytes - self.out.len() {
            let (key, most) = (self.root.response_key(), self.max_bytes as u64);
            let message = format!("The answer of \"{key}\" has more than {most} bytes.");
            let count = most.saturating_add(1);
            let mut error = Diagnostic::limit("max_bytes", most, count, message, self.root.at);
            error.path = vec![PathSegment::Name(key.to_string())];
            return Err(error);
        }
        self.out.push_str(text);
        Ok(())
    }

    fn name(&mut self, name: &str) -> Result<(), Diagnostic> {
        self.push("\"")?;
        self.push(name)?;
        self.push("\"")
    }

    fn value(
        &mut self,
        value: IntrospectionValue<'a>,
        field: &'a NormalizedField,
    ) -> Result<(), Diagnostic> {
        match value {
            IntrospectionValue::Null => self.push("null"),
            IntrospectionValue::Boolean(true) => self.push("true"),
            IntrospectionValue::Boolean(false) => self.push("false"),
            IntrospectionValue::Name(name) => self.name(name),
            IntrospectionValue::Text(text) => self.push(&Json::from(text).to_string()),
            IntrospectionValue::Names(names) => self.list(names, |writer, name| writer.name(name)),
            IntrospectionValue::Object(object) => self.object(object, field),
            IntrospectionValue::Objects(objects) => {
                self.list(&objects, |writer, object| writer.object(*object, field))
            }
        }
    }

    fn list<T>(
        &mut self,
        items: &[T],
        mut write: impl FnMut(&mut Self, &T) -> Result<(), Diagnostic>,
    ) -> Result<(), Diagnostic> {
        self.push("[")?;
        for (number, item) in items.iter().enumerate() {
            self.push(if number > 0 { "," } else { "" })?;
            write(self, item)?;
        }
        self.push("]")
    }

    /// Writes the fields that `parent` selects. The introspection types are objects, so that their
    /// selection sets have one branch.
    fn object(
        &mut self,
        object: IntrospectionObject<'a>,
        parent: &'a NormalizedField,
    ) -> Result<(), Diagnostic> {
        let branches = |set: &'a NormalizedSelectionSet| &set.branches;
        let branches = parent.selection_set.iter().flat_map(branches);
        self.push("{")?;
        for (number, field) in branches.flat_map(|branch| &branch.fields).enumerate() {
            self.push(if number > 0 { "," } else { "" })?;
            self.name(field.response_key())?;
            self.push(":")?;
            let value = self.resolve(object, field)?;
            self.value(value, field)?;
        }
        self.push("}")
    }

    /// The value of a field. Null for one that only the schema's own definition of an introspection
    /// type has.
    fn resolve(
        &self,
        object: IntrospectionObject<'a>,
        field: &NormalizedField,
    ) -> Result<IntrospectionValue<'a>, Diagnostic> {
        if *field.name == *"__typename" {
            let parent = self.schema.type_at(field.parent);
            return Ok(IntrospectionValue::Name(&parent.name));
        }
        match object {
            IntrospectionObject::Schema => self.schema_field(field),
            IntrospectionObject::Type(id) => self.type_field(id, field),
            IntrospectionObject::List(inner) => Ok(wrapper_field("LIST", inner, field)),
            IntrospectionObject::NonNull(inner) => Ok(wrapper_field("NON_NULL", inner, field)),
            IntrospectionObject::Field(definition) => Ok(match &*field.name {
                "args" => self.inputs(&definition.arguments, field)?,
                "type" => IntrospectionValue::Object((&definition.ty).into()),
                _ => documentation_field(&definition.name, &definition.documentation, field),
            }),
            IntrospectionObject::InputValue(name, definition) => Ok(match &*field.name {
                "type" => IntrospectionValue::Object((&definition.ty).into()),
                "defaultValue" => definition.default_literal.as_deref().into(),
                _ => documentation_field(name, &definition.documentation, field),
            }),
            IntrospectionObject::EnumValue(name, documentation) => {
                Ok(documentation_field(name, documentation, field))
            }
            IntrospectionObject::Directive(name, definition) => Ok(match &*field.name {
                "args" => self.inputs(&definition.arguments, field)?,
                "isRepeatable" => IntrospectionValue::Boolean(definition.is_repeatable),
                "locations" => IntrospectionValue::Names(&definition.locations),
                _ => documentation_field(name, &definition.documentation, field),
            }),
        }
    }

    /// A field of `__Schema`: section 4.2.1.
    fn schema_field(&self, field: &NormalizedField) -> Result<IntrospectionValue<'a>, Diagnostic> {
        let root = |kind| {
            let id = self.schema.root(kind);
            id.map(IntrospectionObject::Type).into()
        };
        Ok(match &*field.name {
            "description" => self.schema.description().into(),
            "types" => {
                let types = self.schema.types().map(IntrospectionObject::Type);
                IntrospectionValue::Objects(types.collect())
            }
            "queryType" => root(OperationKind::Query),
            "mutationType" => root(OperationKind::Mutation),
            "subscriptionType" => root(OperationKind::Subscription),
            "directives" => {
                let directives = self.schema.directives();
                let directives =
                    directives.map(|(name, one)| IntrospectionObject::Directive(name, one));
                self.listed(directives, field)?
            }
            _ => IntrospectionValue::Null,
        })
    }

    /// A field of a `__Type` with a name: section 4.2.2. Null where the kind of the type has no
    /// such field.
    fn type_field(
        &self,
        id: TypeId,
        field: &NormalizedField,
    ) -> Result<IntrospectionValue<'a>, Diagnostic> {
        let definition = self.schema.type_at(id);
        let kind = definition.kind;
        let has_fields = matches!(kind, TypeKind::Object | TypeKind::Interface);
        let types = |ids: &[TypeId]| {
            let types = ids.iter().copied().map(IntrospectionObject::Type);
            IntrospectionValue::Objects(types.collect())
        };
        Ok(match &*field.name {
            "kind" => IntrospectionValue::Name(kind_name(kind)),
            "name" => IntrospectionValue::Name(&definition.name),
            "description" => definition.description.as_deref().into(),
            "specifiedByURL" => definition.specified_by_url.as_deref().into(),
            "fields" if has_fields => {
                let fields = definition.fields.values();
                self.listed(fields.map(IntrospectionObject::Field), field)?
            }
            "interfaces" if has_fields => types(&definition.interfaces),
            "possibleTypes" if kind == TypeKind::Interface => types(&definition.possible_types),
            "possibleTypes" if kind == TypeKind::Union => types(&definition.members),
            "enumValues" if kind == TypeKind::Enum => {
                let values = definition.values.iter();
                let values = values.map(|(name, one)| IntrospectionObject::EnumValue(name, one));
                self.listed(values, field)?
            }
            "inputFields" if kind == TypeKind::InputObject => {
                self.inputs(&definition.input_fields, field)?
            }
            "isOneOf" if kind == TypeKind::InputObject => {
                IntrospectionValue::Boolean(definition.is_one_of)
            }
            _ => IntrospectionValue::Null,
        })
    }

    /// Arguments, or fields of an input object.
    fn inputs(
        &self,
        inputs: &'a IndexMap<Arc<str>, InputDefinition>,
        field: &NormalizedField,
    ) -> Result<IntrospectionValue<'a>, Diagnostic> {
        let inputs = inputs.iter();
        let inputs = inputs.map(|(name, one)| IntrospectionObject::InputValue(name, one));
        self.listed(inputs, field)
    }

    /// The list without deprecated definitions, unless `includeDeprecated` is true.
    fn listed(
        &self,
        objects: impl Iterator<Item = IntrospectionObject<'a>>,
        field: &NormalizedField,
    ) -> Result<IntrospectionValue<'a>, Diagnostic> {
        let is_complete = self.argument(field, "includeDeprecated")? == Json::Bool(true);
        let objects = objects.filter(|object| is_complete || !object.is_deprecated());
        Ok(IntrospectionValue::Objects(objects.collect()))
    }

    /// The value of an argument; null if it is not given. A variable may be null where the argument
    /// may not, because the argument or the variable has a default: section 5.8.5.
    fn argument(&self, field: &NormalizedField, name: &str) -> Result<Json, Diagnostic> {
        let mut arguments = field.arguments.iter();
        let Some(argument) = arguments.find(|one| *one.name == *name) else {
            return Ok(Json::Null);
        };
        let ArgumentValue::Variable(variable) = &argument.value else {
            return Ok(argument.value.clone().into_json());
        };
        let value = self.variables.get(&**variable).cloned();
        let value = value.unwrap_or_default();
        let definition = self.schema.field(field.parent, &field.name);
        match definition.and_then(|definition| definition.arguments.get(name)) {
            Some(InputDefinition { ty, .. }) if value.is_null() && ty.is_non_null() => {
                let ty = self.schema.display(ty);
                let message = format!(
                    "Variable \"${variable}\" has invalid value: Expected value of non-null type \"{ty}\" not to be null."
                );
                let mut error = Diagnostic::new(Stage::Coerce, message, argument.at);
                error.path = vec![PathSegment::Name(variable.to_string())];
                Err(error)
            }
            _ => Ok(value),
        }
    }
}

/// A field of a `__Type` that wraps another: section 4.2.2.
fn wrapper_field<'s>(
    kind: &'static str,
    inner: &'s TypeRef,
    field: &NormalizedField,
) -> IntrospectionValue<'s> {
    match &*field.name {
        "kind" => IntrospectionValue::Name(kind),
        "ofType" => IntrospectionValue::Object(inner.into()),
        _ => IntrospectionValue::Null,
    }
}

/// A field that `__Field`, `__InputValue`, `__EnumValue` and `__Directive` have in common.
fn documentation_field<'s>(
    name: &'s str,
    documentation: &'s Documentation,
    field: &NormalizedField,
) -> IntrospectionValue<'s> {
    match &*field.name {
        "name" => IntrospectionValue::Name(name),
        "description" => documentation.description().into(),
        "isDeprecated" => IntrospectionValue::Boolean(documentation.is_deprecated()),
        "deprecationReason" => documentation.deprecation_reason().into(),
        _ => IntrospectionValue::Null,
    }
}

/// The value of `__TypeKind`.
fn kind_name(kind: TypeKind) -> &'static str {
    match kind {
        TypeKind::Scalar => "SCALAR",
        TypeKind::Object => "OBJECT",
        TypeKind::Interface => "INTERFACE",
        TypeKind::Union => "UNION",
        TypeKind::Enum => "ENUM",
        TypeKind::InputObject => "INPUT_OBJECT",
    }
}
