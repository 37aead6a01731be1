//! Derives and attributes of `sea-level`, which exports them. See there for a whole example:
//! `crates/sea-level/tests/library`.

use proc_macro::TokenStream;
use syn::parse_macro_input;

mod filter;
mod node;
mod object;
mod order;
mod row;

/// Derives the decoding of a row for a struct whose columns have the names of its fields.
#[proc_macro_derive(Row)]
pub fn derive_row(input: TokenStream) -> TokenStream {
    row::expand(&parse_macro_input!(input))
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Derives `Node` for a tuple struct of a `Record`: the GraphQL object of an entity.
///
/// | argument of `#[node(…)]` | meaning |
/// | --- | --- |
/// | `entity = employee` | Module of the SeaORM entity. |
/// | `columns(id, name)` | Fields of its model, in any order, the primary key first. |
/// | `unread(employee_name)` | Fields of its model that are never read from the database. |
/// | `references(employee: Employee = employee_id)` | Fields of the object that are rows of other nodes, with their foreign keys. A list loads them with its rows, into `self.0`. |
/// | `prefix = "emp_"` | Prefix of public ids. |
/// | `sorted_by(name)` | Columns of the default order below a parent. `sorted_by(start nulls first)` places nulls first. |
/// | `filter = EmployeeFilter`, `order = EmployeeOrder` | Inputs of its connections. |
/// | `connection = "…"`, `edge = "…"` | Descriptions of its connection and edge types. |
///
/// The documentation of the struct is the description of the object.
#[proc_macro_derive(Node, attributes(node))]
pub fn derive_node(input: TokenStream) -> TokenStream {
    node::expand(&parse_macro_input!(input))
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Defines the fields of an object. async-graphql's `Object` attribute, and three attributes of methods:
///
/// | attribute | meaning |
/// | --- | --- |
/// | `#[column]` | The field reads the column of its name. |
/// | `#[reads(id, name)]` | The field reads these columns. Any other field reads the whole row. |
/// | `#[connection(filter = "…", order = "…")]` | The field is a connection. The method returns its `Source`; the texts describe the arguments `where` and `orderBy`. `link = L` names the link, `through = "…"` adds the argument with the link's filter. |
///
/// `#[object(root)]` is for roots, which have no row. The description of the object is that of the type.
#[proc_macro_attribute]
pub fn object(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let root = parse_macro_input!(arguments as Option<syn::Ident>);
    if let Some(other) = root.as_ref().filter(|root| *root != "root") {
        return syn::Error::new_spanned(other, "expected `root` or nothing")
            .into_compile_error()
            .into();
    }
    object::expand(root.is_some(), parse_macro_input!(item))
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Defines the filter of an entity: `#[filter(of = Employee)]` on a struct whose fields are conditions.
///
/// `and`, `or`, `not` and `ids` are added. Each field is optional in the schema.
///
/// | attribute | meaning |
/// | --- | --- |
/// | none | Condition on the column of the field's name. |
/// | `#[many]` | Condition on the rows that SeaORM's `Related` links; the type is a `ListFilter`. |
/// | `#[one(employee_id)]` | Condition on the row that this foreign key refers to; the type is a filter in a `Box`. |
/// | `#[condition(function)]` | The function builds the condition. |
#[proc_macro_attribute]
pub fn filter(arguments: TokenStream, item: TokenStream) -> TokenStream {
    filter::expand(parse_macro_input!(arguments), parse_macro_input!(item))
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Defines the order of an entity's lists: `#[order(EmployeeOrder, of = Employee, description = "…")]` on
/// the enum of the fields to sort by. The input object has the name that comes first.
///
/// A variant sorts by the column of its name; `#[by(expression)]` on a variant gives a function from
/// the condition of `through` to a `SortExpr` instead. `nulls = "…"` adds the field `nulls` with this
/// description.
#[proc_macro_attribute]
pub fn order(arguments: TokenStream, item: TokenStream) -> TokenStream {
    order::expand(parse_macro_input!(arguments), parse_macro_input!(item))
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
