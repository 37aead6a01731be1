//! `#[derive(Row)]`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Data, DeriveInput, Error, Fields, Ident, Result, ext::IdentExt};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Struct(data) = &input.data else {
        return Err(Error::new_spanned(&input.ident, "a row is a struct"));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(Error::new_spanned(
            &input.ident,
            "the columns of a row are named fields",
        ));
    };
    let columns: Vec<&Ident> = fields
        .named
        .iter()
        .filter_map(|field| field.ident.as_ref())
        .collect();
    Ok(decoder(&input.ident, &input.ident, &columns, &[]))
}

/// Name of an identifier, without `r#`.
pub(crate) fn name_of(identifier: &Ident) -> String {
    identifier.unraw().to_string()
}

/// Implements `Columns` and `Row` for `decoder`, which decodes a struct with these fields.
pub(crate) fn decoder(
    decoder: &Ident,
    model: &impl ToTokens,
    columns: &[&Ident],
    unread: &[Ident],
) -> TokenStream {
    let names = columns.iter().map(|column| name_of(column));
    quote! {
        impl ::sea_level::Columns for #decoder {
            const COLUMNS: &'static [&'static str] = &[#(#names),*];
        }

        impl ::sea_level::sql::Row for #decoder {
            type Value = #model;

            fn read(columns: &mut [::sea_level::sql::Column<'_>]) -> ::core::option::Option<Self::Value> {
                let mut columns = columns.iter_mut();
                ::core::option::Option::Some(#model {
                    #(#columns: columns.next()?.read()?,)*
                    #(#unread: ::core::default::Default::default(),)*
                })
            }

            fn read_json<'de, A: ::sea_level::macros::SeqAccess<'de>>(
                array: &mut A,
                columns: ::sea_level::ColumnSet,
            ) -> ::core::result::Result<Self::Value, A::Error> {
                let mut numbers = 0..;
                let mut is_requested = || numbers.next().is_some_and(|number| columns.has(number));
                ::core::result::Result::Ok(#model {
                    #(#columns: ::sea_level::sql::json_element(array, is_requested())?,)*
                    #(#unread: ::core::default::Default::default(),)*
                })
            }
        }
    }
}
