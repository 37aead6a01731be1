//! HTTP by async-graphql-axum, whose services accept any executor. The engine is one after a conversion
//! of requests and responses.

use std::{future::ready, sync::Arc};

use async_graphql::{Data, Executor, Request, Response, ServerError, http::GraphiQLSource};
use async_graphql_axum::{GraphQL, GraphQLSubscription};
use axum::{Router, response::Html, routing::get};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use sea_level::{
    Engine,
    auth::{Role, Viewer},
    guard::{self, Checked},
    json,
    response::OperationResponse,
};
use serde_json::Value as Json;

use crate::schema::Company;

pub fn router(engine: Engine<Company>) -> Router {
    let executor = EngineExecutor::from(engine);
    Router::new()
        .route("/", get(graphiql))
        .route_service("/graphql/ws", GraphQLSubscription::new(executor.clone()))
        .route_service("/graphql", GraphQL::new(executor))
}

async fn graphiql() -> Html<String> {
    let page = GraphiQLSource::build().endpoint("/graphql");
    Html(page.subscription_endpoint("/graphql/ws").finish())
}

/// The engine, as an executor of async-graphql.
#[derive(Clone)]
pub struct EngineExecutor(Engine<Company>);

impl From<Engine<Company>> for EngineExecutor {
    fn from(engine: Engine<Company>) -> Self {
        Self(engine)
    }
}

impl EngineExecutor {
    /// Checks a request before it runs. Every client may write: the workshop has no tokens.
    fn check(&self, request: Request) -> Result<Checked, Box<OperationResponse>> {
        let variables = match serde_json::to_value(&request.variables) {
            Ok(Json::Object(variables)) => variables,
            _ => serde_json::Map::new(),
        };
        self.0.check(guard::Request {
            text: request.query,
            operation_name: request.operation_name,
            variables,
            viewer: Viewer::anonymous(Role::Editor),
        })
    }
}

impl Executor for EngineExecutor {
    async fn execute(&self, request: Request) -> Response {
        match self.check(request) {
            Ok(checked) => in_values(self.0.run(&checked).await),
            Err(refused) => in_values(*refused),
        }
    }

    fn execute_stream(
        &self,
        request: Request,
        _session: Option<Arc<Data>>,
    ) -> BoxStream<'static, Response> {
        match self.check(request) {
            Ok(checked) => self.0.run_stream(checked).map(in_values).boxed(),
            Err(refused) => stream::once(ready(in_values(*refused))).boxed(),
        }
    }
}

/// Parses the JSON that the engine has written, since async-graphql writes it itself. Adds the cost.
fn in_values(mut response: OperationResponse) -> Response {
    response.add_cost();
    let mut text = Vec::new();
    json::write(&response.response.data, &mut text);
    match serde_json::from_slice(&text) {
        Ok(data) => {
            response.response.data = data;
            response.response
        }
        Err(error) => Response::from_errors(vec![ServerError::new(error.to_string(), None)]),
    }
}
