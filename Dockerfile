# syntax=docker/dockerfile:1

# The playground's bundle, by the two commands of the README.
FROM node:22-bookworm-slim AS playground
WORKDIR /roster
COPY schema.graphql .
COPY crates/server/playground crates/server/playground
RUN npm ci --prefix crates/server/playground
RUN npm run build --prefix crates/server/playground

# The program, with the bundle in it.
FROM rust:1.94-slim-bookworm AS program
WORKDIR /roster
COPY . .
COPY --from=playground /roster/crates/server/playground/dist crates/server/playground/dist
# The test target is part of the package's manifest, not of the image.
RUN mkdir tests && touch tests/main.rs
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/roster/target \
    cargo build --locked --release --package server --bin roster && cp target/release/roster /usr/local/bin/

# All that runs. SQLite's file, unless DATABASE_URL says otherwise, is /data/roster.db.
FROM debian:bookworm-slim
RUN useradd --uid 10001 --create-home --home-dir /data roster
COPY --from=program /usr/local/bin/roster /usr/local/bin/roster
USER 10001
WORKDIR /data
VOLUME /data
# From outside of the container it is reached by another address than its own: set JWT_SECRET or
# JWKS, or say PUBLIC_WITHOUT_AUTH=true.
ENV HOST=0.0.0.0 PORT=8000
EXPOSE 8000
# Asked with what is there: bash can open a connection.
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s CMD ["bash", "-c", "\
    exec 3<>/dev/tcp/127.0.0.1/$PORT && \
    printf 'GET /health/ready HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\nConnection: close\\r\\n\\r\\n' >&3 && \
    read -r _ status _ <&3 && [ \"$status\" = 200 ]"]
ENTRYPOINT ["roster"]
CMD ["serve"]
