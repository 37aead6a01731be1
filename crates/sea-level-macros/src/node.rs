//! `#[derive(Node)]`.

use heck::{ToLowerCamelCase, ToSnakeCase, ToUpperCamelCase};
use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::{
    DeriveInput, Error, Ident, LitStr, Path, Result, Token, Type, parenthesized,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
};

use crate::{
    object::description,
    row::{decoder, name_of},
};

/// The arguments of `#[node(…)]`.
#[derive(Default)]
struct NodeArguments {
    entity: Option<Path>,
    prefix: Option<LitStr>,
    connection: Option<LitStr>,
    edge: Option<LitStr>,
    filter: Option<Path>,
    order: Option<Path>,
    columns: Vec<Ident>,
    unread: Vec<Ident>,
    references: Vec<ReferenceArgument>,
    sorted_by: Vec<SortedBy>,
}

/// `field: Node = column`.
struct ReferenceArgument {
    field: Ident,
    node: Type,
    column: Ident,
}

impl Parse for ReferenceArgument {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let field = input.parse()?;
        input.parse::<Token![:]>()?;
        let node = input.parse()?;
        input.parse::<Token![=]>()?;
        let column = input.parse()?;
        Ok(Self {
            field,
            node,
            column,
        })
    }
}

/// `column` or `column nulls first`.
struct SortedBy {
    column: Ident,
    nulls_first: bool,
}

impl Parse for SortedBy {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let column = input.parse()?;
        let nulls_first = !input.is_empty() && !input.peek(Token![,]);
        if nulls_first {
            for expected in ["nulls", "first"] {
                let word: Ident = input.parse()?;
                if word != expected {
                    return Err(Error::new_spanned(word, "expected `nulls first`"));
                }
            }
        }
        Ok(Self {
            column,
            nulls_first,
        })
    }
}

fn list<T: Parse>(input: ParseStream<'_>) -> Result<Vec<T>> {
    let inside;
    parenthesized!(inside in input);
    let items = Punctuated::<T, Token![,]>::parse_terminated(&inside)?;
    Ok(items.into_iter().collect())
}

fn value<T: Parse>(input: ParseStream<'_>) -> Result<Option<T>> {
    input.parse::<Token![=]>()?;
    input.parse().map(Some)
}

