//! Execution of checked operations with async-graphql's resolvers, without its `execute`: no text of a
//! client reaches its parser or validation, and operations are not copied for each request.

use std::{
    borrow::Cow,
    marker::PhantomData,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use async_graphql::{
    ContainerType, Context, ContextSelectionSet, Data, IntrospectionMode, ObjectType, OutputType,
    Positioned, QueryEnv, QueryEnvInner, Response, SDLExportOptions, Schema, SchemaBuilder,
    SchemaEnv, ServerResult, SubscriptionType, Value,
    extensions::Extensions,
    parser::types::{Field, OperationDefinition, OperationType},
    registry::{MetaField, MetaType, Registry},
    resolver_utils::resolve_container_serial,
};
use async_stream::stream;
use futures_util::{FutureExt, StreamExt, stream::BoxStream};

use crate::{
    fields::ObjectFields,
    guard::Checked,
    objects,
    operation::{Operation, operation},
    sql::Database,
    write::EventLog,
};

/// Schema of a domain: its roots, which hold no data.
pub trait Domain: Send + Sync + 'static {
    /// Root of queries.
    type Query: ObjectType + Default + 'static;
    /// Root of mutations.
    type Mutation: ObjectType + Default + 'static;
    /// Root of subscriptions.
    type Subscription: SubscriptionType + Default + 'static;
    /// Event log of its mutations, see [`crate::write::Mutation`].
    type Log: EventLog;
    /// Description of the schema.
    const DESCRIPTION: &'static str;

    /// Adds types that no field returns, such as interfaces for fragments of clients.
    fn register(registry: &mut Registry);
}

/// Returns the schema in GraphQL's schema definition language. Needs no database.
pub fn sdl<D: Domain>() -> String {
    let options = SDLExportOptions::new()
        .include_specified_by()
        .sorted_enum_items();
    let schema = builder::<D, _>(D::Mutation::default()).finish();
    let sdl = schema.sdl_with_options(options);
    // The library has no place for the description.
    let described = format!("\n\"\"\"\n{}\n\"\"\"\nschema {{", D::DESCRIPTION);
    sdl.replacen("\nschema {", &described, 1)
}

fn builder<D: Domain, M: ObjectType + 'static>(
    mutation: M,
) -> SchemaBuilder<D::Query, M, D::Subscription> {
    // The library drops types that no field returns before this registration.
    Schema::build(D::Query::default(), mutation, D::Subscription::default())
        .register_output_type::<Registered<D>>()
}

/// Registers the types that no field returns. Never resolved.
struct Registered<D>(PhantomData<fn() -> D>);

impl<D: Domain> OutputType for Registered<D> {
    fn type_name() -> Cow<'static, str> {
        D::Query::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        D::register(registry);
        D::Query::type_name().into_owned()
    }

    async fn resolve(
        &self,
        _: &ContextSelectionSet<'_>,
        _: &Positioned<Field>,
    ) -> ServerResult<Value> {
        Ok(Value::Null)
    }
}

/// Executor of the operations of a domain.
pub(crate) struct Executor<D: Domain> {
    environment: Arc<LibraryEnvironment>,
    roots: Arc<(Query<D>, D::Mutation, D::Subscription)>,
}

impl<D: Domain> Clone for Executor<D> {
    fn clone(&self) -> Self {
        Self {
            environment: self.environment.clone(),
            roots: self.roots.clone(),
        }
    }
}

/// Environment that async-graphql creates for resolvers only.
struct LibraryEnvironment {
    schema_env: SchemaEnv,
    extensions: Extensions,
}

/// Root of mutations with one more field, which captures the environment. The schema that documents are
/// checked against lacks the field.
struct Capture<D: Domain> {
    captured: Arc<OnceLock<LibraryEnvironment>>,
    domain: PhantomData<fn() -> D>,
}

impl<D: Domain> OutputType for Capture<D> {
    fn type_name() -> Cow<'static, str> {
        D::Mutation::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        let name = D::Mutation::create_type_info(registry);
        if let Some(MetaType::Object { fields, .. }) = registry.types.get_mut(&*Self::type_name()) {
            let field = MetaField::new("capture", "Boolean");
            fields.insert(field.name.clone(), field);
        }
        name
    }

    async fn resolve(
        &self,
        _: &ContextSelectionSet<'_>,
        _: &Positioned<Field>,
    ) -> ServerResult<Value> {
        Ok(Value::Null)
    }
}

impl<D: Domain> ContainerType for Capture<D> {
    async fn resolve_field(&self, ctx: &Context<'_>) -> ServerResult<Option<Value>> {
        self.captured.get_or_init(|| LibraryEnvironment {
            schema_env: ctx.schema_env.clone(),
            extensions: ctx.query_env.extensions.clone(),
        });
        Ok(None)
    }
}

