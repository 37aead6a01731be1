//! `#[object]`.

use heck::ToLowerCamelCase;
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{
    Attribute, Error, Expr, ExprLit, GenericArgument, Ident, ImplItem, ImplItemFn, ItemImpl, Lit,
    LitStr, Meta, PathArguments, Result, ReturnType, Token, Type, parse_quote,
    punctuated::Punctuated, spanned::Spanned,
};

use crate::row::name_of;

pub(crate) fn expand(is_root: bool, mut block: ItemImpl) -> Result<TokenStream> {
    let object = block.self_ty.clone();
    let mut reads = Vec::new();
    let mut writes = Vec::new();
    for item in &mut block.items {
        let ImplItem::Fn(method) = item else {
            continue;
        };
        let field = name_of(&method.sig.ident).to_lower_camel_case();
        let mut attributes = method.attrs.iter();
        let is_plain = !attributes.any(|attribute| attribute.path().is_ident("graphql"));
        if !is_plain {
            // A guard, for one, must run, also for a reference whose row was loaded with the list.
            writes.push(quote!(#field => false,));
        }
        let Some(attribute) = take(&mut method.attrs, &["column", "reads", "connection"])? else {
            continue;
        };
        let path = attribute.path();
        if path.is_ident("column") {
            attribute.meta.require_path_only()?;
            if is_plain {
                writes.extend(write(&field, method));
            }
            reads.push(columns(&object, &field, &[&method.sig.ident]));
        } else if path.is_ident("reads") {
            let names =
                attribute.parse_args_with(Punctuated::<Ident, Token![,]>::parse_terminated)?;
            reads.push(columns(&object, &field, &names.iter().collect::<Vec<_>>()));
        } else {
            reads.push(quote!((#field, ::sea_level::macros::Reads::Key)));
            *method = connection(is_root, &attribute, method)?;
        }
    }
    let columns = (!is_root).then(|| {
        quote! {
            impl ::sea_level::macros::FieldColumns for #object {
                const READS: &'static [(&'static str, ::sea_level::macros::Reads)] =
                    &[#(#reads),*];
            }

            impl ::sea_level::ObjectFields for #object {
                fn write(&self, field: &mut ::sea_level::FieldWriter<'_>) -> bool {
                    match field.name() {
                        #(#writes)*
                        _ => self.write_reference(field),
                    }
                }
            }
        }
    });
    Ok(quote! {
        #[::sea_level::macros::async_graphql::Object(use_type_description)]
        #block

        #columns
    })
}

/// Arm that writes a column.
fn write(field: &str, method: &ImplItemFn) -> Option<TokenStream> {
    let ReturnType::Type(_, returned) = &method.sig.output else {
        return None;
    };
    let block = &method.block;
    (method.sig.inputs.len() == 1).then(|| {
        quote_spanned! { returned.span() =>
            #field => {
                let value: #returned = #block;
                field.leaf(&value)
            }
        }
    })
}

/// Columns that a field reads. A name that is no column does not compile.
fn columns(object: &Type, field: &str, columns: &[&Ident]) -> TokenStream {
    let columns = columns.iter().map(|column| {
        let name = name_of(column);
        quote_spanned! { column.span() =>
            .or(::sea_level::ColumnSet::with_name::<#object>(#name))
        }
    });
    quote! {
        (#field, ::sea_level::macros::Reads::Columns(::sea_level::ColumnSet::NONE #(#columns)*))
    }
}

/// Removes the attribute that has one of these names. Refuses a second one.
pub(crate) fn take(attributes: &mut Vec<Attribute>, names: &[&str]) -> Result<Option<Attribute>> {
    let mut found = attributes.extract_if(.., |attribute| {
        names.iter().any(|name| attribute.path().is_ident(name))
    });
    let first = found.next();
    match found.next() {
        Some(second) => Err(Error::new_spanned(
            second,
            "one attribute of this kind is enough",
        )),
        None => Ok(first),
    }
}

/// The arguments of `#[connection(…)]`.
#[derive(Default)]
struct ConnectionArguments {
    filter: Option<LitStr>,
    order: Option<LitStr>,
    through: Option<LitStr>,
    link: Option<Type>,
}

/// Field that returns a connection, from a method that returns its source.
fn connection(is_root: bool, attribute: &Attribute, method: &ImplItemFn) -> Result<ImplItemFn> {
    if method.sig.inputs.len() != 1 || method.sig.asyncness.is_some() {
        return Err(Error::new_spanned(
            &method.sig,
            "a connection is a plain method of `&self`; its arguments are added",
        ));
    }
    let mut arguments = ConnectionArguments::default();
    attribute.parse_nested_meta(|meta| {
        let value = meta.value()?;
        match meta.path.require_ident()?.to_string().as_str() {
            "filter" => arguments.filter = Some(value.parse()?),
            "order" => arguments.order = Some(value.parse()?),
            "through" => arguments.through = Some(value.parse()?),
            "link" => arguments.link = Some(value.parse()?),
            _ => return Err(meta.error("unknown argument of `connection`")),
        }
        Ok(())
    })?;
    let missing = |name| Error::new_spanned(attribute, format!("`{name}` is missing"));
    let filter = arguments.filter.ok_or_else(|| missing("filter"))?;
    let order = arguments.order.ok_or_else(|| missing("order"))?;
    let node = node_of_source(method)?;
    let link = match arguments.link {
        Some(link) => link,
        None => parse_quote!(::sea_level::Plain),
    };
    let through_type = quote! {
        ::core::option::Option<::std::boxed::Box<<#link as ::sea_level::LinkFields<#node>>::Through>>
    };
    let (through_argument, through) = match arguments.through {
        Some(description) => (
            quote!(#[graphql(desc = #description)] through: #through_type,),
            quote!(through),
        ),
        None => (quote!(), quote!(::core::option::Option::None)),
    };
    let parent = match is_root {
        true => quote!(0),
        false => quote!(self.key()),
    };
    let (attributes, visibility, name, source) =
        (&method.attrs, &method.vis, &method.sig.ident, &method.block);
    Ok(parse_quote! {
        #(#attributes)*
        #[expect(clippy::too_many_arguments, reason = "they are the arguments of the field")]
        #visibility async fn #name(
            &self,
            ctx: &::sea_level::macros::async_graphql::Context<'_>,
            #[graphql(desc = "How many items from the start of the list. Not together with `last`. At most 1000; 20 when neither is given.")]
            first: ::core::option::Option<i32>,
            #[graphql(desc = "Only items after this cursor.")]
            after: ::core::option::Option<::std::string::String>,
            #[graphql(desc = "How many items from the end of the list. Not together with `first`. At most 1000.")]
            last: ::core::option::Option<i32>,
            #[graphql(desc = "Only items before this cursor.")]
            before: ::core::option::Option<::std::string::String>,
            // Boxed, because a filter is large, mostly absent, and held for each parent.
            #[graphql(name = "where", desc = #filter)]
            filter: ::core::option::Option<::std::boxed::Box<<#node as ::sea_level::Node>::Filter>>,
            #through_argument
            #[graphql(desc = #order)]
            order_by: ::core::option::Option<::std::vec::Vec<<#node as ::sea_level::Node>::Order>>,
        ) -> ::sea_level::Result<::sea_level::ObjectOutput<::sea_level::Connection<#node, #link>>> {
            let source: ::sea_level::Source<#node> = #source;
            let arguments = ::sea_level::PageArguments { first, after, last, before };
            let through: #through_type = #through;
            ::sea_level::Connection::new(
                ctx, source, #parent, arguments, filter, through, order_by,
            )
        }
    })
}

/// `N` of a method that returns `Source<N>`.
fn node_of_source(method: &ImplItemFn) -> Result<Type> {
    let expected = || {
        Error::new(
            method.sig.output.span(),
            "a connection returns its `Source<N>`",
        )
    };
    let ReturnType::Type(_, returned) = &method.sig.output else {
        return Err(expected());
    };
    let Type::Path(path) = &**returned else {
        return Err(expected());
    };
    let last = path.path.segments.last().ok_or_else(expected)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return Err(expected());
    };
    match arguments.args.first() {
        Some(GenericArgument::Type(node)) => Ok(node.clone()),
        _ => Err(expected()),
    }
}

/// Text of documentation comments, as async-graphql reads them.
pub(crate) fn description(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| {
        let Meta::NameValue(meta) = &attribute.meta else {
            return None;
        };
        let Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) = &meta.value
        else {
            return None;
        };
        meta.path.is_ident("doc").then(|| {
            let line = text.value();
            line.strip_prefix(' ').unwrap_or(&line).to_owned()
        })
    });
    lines.collect::<Vec<_>>().join("\n")
}
