//! How many objects an operation can return at most.
//!
//! Each item of a list counts one, an edge and its node together; a single thing counts one;
//! connections, `pageInfo`, payloads and introspection count nothing. Page sizes multiply down the
//! tree. The rules follow from the schema's types, so a new field needs no entry here.

use std::cell::Cell;

use async_graphql::Variables;
use language::{
    ArgumentValue, Diagnostic, DocumentLimits, FieldCost, FieldDefinition, Measurement,
    NormalizedField, NormalizedOperation, Schema, TypeRef, measure,
};

use crate::limits::{DEFAULT_PAGE, LARGEST_PAGE};

/// The longest list that has no size of its own to be given.
const SHORT_LIST: u64 = 100;

/// Cost of the fields of one operation with these variables.
struct Costs<'a> {
    schema: &'a Schema,
    variables: &'a Variables,
    /// True once the value of a variable was looked up.
    varies: Cell<bool>,
}

/// Measures an operation. Also returns whether its cost depends on variables.
pub(super) fn cost(
    schema: &Schema,
    operation: &NormalizedOperation,
    variables: &Variables,
    limits: &DocumentLimits,
) -> (Result<Measurement, Diagnostic>, bool) {
    let costs = Costs {
        schema,
        variables,
        varies: Cell::new(false),
    };
    let model = |path: &[&NormalizedField]| costs.of(path);
    let measured = measure(schema, operation, &model, limits);
    (measured, costs.varies.get())
}

impl Costs<'_> {
    fn of(&self, path: &[&NormalizedField]) -> FieldCost {
        let nothing = FieldCost {
            objects: 0,
            items: 1,
        };
        let each = |items| FieldCost {
            objects: items,
            items,
        };
        let [above @ .., field] = path else {
            return nothing;
        };
        let type_name = |id| &*self.schema.type_at(id).name;
        let (parent, below) = (type_name(field.parent), type_name(field.base));
        let Some(definition) = self.schema.field(field.parent, &field.name) else {
            return nothing;
        };
        if below.starts_with("__") {
            nothing
        } else if parent.ends_with("Connection") && matches!(&*field.name, "edges" | "nodes") {
            each(above.last().map_or(0, |connection| self.page(connection)))
        } else if is_list(&definition.ty) {
            each(self.list(field, definition))
        } else if below.ends_with("Connection")
            || below == "PageInfo"
            || below.ends_with("Payload")
            || parent.ends_with("Edge") && &*field.name == "node"
        {
            nothing
        } else {
            each(1)
        }
    }

    /// The size of a connection's page. One larger than the largest is refused when it runs, with
    /// better words.
    fn page(&self, connection: &NormalizedField) -> u64 {
        let given = self.size(connection, "first");
        let given = given.or_else(|| self.size(connection, "last"));
        let largest = u64::from(LARGEST_PAGE.unsigned_abs());
        given.map_or_else(
            || {
                let definition = self.schema.field(connection.parent, &connection.name);
                definition.and_then(default_size).unwrap_or(DEFAULT_PAGE)
            },
            |size| size.min(largest),
        )
    }

    fn list(&self, field: &NormalizedField, definition: &FieldDefinition) -> u64 {
        // One object for each id.
        let ids = || match field.argument("ids")? {
            ArgumentValue::List(ids) => Some(ids.len() as u64),
            ArgumentValue::Variable(name) => match self.variable(name)? {
                async_graphql::Value::List(ids) => Some(ids.len() as u64),
                _ => Some(1),
            },
            _ => Some(1),
        };
        self.size(field, "first")
            .map(|first| first.min(SHORT_LIST))
            .or_else(ids)
            .or_else(|| default_size(definition))
            .unwrap_or(SHORT_LIST)
    }

    /// The number that an argument gives. A negative one is refused when it runs.
    fn size(&self, field: &NormalizedField, argument: &str) -> Option<u64> {
        let number = match field.argument(argument)? {
            ArgumentValue::Number(number) => number,
            ArgumentValue::Variable(name) => match self.variable(name)? {
                async_graphql::Value::Number(number) => number,
                _ => return None,
            },
            _ => return None,
        };
        number
            .as_i64()
            .map(|number| u64::try_from(number).unwrap_or(0))
    }

    fn variable(&self, name: &str) -> Option<&async_graphql::Value> {
        self.varies.set(true);
        self.variables.get(name)
    }
}

fn default_size(field: &FieldDefinition) -> Option<u64> {
    field.arguments.get("first")?.default.as_ref()?.as_u64()
}

fn is_list(ty: &TypeRef) -> bool {
    matches!(ty.nullable(), TypeRef::List(_))
}
