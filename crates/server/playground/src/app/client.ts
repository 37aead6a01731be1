// How the page asks the server: by POST, and over one WebSocket for what changes.

import { createClient } from 'graphql-ws';
import { useSyncExternalStore } from 'react';
import { cacheExchange, Client, fetchExchange, subscriptionExchange } from 'urql';
import { endpoint, socketEndpoint } from '../endpoint';
import { token } from '../token';
import type { ChangesSubscription } from './gql/graphql';

const headers = (): Record<string, string> => (token.get() ? { authorization: `Bearer ${token.get()}` } : {});

type Connection = 'connecting' | 'live' | 'lost' | 'ended';
let connection: Connection = 'connecting';
const listeners = new Set<() => void>();

function become(now: Connection) {
  connection = now;
  for (const tell of listeners) tell();
}

/** Does it hear of changes at the moment? */
export const useConnection = () =>
  useSyncExternalStore(
    (tell) => {
      listeners.add(tell);
      return () => listeners.delete(tell);
    },
    () => connection,
  );

const socket = createClient({
  url: socketEndpoint,
  connectionParams: headers,
  keepAlive: 20_000,
  retryAttempts: Infinity,
  shouldRetry: () => true,
  on: { connected: () => become('live'), closed: () => connection === 'ended' || become('lost') },
});

export const client = new Client({
  url: endpoint,
  preferGetMethod: false,
  fetchOptions: () => ({ headers: headers() }),
  exchanges: [
    cacheExchange,
    subscriptionExchange({
      forwardSubscription: ({ query, variables }) => ({
        subscribe(sink) {
          // After a lost connection this is sent again, as it then is.
          const request = { query: query!, variables: { ...variables } };
          const unsubscribe = socket.subscribe<ChangesSubscription>(request, {
            next(result) {
              // Go on after the last event heard of: none is missed, none comes twice.
              if (result.data) request.variables.after = result.data.changes.cursor;
              sink.next({ data: result.data, errors: result.errors });
            },
            error(error) {
              become('ended');
              if (Array.isArray(error)) {
                sink.next({ errors: error });
                sink.complete();
              } else {
                sink.error(error instanceof CloseEvent ? new Error(`${error.code} ${error.reason}`.trim()) : error);
              }
            },
            complete: () => sink.complete(),
          });
          return { unsubscribe };
        },
      }),
    }),
    fetchExchange,
  ],
});
