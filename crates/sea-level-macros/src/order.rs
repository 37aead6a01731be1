//! `#[order(…)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    Error, Expr, Ident, ItemEnum, LitStr, Result, Token, Type,
    parse::{Parse, ParseStream},
};

use crate::{filter::of, object::take};

/// `Order, of = Node, description = "…"`, and `nulls = "…"` for lists that sort nulls.
pub(crate) struct OrderArguments {
    order: Ident,
    node: Type,
    description: LitStr,
    nulls: Option<LitStr>,
}

impl Parse for OrderArguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let text = |expected: &str| {
            input.parse::<Token![,]>()?;
            let name: Ident = input.parse()?;
            if name != expected {
                return Err(Error::new_spanned(name, format!("expected `{expected}`")));
            }
            input.parse::<Token![=]>()?;
            input.parse::<LitStr>()
        };
        let order = input.parse()?;
        input.parse::<Token![,]>()?;
        let node = of(input)?;
        let description = text("description")?;
        let nulls = (!input.is_empty()).then(|| text("nulls")).transpose()?;
        Ok(Self {
            order,
            node,
            description,
            nulls,
        })
    }
}

pub(crate) fn expand(arguments: OrderArguments, mut item: ItemEnum) -> Result<TokenStream> {
    let OrderArguments {
        order,
        node,
        description,
        nulls,
    } = arguments;
    let (field, visibility) = (&item.ident, &item.vis);
    let mut keys = Vec::new();
    for variant in &mut item.variants {
        let by = take(&mut variant.attrs, &["by"])?;
        let by = by.map(|attribute| attribute.parse_args::<Expr>());
        let name = &variant.ident;
        let by = match by.transpose()? {
            Some(by) => quote!(#by),
            None => quote!(|_| ::sea_level::SortExpr::Column(Column::#name)),
        };
        let text = name.to_string();
        keys.push(quote!(#field::#name => Self::ascending(#text, #by)));
    }
    let nulls_field = nulls.as_ref().map(|description| {
        quote! {
            #[doc = #description]
            #[graphql(default)]
            nulls: ::sea_level::NullsOrder,
        }
    });
    let nulls_first = nulls
        .as_ref()
        .map(|_| quote!(key.nulls_first = order.nulls == ::sea_level::NullsOrder::First;));
    Ok(quote! {
        #[derive(::sea_level::macros::async_graphql::Enum, Clone, Copy, Debug, PartialEq, Eq)]
        #item

        #[doc = #description]
        #[derive(::sea_level::macros::async_graphql::InputObject, Clone, Copy, Debug, PartialEq)]
        #visibility struct #order {
            /// What to sort by.
            field: #field,
            /// Which way.
            #[graphql(default)]
            direction: ::sea_level::OrderDirection,
            #nulls_field
        }

        impl ::core::convert::From<#order>
            for ::sea_level::SortKey<<#node as ::sea_level::Node>::Entity>
        {
            fn from(order: #order) -> Self {
                type Column = <
                    <#node as ::sea_level::Node>::Entity
                    as ::sea_level::macros::sea_orm::EntityTrait
                >::Column;
                let mut key = match order.field {
                    #(#keys,)*
                };
                key.descending = order.direction == ::sea_level::OrderDirection::Desc;
                #nulls_first
                key
            }
        }
    })
}
