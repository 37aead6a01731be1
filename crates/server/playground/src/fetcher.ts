// How the playground asks the server: by POST, and over a WebSocket for subscriptions.

import { getOperationAST, parse, type ExecutionResult } from 'graphql';
import { createClient } from 'graphql-ws';
import type { GraphiQLProps } from 'graphiql';
import { endpoint, socketEndpoint } from './endpoint';
import { token } from './token';

type Fetcher = GraphiQLProps['fetcher'];
type Request_ = { query: string; variables?: Record<string, unknown>; operationName?: string };
type Headers_ = Record<string, string>;

export const fetcher: Fetcher = ({ query, variables, operationName }, options) => {
  const headers: Headers_ = {};
  if (token.get()) headers.authorization = `Bearer ${token.get()}`;
  // What the headers editor says wins.
  for (const [name, value] of Object.entries(options?.headers ?? {})) {
    headers[name.toLowerCase()] = String(value);
  }
  const operation = operationOf(query, operationName);
  const request = { query, variables, operationName: operation?.name?.value };
  return operation?.operation === 'subscription' ? subscribe(request, headers) : post(request, headers);
};

/** The operation of this name, or the only one: GraphiQL names a former one just after a change of tabs. */
function operationOf(query: string, name: string | null | undefined) {
  try {
    const document = parse(query);
    return getOperationAST(document, name) ?? getOperationAST(document);
  } catch {
    return null; // The server says what is wrong with it.
  }
}

async function post(request: Request_, headers: Headers_) {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: {
      accept: 'application/graphql-response+json, application/json;q=0.9',
      'content-type': 'application/json',
      // Ask what the operation costs: shown in the answer's `extensions`.
      'x-cost': 'true',
      ...headers,
    },
    body: JSON.stringify(request),
  });
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${response.status} ${response.statusText}: ${text.slice(0, 300)}`);
  }
}

function subscribe(request: Request_, connectionParams: Headers_) {
  const client = createClient({
    url: socketEndpoint,
    connectionParams,
    // Events may be missed in between, so rather say that it ended.
    retryAttempts: 0,
  });
  const events = client.iterate(request);
  const next = events.next.bind(events);
  events.next = () =>
    next().catch((error: unknown) => {
      throw error instanceof CloseEvent
        ? new Error(`The connection was closed: ${error.code} ${error.reason}`.trim())
        : error;
    });
  return events as AsyncIterable<ExecutionResult>;
}
