//! HTTP: the endpoint, and a page to try it.

use async_graphql::http::GraphiQLSource;
use async_graphql_axum::GraphQL;
use axum::{Router, response::Html, routing::get};

use crate::schema::WorkshopSchema;

pub fn router(schema: WorkshopSchema) -> Router {
    Router::new()
        .route("/", get(graphiql))
        .route_service("/graphql", GraphQL::new(schema))
}

async fn graphiql() -> Html<String> {
    Html(GraphiQLSource::build().endpoint("/graphql").finish())
}
