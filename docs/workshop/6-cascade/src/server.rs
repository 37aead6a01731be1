//! HTTP: the endpoint, and a page to try it.

use async_graphql::http::GraphiQLSource;
use async_graphql_axum::{GraphQL, GraphQLSubscription};
use axum::{Router, response::Html, routing::get};

use crate::schema::WorkshopSchema;

pub fn router(schema: WorkshopSchema) -> Router {
    Router::new()
        .route("/", get(graphiql))
        .route_service("/graphql/ws", GraphQLSubscription::new(schema.clone()))
        .route_service("/graphql", GraphQL::new(schema))
}

async fn graphiql() -> Html<String> {
    let page = GraphiQLSource::build().endpoint("/graphql");
    Html(page.subscription_endpoint("/graphql/ws").finish())
}