impl Parse for NodeArguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut arguments = Self::default();
        while !input.is_empty() {
            let name: Ident = input.parse()?;
            match name.to_string().as_str() {
                "entity" => arguments.entity = value(input)?,
                "prefix" => arguments.prefix = value(input)?,
                "connection" => arguments.connection = value(input)?,
                "edge" => arguments.edge = value(input)?,
                "filter" => arguments.filter = value(input)?,
                "order" => arguments.order = value(input)?,
                "columns" => arguments.columns = list(input)?,
                "unread" => arguments.unread = list(input)?,
                "references" => arguments.references = list(input)?,
                "sorted_by" => arguments.sorted_by = list(input)?,
                _ => return Err(Error::new_spanned(name, "unknown argument of `node`")),
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(arguments)
    }
}

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let node = &input.ident;
    let attribute = input
        .attrs
        .iter()
        .find(|attribute| attribute.path().is_ident("node"))
        .ok_or_else(|| Error::new_spanned(node, "`#[node(…)]` is missing"))?;
    let arguments: NodeArguments = attribute.parse_args()?;
    let missing = |name| Error::new_spanned(attribute, format!("`{name}` is missing"));
    let entity = arguments.entity.as_ref().ok_or_else(|| missing("entity"))?;
    let prefix = arguments.prefix.as_ref().ok_or_else(|| missing("prefix"))?;
    let connection = arguments
        .connection
        .as_ref()
        .ok_or_else(|| missing("connection"))?;
    let edge = arguments.edge.as_ref().ok_or_else(|| missing("edge"))?;
    let filter = arguments.filter.as_ref().ok_or_else(|| missing("filter"))?;
    let order = arguments.order.as_ref().ok_or_else(|| missing("order"))?;
    let key = arguments
        .columns
        .first()
        .ok_or_else(|| missing("columns"))?;

    let name = LitStr::new(
        &node.to_string().to_snake_case().replace('_', " "),
        Span::call_site(),
    );
    let description = description(&input.attrs);
    let columns: Vec<&Ident> = arguments.columns.iter().collect();
    let decoder = decoder(node, &quote!(#entity::Model), &columns, &arguments.unread);
    let sort_keys = arguments.sorted_by.iter().map(|sorted| {
        let SortedBy {
            column,
            nulls_first,
        } = sorted;
        let column = format_ident!("{}", name_of(column).to_upper_camel_case());
        let name = column.to_string();
        quote! {
            ::sea_level::SortKey {
                name: #name,
                by: |_| ::sea_level::SortExpr::Column(#entity::Column::#column),
                descending: false,
                nulls_first: #nulls_first,
            }
        }
    });
    let referring = arguments.references.iter().map(|reference| {
        let ReferenceArgument { field, node, .. } = reference;
        let name = name_of(field).to_lower_camel_case();
        quote! {
            #name => self.0.preloaded(|rows| &rows.#field).is_some_and(|row| {
                field.object(&<#node as ::core::convert::From<_>>::from(row))
            }),
        }
    });
    let list = match arguments.references.as_slice() {
        [] => ListRows {
            row: quote!(Self),
            preloaded: quote!(()),
            batch: quote!(rows.into()),
            definitions: TokenStream::new(),
        },
        references => ListRows::with(input, entity, references),
    };
    let ListRows {
        row,
        preloaded,
        batch,
        definitions,
    } = list;

    Ok(quote! {
        impl ::core::convert::From<::sea_level::Record<Self>> for #node {
            fn from(record: ::sea_level::Record<Self>) -> Self {
                Self(record)
            }
        }

        impl #node {
            /// Primary key.
            fn key(&self) -> i64 {
                self.0.key()
            }

            /// Writes the field of a reference whose row was loaded with the list.
            fn write_reference(&self, field: &mut ::sea_level::FieldWriter<'_>) -> bool {
                match field.name() {
                    #(#referring)*
                    _ => false,
                }
            }
        }

        impl ::sea_level::macros::async_graphql::Description for #node {
            fn description() -> &'static str {
                #description
            }
        }

        #decoder

        impl ::sea_level::Node for #node {
            type Entity = #entity::Entity;

            const NAME: &'static str = #name;
            const CONNECTION: &'static str = #connection;
            const EDGE: &'static str = #edge;
            const PREFIX: &'static str = #prefix;
            const ORDER: &'static [::sea_level::SortKey<Self::Entity>] = &[#(#sort_keys),*];
            type Filter = #filter;
            type Order = #order;
            type ListRow = #row;
            type Preloaded = #preloaded;

            fn key(model: &#entity::Model) -> i64 {
                model.#key
            }

            fn batch(
                rows: ::std::vec::Vec<<Self::ListRow as ::sea_level::sql::Row>::Value>,
                columns: ::sea_level::ColumnSet,
            ) -> ::sea_level::RecordBatch<Self> {
                let _ = columns;
                #batch
            }
        }

        #definitions
    })
}

/// Rows of a list: the node's own, or with those that they refer to.
struct ListRows {
    row: TokenStream,
    preloaded: TokenStream,
    batch: TokenStream,
    definitions: TokenStream,
}

