//! Fields that are written as JSON on the spot: columns, cursors, and objects of these alone.
//!
//! async-graphql makes a future and a value for each field. `tests/shortcuts.rs` leaves this out and compares.

use async_graphql::{
    ObjectType,
    parser::types::{Field, Selection},
};

use crate::json::{self, ToJson};

/// Object some of whose fields can be written on the spot. Objects in lists need it; without methods all their
/// fields are resolved.
#[diagnostic::on_unimplemented(
    note = "an object without columns takes `impl ObjectFields for {Self} {{}}`"
)]
pub trait ObjectFields: ObjectType {
    /// Writes the value of a field. Returns false for a field that needs arguments or a load, or fails: it is
    /// resolved instead, and the caller discards the text.
    fn write(&self, _field: &mut FieldWriter<'_>) -> bool {
        false
    }
}

/// Writer of the value of one field.
pub struct FieldWriter<'a> {
    field: &'a Field,
    json: &'a mut Vec<u8>,
    /// Fields of the nested objects.
    values: usize,
}

impl<'a> FieldWriter<'a> {
    /// Writes a field of the object. Returns the number of fields of nested objects, or `None` if the field
    /// must be resolved.
    pub(crate) fn write<T: ObjectFields>(
        object: &T,
        field: &'a Field,
        json: &'a mut Vec<u8>,
    ) -> Option<usize> {
        let mut writer = Self {
            field,
            json,
            values: 0,
        };
        writer.field_of(object).then_some(writer.values)
    }

    /// Name of the field.
    pub fn name(&self) -> &'a str {
        &self.field.name.node
    }

    /// Writes a scalar or an enum.
    pub fn leaf(&mut self, value: &impl ToJson) -> bool {
        value.write_json(self.json);
        true
    }

    /// Writes an object, if all its selected fields can be written.
    pub fn object<T: ObjectFields>(&mut self, object: &T) -> bool {
        let items = &self.field.selection_set.node.items;
        self.values += items.len();
        self.json.push(b'{');
        for (index, selection) in items.iter().enumerate() {
            let Selection::Field(field) = &selection.node else {
                return false;
            };
            if index > 0 {
                self.json.push(b',');
            }
            json::write_string(&field.node.response_key().node, self.json);
            self.json.push(b':');
            self.field = &field.node;
            if !self.field_of(object) {
                return false;
            }
        }
        self.json.push(b'}');
        true
    }

    fn field_of<T: ObjectFields>(&mut self, object: &T) -> bool {
        if self.name() == "__typename" {
            json::write_string(&T::type_name(), self.json);
            return true;
        }
        object.write(self)
    }
}
