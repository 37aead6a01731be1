//! Syntax tree of an executable document (specification, section 2). Borrows from the text.

use std::{borrow::Cow, fmt};

/// A place in the text. Both numbers begin at 1; columns are UTF-16 units, as in graphql.js.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Position {
    /// Line; `\n`, `\r` and `\r\n` end one.
    pub line: u32,
    /// Column.
    pub column: u32,
}

/// A name and its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Name<'a> {
    /// The name itself.
    pub text: &'a str,
    /// Place of its first character.
    pub at: Position,
}

/// A document: section 2.2.
#[derive(Debug, Default)]
pub struct Document<'a> {
    /// Operations, in the order of the text.
    pub operations: Vec<OperationDefinition<'a>>,
    /// Fragment definitions, in the order of the text.
    pub fragments: Vec<FragmentDefinition<'a>>,
}

/// The type of an operation: section 2.3.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum OperationKind {
    /// A read.
    Query,
    /// A write followed by a read.
    Mutation,
    /// A stream of events.
    Subscription,
}

impl OperationKind {
    /// The keyword of the grammar.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Mutation => "mutation",
            Self::Subscription => "subscription",
        }
    }
}

impl fmt::Display for OperationKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// An operation: section 2.3.
#[derive(Debug)]
pub struct OperationDefinition<'a> {
    /// Place of its first token, the description included.
    pub at: Position,
    /// Query, mutation or subscription.
    pub kind: OperationKind,
    /// Absent from an anonymous operation.
    pub name: Option<Name<'a>>,
    /// Declared variables.
    pub variables: Vec<VariableSyntax<'a>>,
    /// Directives of the operation.
    pub directives: Vec<Directive<'a>>,
    /// Fields of the root type.
    pub selection_set: SelectionSet<'a>,
}

/// A variable definition: section 2.10.
#[derive(Debug)]
pub struct VariableSyntax<'a> {
    /// The name, without `$`; its place is that of the `$`.
    pub name: Name<'a>,
    /// The declared type.
    pub ty: TypeSyntax<'a>,
    /// The default value, a constant.
    pub default: Option<Literal<'a>>,
    /// Directives of the variable.
    pub directives: Vec<Directive<'a>>,
}

/// A reference to a type: section 2.11.
#[derive(Debug)]
pub enum TypeSyntax<'a> {
    /// `T`
    Named(Name<'a>),
    /// `[T]`
    List(Box<TypeSyntax<'a>>),
    /// `T!`
    NonNull(Box<TypeSyntax<'a>>),
}

impl<'a> TypeSyntax<'a> {
    /// True if null is no value of the type.
    pub fn is_non_null(&self) -> bool {
        matches!(self, Self::NonNull(_))
    }

    /// The name inside of all wrappers.
    pub fn name(&self) -> Name<'a> {
        match self {
            Self::Named(name) => *name,
            Self::List(inner) | Self::NonNull(inner) => inner.name(),
        }
    }
}

/// A fragment definition: section 2.8.
#[derive(Debug)]
pub struct FragmentDefinition<'a> {
    /// Place of its first token, the description included.
    pub at: Position,
    /// The fragment's name.
    pub name: Name<'a>,
    /// The type condition.
    pub on: Name<'a>,
    /// Directives of the definition.
    pub directives: Vec<Directive<'a>>,
    /// Fields of the type condition.
    pub selection_set: SelectionSet<'a>,
}

/// A selection set, which may be empty: section 2.4.
#[derive(Debug)]
pub struct SelectionSet<'a> {
    /// Place of the `{`.
    pub at: Position,
    /// Selections, in the order of the text.
    pub items: Vec<Selection<'a>>,
}

/// A selection: section 2.4.
#[derive(Debug)]
pub enum Selection<'a> {
    /// A field.
    Field(Field<'a>),
    /// `...Name`
    Spread(FragmentSpread<'a>),
    /// `... on Type { }`
    Inline(InlineFragment<'a>),
}

/// A field: section 2.5.
#[derive(Debug)]
pub struct Field<'a> {
    /// The response key, if it differs from the name.
    pub alias: Option<Name<'a>>,
    /// The field's name.
    pub name: Name<'a>,
    /// Arguments.
    pub arguments: Vec<Argument<'a>>,
    /// Directives.
    pub directives: Vec<Directive<'a>>,
    /// Absent from a leaf.
    pub selection_set: Option<SelectionSet<'a>>,
}

impl<'a> Field<'a> {
    /// The response key: the alias, or the name.
    pub fn response_key(&self) -> Name<'a> {
        self.alias.unwrap_or(self.name)
    }
}

/// A fragment spread: section 2.8.
#[derive(Debug)]
pub struct FragmentSpread<'a> {
    /// Place of the `...`.
    pub at: Position,
    /// Name of the fragment.
    pub name: Name<'a>,
    /// Directives.
    pub directives: Vec<Directive<'a>>,
}

/// An inline fragment: section 2.8.2.
#[derive(Debug)]
pub struct InlineFragment<'a> {
    /// Place of the `...`.
    pub at: Position,
    /// The type condition, if it has one.
    pub on: Option<Name<'a>>,
    /// Directives.
    pub directives: Vec<Directive<'a>>,
    /// Its selections.
    pub selection_set: SelectionSet<'a>,
}

/// An argument, or a field of an input object: sections 2.6 and 2.9.8.
#[derive(Debug)]
pub struct Argument<'a> {
    /// The name.
    pub name: Name<'a>,
    /// The value.
    pub value: Literal<'a>,
}

/// A directive: section 2.12.
#[derive(Debug)]
pub struct Directive<'a> {
    /// The name, without `@`; its place is that of the `@`.
    pub name: Name<'a>,
    /// Arguments.
    pub arguments: Vec<Argument<'a>>,
}

/// A value as written and its place: section 2.9.
#[derive(Debug)]
pub struct Literal<'a> {
    /// Place of its first character.
    pub at: Position,
    /// The value.
    pub kind: LiteralKind<'a>,
}

/// The forms of a value: section 2.9.
#[derive(Debug)]
pub enum LiteralKind<'a> {
    /// `$name`, without the `$`.
    Variable(&'a str),
    /// Digits as written.
    Int(&'a str),
    /// Digits as written.
    Float(&'a str),
    /// The value of a string, escapes resolved.
    String(Cow<'a, str>),
    /// `true` or `false`
    Boolean(bool),
    /// `null`
    Null,
    /// Any other name.
    Enum(&'a str),
    /// `[ ]`
    List(Vec<Literal<'a>>),
    /// `{ }`; names may repeat until the document is validated.
    Object(Vec<Argument<'a>>),
}