impl ListRows {
    fn with(input: &DeriveInput, entity: &Path, references: &[ReferenceArgument]) -> Self {
        let (node, visibility) = (&input.ident, &input.vis);
        let row = format_ident!("{node}ListRow");
        let preloaded = format_ident!("{node}References");
        let row_doc = format!(
            "Row of a list of `{node}` with the rows that it refers to. Columns that are not requested have defaults."
        );
        let preloaded_doc = format!("Rows that a list of `{node}` refers to.");
        let fields: Vec<_> = references
            .iter()
            .map(|reference| &reference.field)
            .collect();
        // Names of their own, which no reference can shadow.
        let parts: Vec<_> = fields
            .iter()
            .map(|field| format_ident!("referenced_{}", name_of(field)))
            .collect();
        let nodes: Vec<_> = references.iter().map(|reference| &reference.node).collect();
        let names = fields
            .iter()
            .map(|field| name_of(field).to_lower_camel_case());
        let columns = references
            .iter()
            .map(|reference| name_of(&reference.column));
        let field_docs = fields.iter().map(|field| {
            format!("Rows of the field `{field}`, if the selection reads more than their keys.")
        });
        Self {
            row: quote!(#row),
            preloaded: quote!(#preloaded),
            batch: quote! {
                let mut requested = columns
                    .referred::<#row>()
                    .map(|(_, requested)| !requested.is_empty());
                let mut next_is_requested = || requested.next().unwrap_or_default();
                #(
                    let mut #parts = next_is_requested()
                        .then(|| ::std::vec::Vec::with_capacity(rows.len()));
                )*
                let mut own = ::std::vec::Vec::with_capacity(rows.len());
                for row in rows {
                    own.push(row.own);
                    #(
                        if let ::core::option::Option::Some(#parts) = &mut #parts {
                            #parts.push(row.#parts);
                        }
                    )*
                }
                ::sea_level::RecordBatch::new(own, #preloaded {
                    #(#fields: #parts.map(|rows| ::std::sync::Arc::new(rows.into())),)*
                })
            },
            definitions: quote! {
                #[doc = #row_doc]
                #visibility struct #row {
                    own: #entity::Model,
                    #(#parts: ::sea_level::node::Model<#nodes>,)*
                }

                #[doc = #preloaded_doc]
                #[derive(Default)]
                #visibility struct #preloaded {
                    #(
                        #[doc = #field_docs]
                        #fields: ::core::option::Option<::std::sync::Arc<::sea_level::RecordBatch<#nodes>>>,
                    )*
                }

                impl ::sea_level::Columns for #row {
                    const COLUMNS: &'static [&'static str] = <#node as ::sea_level::Columns>::COLUMNS;
                    const REFERENCES: &'static [::sea_level::Reference] = &[
                        #(::sea_level::Reference::to::<#nodes>(#names, #columns),)*
                    ];
                }

                impl ::sea_level::sql::Row for #row {
                    type Value = Self;

                    fn read(columns: &mut [::sea_level::sql::Column<'_>]) -> ::core::option::Option<Self> {
                        let (own, rest) = columns
                            .split_at_mut_checked(<Self as ::sea_level::Columns>::COLUMNS.len())?;
                        #(
                            let (#parts, rest) = rest
                                .split_at_mut_checked(<#nodes as ::sea_level::Columns>::COLUMNS.len())?;
                        )*
                        let _ = rest;
                        ::core::option::Option::Some(Self {
                            own: <#node as ::sea_level::sql::Row>::read(own)?,
                            #(#parts: <#nodes as ::sea_level::sql::Row>::read(#parts)?,)*
                        })
                    }

                    fn read_json<'de, A: ::sea_level::macros::SeqAccess<'de>>(
                        array: &mut A,
                        columns: ::sea_level::ColumnSet,
                    ) -> ::core::result::Result<Self, A::Error> {
                        let mut requested = columns.referred::<Self>().map(|(_, columns)| columns);
                        let mut next = || requested.next().unwrap_or_default();
                        ::core::result::Result::Ok(Self {
                            own: <#node as ::sea_level::sql::Row>::read_json(array, columns)?,
                            #(#parts: <#nodes as ::sea_level::sql::Row>::read_json(array, next())?,)*
                        })
                    }
                }
            },
        }
    }
}
