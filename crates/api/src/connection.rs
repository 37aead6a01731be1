//! What every connection, edge and object with connections has in common, said once: macros that
//! write async-graphql objects. How a page is read is `page`'s.

/// A connection type: the fields that all have, and what it has of its own.
macro_rules! connection {
    (
        $(#[$doc:meta])*
        $name:ident of $Edge:ident, $Node:ident, $Filter:ident {
            $($own:tt)*
        }
    ) => {
        $(#[$doc])*
        pub struct $name(pub $crate::page::Page<$Filter>);

        #[async_graphql::Object]
        $(#[$doc])*
        impl $name {
            /// The page, with cursors.
            async fn edges(&self) -> $crate::error::Result<$crate::nodes::Nodes<$Edge>> {
                Ok($crate::nodes::Nodes(self.0.edges().await?))
            }

            /// The page, without cursors. No duplicates.
            async fn nodes(&self) -> $crate::error::Result<$crate::nodes::Nodes<$Node>> {
                Ok($crate::nodes::Nodes(self.0.nodes().await?))
            }

            /// Where the page stands.
            async fn page_info(&self) -> $crate::nodes::Object<$crate::page::PageInfo> {
                $crate::nodes::Object(self.0.clone().into())
            }

            /// How many distinct items match in all, whatever the page. Counted only when asked for.
            async fn total_count(&self) -> $crate::error::Result<i32> {
                self.0.total_count().await
            }

            $($own)*
        }
    };
}
pub(crate) use connection;

/// An edge that carries nothing but its node.
macro_rules! edge {
    ($(#[$doc:meta])* $name:ident of $Node:ident, $Filter:ident) => {
        $(#[$doc])*
        pub struct $name($crate::page::Positioned<$Filter>);

        impl From<$crate::page::Positioned<$Filter>> for $name {
            fn from(positioned: $crate::page::Positioned<$Filter>) -> Self {
                Self(positioned)
            }
        }

        #[async_graphql::Object]
        $(#[$doc])*
        impl $name {
            /// Opaque position, for `after` and `before`.
            async fn cursor(&self) -> String {
                self.0.cursor()
            }

            /// The item.
            async fn node(&self) -> $crate::nodes::Object<$Node> {
                $crate::nodes::Object(self.0.found().into())
            }
        }
    };
}
pub(crate) use edge;

/// An object type with connections, whose arguments are the same everywhere and said here once.
///
/// Each connection is a line:
/// `field -> Connection from SOURCE by parent, where Filter: "…", [through: "…",] orderBy Order: "…";`
macro_rules! object {
    (
        $(#[$doc:meta])*
        $name:ident {
            $(
                $(#[$field_doc:meta])*
                $field:ident -> $Connection:ident from $source:expr,
                where $Filter:ident: $where:tt,
                $(through $Through:ident: $through:tt,)?
                order by $Order:ident: $order:tt;
            )*
        }
        $($own:tt)*
    ) => {
        #[async_graphql::Object]
        $(#[$doc])*
        impl $name {
            $($own)*

            $(
                $(#[$field_doc])*
                #[expect(clippy::too_many_arguments, reason = "they are the arguments of the field")]
                async fn $field(
                    &self,
                    ctx: &async_graphql::Context<'_>,
                    #[graphql(desc = "How many items from the start of the list. Not together with `last`. At most 1000; 20 when neither is given.")]
                    first: Option<i32>,
                    #[graphql(desc = "Only items after this cursor.")]
                    after: Option<String>,
                    #[graphql(desc = "How many items from the end of the list. Not together with `first`. At most 1000.")]
                    last: Option<i32>,
                    #[graphql(desc = "Only items before this cursor.")]
                    before: Option<String>,
                    #[graphql(name = "where", desc = $where)]
                    // Boxed, since they are large, most often left out, and held for each parent.
                    filter: Option<Box<$Filter>>,
                    $(#[graphql(desc = $through)] through: Option<Box<$Through>>,)?
                    #[graphql(desc = $order)]
                    order_by: Option<Vec<$Order>>,
                ) -> $crate::error::Result<$crate::nodes::Object<$Connection>> {
                    let arguments = $crate::page::PageArguments { first, after, last, before };
                    let through: [Option<Box<$crate::assignment::AssignmentFilter>>; _] =
                        [None, $({ let through: Option<Box<$Through>> = through; through })?];
                    let [.., through] = through;
                    Ok($crate::nodes::Object($Connection($crate::page::Page::new(
                        ctx, $source, self.key(), arguments, filter, through, order_by,
                    )?)))
                }
            )*
        }
    };
}
pub(crate) use object;
