//! `#[filter(…)]`.

use heck::{ToLowerCamelCase, ToUpperCamelCase};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{
    Error, Field, Ident, ItemStruct, Path, Result, Token, Type,
    parse::{Parse, ParseStream},
};

use crate::{object::take, row::name_of};

/// `of = Node`.
pub(crate) struct FilterArguments {
    node: Type,
}

impl Parse for FilterArguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        Ok(Self { node: of(input)? })
    }
}

/// Parses `of = Node`.
pub(crate) fn of(input: ParseStream<'_>) -> Result<Type> {
    let name: Ident = input.parse()?;
    if name != "of" {
        return Err(Error::new_spanned(name, "expected `of = Node`"));
    }
    input.parse::<Token![=]>()?;
    input.parse()
}

pub(crate) fn expand(arguments: FilterArguments, item: ItemStruct) -> Result<TokenStream> {
    let FilterArguments { node } = arguments;
    let ItemStruct {
        attrs,
        vis,
        ident,
        fields,
        ..
    } = item;
    let fields: Vec<FilterField> = fields
        .into_iter()
        .map(FilterField::parse)
        .collect::<Result<_>>()?;
    let definitions = fields.iter().map(|condition| {
        let Field {
            attrs, ident, ty, ..
        } = &condition.field;
        quote!(#(#attrs)* #ident: ::sea_level::Provided<#ty>)
    });
    let conditions = fields.iter().map(|condition| {
        let FilterField { field, name, build } = condition;
        let ident = &field.ident;
        quote! {
            if let ::core::option::Option::Some(value) = &self.#ident.0 {
                all = all.add(context.inside(#name, |context| #build)?);
            }
        }
    });
    Ok(quote! {
        #(#attrs)*
        #[derive(::sea_level::macros::async_graphql::InputObject, Clone, Debug, PartialEq)]
        #vis struct #ident {
            /// All of these must hold. An empty list matches all.
            and: ::sea_level::Provided<::std::vec::Vec<#ident>>,
            /// At least one of these must hold. An empty list matches nothing.
            or: ::sea_level::Provided<::std::vec::Vec<#ident>>,
            /// This must not hold.
            not: ::sea_level::Provided<::std::boxed::Box<#ident>>,
            /// One of these ids. Unknown ids match nothing.
            ids: ::sea_level::Provided<::std::vec::Vec<::sea_level::macros::async_graphql::ID>>,
            #(#definitions,)*
        }

        impl ::sea_level::Filter for #ident {
            type Entity = <#node as ::sea_level::Node>::Entity;

            fn condition(
                &self,
                context: &mut ::sea_level::FilterContext,
            ) -> ::sea_level::Result<::sea_level::macros::sea_orm::sea_query::Condition> {
                type Entity = <#node as ::sea_level::Node>::Entity;
                type Column = <Entity as ::sea_level::macros::sea_orm::EntityTrait>::Column;
                let prefix = <#node as ::sea_level::Node>::PREFIX;
                let mut all = ::sea_level::macros::combined::<Self>(
                    &self.and, &self.or, &self.not, &self.ids, prefix, context,
                )?;
                #(#conditions)*
                Ok(all)
            }
        }
    })
}

/// Field of a filter, and the expression of its condition.
struct FilterField {
    field: Field,
    name: String,
    build: TokenStream,
}

impl FilterField {
    fn parse(mut field: Field) -> Result<Self> {
        let ident = field
            .ident
            .clone()
            .ok_or_else(|| Error::new_spanned(&field, "the fields of a filter have names"))?;
        let attribute = take(&mut field.attrs, &["many", "one", "condition"])?;
        let build = match attribute {
            None => {
                let column = variant(&ident);
                quote!(::sea_level::macros::ColumnFilter::on_column(value, Column::#column, context))
            }
            Some(attribute) if attribute.path().is_ident("many") => {
                attribute.meta.require_path_only()?;
                quote!(::sea_level::macros::many::<Entity, _>(value, context))
            }
            Some(attribute) if attribute.path().is_ident("one") => {
                let column = variant(&attribute.parse_args()?);
                quote! {
                    ::sea_level::macros::one(::sea_level::column(Column::#column), &**value, context)
                }
            }
            Some(attribute) => {
                let function: Path = attribute.parse_args()?;
                quote!(#function(value, context))
            }
        };
        Ok(Self {
            field,
            name: name_of(&ident).to_lower_camel_case(),
            build,
        })
    }
}

/// Variant of SeaORM's enum for a column.
fn variant(column: &Ident) -> Ident {
    format_ident!("{}", name_of(column).to_upper_camel_case())
}
