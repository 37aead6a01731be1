//! Connections and edges of the Relay Cursor Connections Specification, for any entity and link.

use std::borrow::Cow;

use async_graphql::{
    ContainerType, Context, ContextSelectionSet, Description, Object, ObjectType, OutputType,
    Positioned, ServerResult, TypeName, Value,
    indexmap::IndexMap,
    parser::types::Field,
    registry::{MetaTypeId, ObjectBuilder, Registry},
};

use crate::{
    cursor::PageArguments,
    error::Result,
    fields::{FieldWriter, ObjectFields},
    filter::{NoThrough, Through},
    node::Node,
    objects::{ListOutput, ObjectOutput},
    page::{EdgeRow, Page, PageInfo},
    source::Source,
};

/// Link that a connection to `N` follows: names and descriptions of its types, the argument `through`,
/// and fields beyond those of Relay.
pub trait LinkFields<N: Node>: Send + Sync + 'static {
    /// Filter on the links; [`NoThrough`] for links without data.
    type Through: Through;
    /// Fields of the connection beyond those of Relay; [`NoFields`] for none.
    type ConnectionFields: ObjectType + From<Page<N, Self::Through>>;
    /// Fields of the edge beyond those of Relay; [`NoFields`] for none.
    type EdgeFields: ObjectType + From<EdgeRow<N, Self::Through>>;

    /// Name of both types without `Connection` and `Edge`: that of the object.
    fn name() -> Cow<'static, str> {
        <N as OutputType>::type_name()
    }

    /// Description of the connection type.
    const CONNECTION: &'static str = N::CONNECTION;

    /// Description of the edge type.
    const EDGE: &'static str = N::EDGE;
}

/// Link without data, and connection without fields of its own.
pub struct Plain;

impl<N: Node> LinkFields<N> for Plain {
    type Through = NoThrough;
    type ConnectionFields = NoFields;
    type EdgeFields = NoFields;
}

/// Connection to the rows of `N`: one page, and the fields of the link `X`.
pub struct Connection<N: Node, X: LinkFields<N> = Plain>(Page<N, X::Through>);

impl<N: Node, X: LinkFields<N>> TypeName for Connection<N, X> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Connection", X::name()).into()
    }
}

impl<N: Node, X: LinkFields<N>> Description for Connection<N, X> {
    fn description() -> &'static str {
        X::CONNECTION
    }
}

impl<N: Node, X: LinkFields<N>> Connection<N, X> {
    /// Creates the connection of a field from its arguments. `parent` is the primary key of the parent, 0
    /// at the root.
    pub fn new(
        ctx: &Context<'_>,
        source: Source<N>,
        parent: i64,
        arguments: PageArguments,
        filter: Option<Box<N::Filter>>,
        through: Option<Box<X::Through>>,
        order: Option<Vec<N::Order>>,
    ) -> Result<ObjectOutput<Self>> {
        let page = Page::new(ctx, source, parent, arguments, filter, through, order)?;
        Ok(ObjectOutput(Self(page)))
    }
}

impl<N: Node, X: LinkFields<N>> From<Page<N, X::Through>> for Connection<N, X> {
    fn from(page: Page<N, X::Through>) -> Self {
        Self(page)
    }
}

#[Object(name_type, use_type_description)]
impl<N: Node, X: LinkFields<N>> Connection<N, X> {
    /// The page, with cursors.
    async fn edges(&self) -> Result<ListOutput<Edge<N, X>>> {
        Ok(ListOutput(self.0.edges().await?))
    }

    /// The page, without cursors. No duplicates.
    async fn nodes(&self) -> Result<ListOutput<N>> {
        Ok(ListOutput(self.0.nodes().await?))
    }

    /// Where the page stands.
    async fn page_info(&self, ctx: &Context<'_>) -> ObjectOutput<PageInfo> {
        ObjectOutput(self.0.info(ctx).await)
    }

    /// How many distinct items match in all, whatever the page. Counted only when asked for.
    async fn total_count(&self) -> Result<i32> {
        self.0.total_count().await
    }

    #[graphql(flatten)]
    async fn own(&self) -> X::ConnectionFields {
        self.0.clone().into()
    }
}

impl<N: Node, X: LinkFields<N>> ObjectFields for Connection<N, X> {}

/// Edge of a [`Connection`].
pub struct Edge<N: Node, X: LinkFields<N> = Plain>(EdgeRow<N, X::Through>);

impl<N: Node, X: LinkFields<N>> TypeName for Edge<N, X> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Edge", X::name()).into()
    }
}

impl<N: Node, X: LinkFields<N>> Description for Edge<N, X> {
    fn description() -> &'static str {
        X::EDGE
    }
}

impl<N: Node, X: LinkFields<N>> Edge<N, X> {
    /// The fields of the link.
    pub fn link(&self) -> X::EdgeFields {
        self.0.clone().into()
    }
}

impl<N: Node, X: LinkFields<N>> From<EdgeRow<N, X::Through>> for Edge<N, X> {
    fn from(row: EdgeRow<N, X::Through>) -> Self {
        Self(row)
    }
}

#[Object(name_type, use_type_description)]
impl<N: Node, X: LinkFields<N>> Edge<N, X> {
    /// Opaque position, for `after` and `before`.
    async fn cursor(&self) -> String {
        self.0.cursor()
    }

    /// The item.
    async fn node(&self) -> ObjectOutput<N> {
        ObjectOutput(self.0.record().into())
    }

    #[graphql(flatten)]
    async fn own(&self) -> X::EdgeFields {
        self.link()
    }
}

impl<N: Node, X: LinkFields<N>> ObjectFields for Edge<N, X> {
    fn write(&self, field: &mut FieldWriter<'_>) -> bool {
        match field.name() {
            "cursor" => field.leaf(&self.0),
            "node" => field.object::<N>(&self.0.record().into()),
            _ => false,
        }
    }
}

/// Object without fields.
pub struct NoFields;

impl<N: Node, T: Through> From<Page<N, T>> for NoFields {
    fn from(_: Page<N, T>) -> Self {
        Self
    }
}

impl<N: Node, T: Through> From<EdgeRow<N, T>> for NoFields {
    fn from(_: EdgeRow<N, T>) -> Self {
        Self
    }
}

impl OutputType for NoFields {
    fn type_name() -> Cow<'static, str> {
        "NoFields".into()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        registry.create_output_type::<Self, _>(MetaTypeId::Object, |_| {
            ObjectBuilder::new("NoFields".to_owned(), IndexMap::new()).build()
        })
    }

    async fn resolve(
        &self,
        _: &ContextSelectionSet<'_>,
        _: &Positioned<Field>,
    ) -> ServerResult<Value> {
        Ok(Value::Null)
    }
}

impl ContainerType for NoFields {
    async fn resolve_field(&self, _: &Context<'_>) -> ServerResult<Option<Value>> {
        Ok(None)
    }
}

impl ObjectType for NoFields {}
