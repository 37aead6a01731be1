// An Apollo Client for Roster: what to cache under which name, and which way operations travel.

import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { relayStylePagination } from '@apollo/client/utilities';
import { OperationTypeNode } from 'graphql';
import { createClient } from 'graphql-ws';

export interface Options {
  /** Of the endpoint, like `http://127.0.0.1:8000/graphql`. */
  url: string;
  /** A JWT, when the server asks for one. */
  token?: string;
  /** Send the ids of documents instead of their text, for a server with `--trusted-documents`. */
  trusted?: boolean;
  /** Where there is no global one: Node.js before version 22. */
  webSocket?: unknown;
}

// Ids are unique across types and never used again, so the default of the cache, `__typename:id`,
// is right for everything. The pages of a list are kept as one list, by what is asked of it.
const list = relayStylePagination(['where', 'orderBy']);
const linked = relayStylePagination(['where', 'through', 'orderBy']);

export const newCache = () =>
  new InMemoryCache({
    typePolicies: {
      Query: { fields: { employees: list, meetings: list, projects: list, assignments: list } },
      Employee: {
        fields: {
          assignments: list,
          meetings: list,
          projects: linked,
          colleagues: relayStylePagination(['where', 'through', 'via', 'orderBy']),
        },
      },
      Meeting: { fields: { employees: list } },
      Project: { fields: { assignments: list, employees: linked } },
    },
  });

export function connect({ url, token, trusted = false, webSocket }: Options) {
  const authorization = token && `Bearer ${token}`;
  const socket = createClient({
    url: url.replace(/^http/, 'ws'),
    webSocketImpl: webSocket,
    connectionParams: { authorization },
    // A deployment closes sockets; the client comes back, however long it takes.
    retryAttempts: Infinity,
    shouldRetry: () => true,
  });
  const ws = new GraphQLWsLink({
    ...socket,
    subscribe: (payload, sink) =>
      socket.subscribe(trusted ? { ...payload, query: '' } : payload, sink),
  });
  const http = new HttpLink({ uri: url, headers: authorization ? { authorization } : {} });
  const byKind = ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    ws,
    http,
  );
  const client = new ApolloClient({
    cache: newCache(),
    link: trusted ? byId.concat(byKind) : byKind,
  });
  const close = async () => {
    client.stop();
    await socket.dispose();
  };
  return { client, close };
}

/** Names a document as `persisted-documents.json` does. */
const byId = new ApolloLink((operation, forward) => {
  const { __meta__: meta } = operation.query as { __meta__?: { hash: string } };
  if (!meta) throw new Error(`${operation.operationName} was not written with graphql()`);
  operation.extensions.persistedQuery = { version: 1, sha256Hash: meta.hash };
  operation.setContext({ http: { includeExtensions: true, includeQuery: false } });
  return forward(operation);
});
