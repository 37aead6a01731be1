// Data that stays right: a cursor first, then the data, then every change after the cursor.

import { createContext, useContext, useEffect, useRef, useState, type ReactNode } from 'react';
import { useQuery, useSubscription, type AnyVariables, type TypedDocumentNode } from 'urql';
import { Failure } from './parts';
import { graphql } from './gql';
import type { ChangesSubscription } from './gql/graphql';

const Start = graphql(`
  query Start {
    changes(first: 0) {
      latestCursor
    }
  }
`);

const Changes = graphql(`
  subscription Changes($after: String!) {
    changes(after: $after, where: { types: [ASSIGNMENT, EMPLOYEE, PROJECT] }) {
      cursor
      occurredAt
      type
      kind
      touchedIds
      employee {
        name
      }
      project {
        title
      }
    }
  }
`);

export type Change = ChangesSubscription['changes'];
type Live = { changes: Change[]; version: number; touches: (id: string) => boolean };

const Context = createContext<Live>({ changes: [], version: 0, touches: () => false });
export const useLive = () => useContext(Context);

/** What is inside begins when a cursor is known, and hears of the changes after it. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const [{ data, error, fetching }, restart] = useQuery({ query: Start, requestPolicy: 'network-only' });
  if (error) return <Failure error={error} />;
  if (!data || fetching) return <p className="loading">Loading…</p>;
  return (
    <Following after={data.changes.latestCursor} onExpired={restart}>
      {children}
    </Following>
  );
}

type Props = { after: string; onExpired: () => void; children: ReactNode };

function Following({ after, onExpired, children }: Props) {
  const [{ data: changes = [], error }] = useSubscription(
    { query: Changes, variables: { after } },
    (earlier: Change[] = [], { changes: latest }) => [latest, ...earlier].slice(0, 5),
  );
  // Of a burst of changes only some are asked about.
  const [version, setVersion] = useState(0);
  const timer = useRef<number>(undefined);
  const latest = changes[0];
  useEffect(() => {
    if (!latest) return;
    timer.current ??= window.setTimeout(() => {
      timer.current = undefined;
      setVersion((version) => version + 1);
    }, 100);
  }, [latest]);

  const isExpired = error?.graphQLErrors.some(({ extensions }) => extensions.code === 'CURSOR_EXPIRED');
  useEffect(() => {
    if (isExpired) onExpired();
  }, [isExpired, onExpired]);

  const touches = (id: string) => latest?.touchedIds.includes(id) ?? false;
  return (
    <Context value={{ changes, version, touches }}>
      {error && <Failure error={error} />}
      {children}
    </Context>
  );
}

/** A query that is asked again when something has changed. */
export function useLiveQuery<Data, Variables extends AnyVariables>(
  query: TypedDocumentNode<Data, Variables>,
  variables: Variables,
) {
  const { version } = useLive();
  const [result, ask] = useQuery<Data, AnyVariables>({ query, variables, requestPolicy: 'cache-and-network' });
  const asked = useRef(version);
  useEffect(() => {
    if (asked.current === version) return;
    asked.current = version;
    ask({ requestPolicy: 'network-only' });
  }, [version, ask]);
  return result;
}
