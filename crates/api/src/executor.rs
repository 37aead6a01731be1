//! Runs operations whose document has been found valid, with the library's resolvers and not by its
//! `execute`: that validates again, hands all through the hooks of its extensions, and takes the
//! document for itself, so that all of it would be copied for each request. Fragments still are.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use async_graphql::{
    Context, Data, IntrospectionMode, MergedObject, Object, Positioned, QueryEnv, QueryEnvInner,
    Response, SchemaEnv, Variables,
    extensions::Extensions,
    parser::types::{
        ExecutableDocument, OperationDefinition, OperationType, Selection, SelectionSet,
    },
    resolver_utils::{resolve_container, resolve_container_serial},
};
use futures_util::FutureExt;

use crate::{
    batch::Batch,
    context::Database,
    feed::Feed,
    fold::{is_skipped, operation_mut},
    guard::Checked,
    nodes,
    schema::{MUTATION, Query, builder},
};

/// What the library gives to resolvers, and to nobody else.
#[derive(Clone)]
pub(crate) struct Executor {
    schema_env: SchemaEnv,
    extensions: Extensions,
}

/// Our root, with a field to get hold of what resolvers are given. Who asks for it has been refused by
/// the schema that validates.
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

    /// Runs a query or a mutation, given its document with nothing to [fold](crate::fold) at its root.
    pub async fn execute(
        &self,
        checked: &Checked,
        document: &ExecutableDocument,
        batch: Arc<Batch>,
    ) -> Response {
        let variables = checked.variables();
        let document = if checked.has_directives() {
            Cow::Owned(without_skipped(document.clone(), checked))
        } else {
            Cow::Borrowed(document)
        };
        let operation = checked.operation_in(&document);
        let OperationDefinition {
            ty,
            ref variable_definitions,
            ref selection_set,
            ..
        } = operation.node;
        let mut data = Data::default();
        data.insert(batch);
        let env = QueryEnv::new(QueryEnvInner {
            extensions: self.extensions.clone(),
            variables: variables.clone(),
            operation_name: None,
            // Its variables are all that is asked of it from here on.
            operation: Positioned::new(
                OperationDefinition {
                    ty,
                    variable_definitions: variable_definitions.clone(),
                    directives: Vec::new(),
                    selection_set: Positioned::default(),
                },
                operation.pos,
            ),
            fragments: document.fragments.clone(),
            uploads: Vec::new(),
            session_data: Arc::default(),
            query_data: Arc::new(data),
            http_headers: Mutex::default(),
            introspection_mode: IntrospectionMode::Enabled,
            errors: Mutex::default(),
        });
        let ctx = env.create_context(&self.schema_env, None, selection_set, None);
        let resolved = match ty {
            OperationType::Mutation => resolve_container_serial(&ctx, &MUTATION).await,
            _ if checked.is_plain() => nodes::root(&ctx, &Query).await,
            // Where a key is asked for twice and is null once, the library decides which one stays, and
            // it must be the same as when the document was validated.
            _ => resolve_container(&ctx, &Query).await,
        };
        let mut response = match resolved {
            Ok(data) => Response::new(data),
            Err(error) => Response::from_errors(vec![error]),
        };
        let mut errors = env.errors.lock().unwrap_or_else(PoisonError::into_inner);
        response.errors.append(&mut errors);
        response
    }
}

/// The document, with `@skip` and `@include` carried out.
fn without_skipped(mut document: ExecutableDocument, checked: &Checked) -> ExecutableDocument {
    fn keep(set: &mut SelectionSet, variables: &Variables) {
        set.items
            .retain(|selection| !is_skipped(selection.node.directives(), variables));
        for selection in &mut set.items {
            match &mut selection.node {
                Selection::Field(field) => keep(&mut field.node.selection_set.node, variables),
                Selection::InlineFragment(fragment) => {
                    keep(&mut fragment.node.selection_set.node, variables);
                }
                Selection::FragmentSpread(_) => {}
            }
        }
    }
    let variables = checked.variables();
    for fragment in document.fragments.values_mut() {
        keep(&mut fragment.node.selection_set.node, variables);
    }
    if let Some(operation) = operation_mut(&mut document.operations, checked.operation_name()) {
        keep(&mut operation.selection_set.node, variables);
    }
    document
}