impl<D: Domain> ObjectType for Capture<D> {}

/// Root of queries: the domain's, and introspection.
struct Query<D: Domain>(D::Query);

impl<D: Domain> OutputType for Query<D> {
    fn type_name() -> Cow<'static, str> {
        D::Query::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        D::Query::create_type_info(registry)
    }

    async fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        _field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        objects::object(ctx, self).await
    }
}

impl<D: Domain> ContainerType for Query<D> {
    async fn resolve_field(&self, ctx: &Context<'_>) -> ServerResult<Option<Value>> {
        if ctx.item.node.name.node.starts_with("__") {
            return introspected(ctx);
        }
        self.0.resolve_field(ctx).await
    }
}

impl<D: Domain> ObjectType for Query<D> {}

impl<D: Domain> ObjectFields for Query<D> {}

/// Returns the answer to `__schema` or `__type`. An error makes `__type` null, and the whole data if the
/// field is `__schema`, which is never null.
fn introspected(ctx: &Context<'_>) -> ServerResult<Option<Value>> {
    match operation(ctx).introspected(ctx) {
        Some(Err(error)) if ctx.item.node.name.node == "__type" => {
            ctx.add_error(ctx.set_error_path(error.clone()));
            Ok(None)
        }
        Some(Err(error)) => Err(ctx.set_error_path(error.clone())),
        Some(Ok(answer)) => Ok(Some(answer.clone())),
        None => Ok(None),
    }
}

impl<D: Domain> Executor<D> {
    /// Creates an executor whose resolvers find these values in their context.
    pub(crate) fn new(database: Database, log: D::Log, data: impl Send + Sync + 'static) -> Self {
        let captured = Arc::new(OnceLock::new());
        let capture = Capture::<D> {
            captured: captured.clone(),
            domain: PhantomData,
        };
        let builder = builder::<D, _>(capture);
        let schema = builder.data(database).data(log).data(data).finish();
        // The run waits for nothing, so that one poll completes it.
        let _ = schema.execute("mutation { capture }").now_or_never();
        drop(schema);
        let captured = Arc::into_inner(captured).and_then(OnceLock::into_inner);
        Self {
            environment: Arc::new(captured.expect("the library resolves a field of the root")),
            roots: Arc::new((
                Query(D::Query::default()),
                D::Mutation::default(),
                D::Subscription::default(),
            )),
        }
    }

    /// Runs a query or a mutation.
    pub(crate) async fn execute(&self, checked: &Checked, operation: Arc<Operation>) -> Response {
        let env = self.query_env(checked, operation);
        let root = &checked.executable.selection_set;
        let ctx = env.create_context(&self.environment.schema_env, None, root, None);
        let resolved = match checked.kind() {
            OperationType::Mutation => resolve_container_serial(&ctx, &self.roots.1).await,
            _ => objects::object(&ctx, &self.roots.0).await,
        };
        let mut response = match resolved {
            Ok(data) => Response::new(data),
            Err(error) => Response::from_errors(vec![error]),
        };
        let mut errors = env.errors.lock().unwrap_or_else(PoisonError::into_inner);
        response.errors.append(&mut errors);
        response
    }

    /// Runs a subscription, event by event.
    pub(crate) fn subscribe(
        &self,
        checked: &Checked,
        operation: Arc<Operation>,
    ) -> BoxStream<'static, Response> {
        let env = self.query_env(checked, operation);
        let (this, executable) = (self.clone(), checked.executable.clone());
        stream! {
            let root = env.create_context(
                &this.environment.schema_env,
                None,
                &executable.selection_set,
                None,
            );
            // A valid subscription has one root field.
            for field in executable.root_fields() {
                let ctx = root.with_field(field);
                if let Some(mut events) = this.roots.2.create_field_stream(&ctx) {
                    while let Some(event) = events.next().await {
                        yield event;
                    }
                }
            }
        }
        .boxed()
    }

    fn query_env(&self, checked: &Checked, operation: Arc<Operation>) -> QueryEnv {
        let executable = &checked.executable;
        let mut data = Data::default();
        data.insert(operation);
        QueryEnv::new(QueryEnvInner {
            extensions: self.environment.extensions.clone(),
            variables: checked.variables.clone(),
            operation_name: None,
            // Resolvers read its variables only.
            operation: Positioned::new(
                OperationDefinition {
                    ty: executable.kind,
                    variable_definitions: executable.variables.to_vec(),
                    directives: Vec::new(),
                    selection_set: Positioned::default(),
                },
                executable.selection_set.pos,
            ),
            fragments: Default::default(),
            uploads: Vec::new(),
            session_data: Arc::default(),
            query_data: Arc::new(data),
            http_headers: Mutex::default(),
            introspection_mode: IntrospectionMode::Enabled,
            errors: Mutex::default(),
        })
    }
}
