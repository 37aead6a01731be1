//! GraphQL documents, from text to an operation that an engine can execute.
//!
//! The crate knows neither a domain nor an engine: any schema goes in, checked and normalized
//! documents come out. It follows the September 2026 edition of the specification. Everything that
//! a client sends is limited: see [`DocumentLimits`].
//!
//! | stage | function | specification |
//! | --- | --- | --- |
//! | parse | [`parse()`] | section 2 |
//! | validate | [`validate()`] | section 5 |
//! | coerce | [`coerce_variables`] | section 6.1.2 |
//! | normalize | [`normalize()`] | section 6.3.2 |
//! | limit | [`measure()`] | |
//! | introspect | [`introspect()`] | section 4 |
//!
//! [`prepare()`] runs the first four. [`CheckedDocument`] splits them at the places where a server
//! caches. [`introspect()`] answers `__schema` and `__type`; all other fields are the engine's.
//!
//! ```
//! use language::{DocumentLimits, Schema, prepare};
//!
//! let schema = Schema::parse("type Query { hello(name: String = \"you\"): String }")?;
//! let text = "query Hi($me: String) { hello(name: $me) ...F } fragment F on Query { hello(name: $me) }";
//! let variables = serde_json::json!({ "me": "Ada" });
//! let variables = variables.as_object().cloned().unwrap_or_default();
//! let request = prepare(&schema, text, Some("Hi"), variables, &DocumentLimits::DEFAULT)
//!     .map_err(|mut errors| errors.remove(0))?;
//! assert_eq!(request.operation.fields, 1);
//! # Ok::<(), language::Diagnostic>(())
//! ```

mod argument;
pub mod ast;
mod coerce;
mod dependencies;
mod error;
mod introspect;
mod lexer;
mod limits;
mod literal;
mod measure;
mod normalize;
mod normalized;
mod parser;
mod prepare;
mod print;
mod schema;
mod suggestions;
mod validate;

pub use argument::ArgumentValue;
pub use coerce::{VariableDefinition, coerce_variables};
pub use error::{Diagnostic, ExceededLimit, MAX_ERRORS, PathSegment, Stage};
pub use introspect::introspect;
pub use limits::DocumentLimits;
pub use measure::{CostModel, FieldCost, Measurement, measure};
pub use normalize::normalize;
pub use normalized::{
    NormalizedArgument, NormalizedField, NormalizedOperation, NormalizedSelectionSet, TypeBranch,
};
pub use parser::parse;
pub use prepare::{CheckedDocument, PreparedRequest, prepare};
pub use schema::{
    BuiltInScalar, DirectiveDefinition, Documentation, FieldDefinition, InputDefinition,
    ScalarCheck, Schema, TypeDefinition, TypeId, TypeKind, TypeRef,
};
pub use validate::validate;
