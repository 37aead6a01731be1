//! Runs checked operations with async-graphql's resolvers, without its `execute`: no text of a client
//! reaches its parser or validation, and operations are not copied for each request.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_graphql::{
    Context, Data, IntrospectionMode, MergedObject, Object, Positioned, QueryEnv, QueryEnvInner,
    Response, SchemaEnv, SubscriptionType,
    extensions::Extensions,
    parser::types::{OperationDefinition, OperationType},
    resolver_utils::resolve_container_serial,
};
use async_stream::stream;
use futures_util::{FutureExt, StreamExt, stream::BoxStream};

use crate::{
    batch::Batch,
    context::Database,
    feed::{Feed, Subscription},
    guard::Checked,
    nodes,
    schema::{MUTATION, Query, Root, builder},
};

/// Environment that async-graphql gives to resolvers only.
#[derive(Clone)]
pub(crate) struct Executor {
    schema_env: SchemaEnv,
    extensions: Extensions,
}

/// The query root with a field that captures the environment of resolvers. The schema that documents
/// are checked against lacks the field, so no client can select it.
#[derive(MergedObject)]
struct ProbedQuery(Query, Probe);

struct Probe(Arc<OnceLock<Executor>>);

#[Object]
impl Probe {
    async fn probe(&self, ctx: &Context<'_>) -> bool {
        let given = Executor {
            schema_env: ctx.schema_env.clone(),
            extensions: ctx.query_env.extensions.clone(),
        };
        self.0.set(given).is_ok()
    }
}

impl Executor {
    /// With the resolvers of our schema, which find these.
    pub fn new(database: Database, feed: Feed) -> Self {
        let given = Arc::default();
        let query = ProbedQuery(Query, Probe(Arc::clone(&given)));
        let schema = builder(query).register_output_type::<Query>();
        let schema = schema.data(database).data(feed).finish();
        // There is nothing to wait for.
        let _ = schema.execute("{ probe }").now_or_never();
        let given: Option<&Self> = given.get();
        given
            .cloned()
            .expect("a field that is asked for is resolved")
    }

    /// Runs a query or a mutation.
    pub async fn execute(&self, checked: &Checked, batch: Arc<Batch>) -> Response {
        let env = self.environment(checked, batch);
        let root = &checked.operation.selection_set;
        let ctx = env.create_context(&self.schema_env, None, root, None);
        let resolved = match checked.kind() {
            OperationType::Mutation => resolve_container_serial(&ctx, &MUTATION).await,
            _ => nodes::object(&ctx, &Root).await,
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
    pub fn subscribe(&self, checked: &Checked, batch: Arc<Batch>) -> BoxStream<'static, Response> {
        let env = self.environment(checked, batch);
        let (schema_env, operation) = (self.schema_env.clone(), checked.operation.clone());
        stream! {
            let root = env.create_context(&schema_env, None, &operation.selection_set, None);
            // A valid subscription has one root field.
            for field in operation.root_fields() {
                let ctx = root.with_field(field);
                if let Some(mut events) = Subscription.create_field_stream(&ctx) {
                    while let Some(event) = events.next().await {
                        yield event;
                    }
                }
            }
        }
        .boxed()
    }

    fn environment(&self, checked: &Checked, batch: Arc<Batch>) -> QueryEnv {
        let operation = &checked.operation;
        let mut data = Data::default();
        data.insert(batch);
        QueryEnv::new(QueryEnvInner {
            extensions: self.extensions.clone(),
            variables: checked.variables.clone(),
            operation_name: None,
            // Resolvers look at nothing but its variables.
            operation: Positioned::new(
                OperationDefinition {
                    ty: operation.kind,
                    variable_definitions: operation.variables.to_vec(),
                    directives: Vec::new(),
                    selection_set: Positioned::default(),
                },
                operation.selection_set.pos,
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
