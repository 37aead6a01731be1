// Runs Relay's runtime against `roster demo` with the artifacts of its compiler.

import assert from 'node:assert/strict';
import { type ChildProcess } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import {
  ConnectionHandler,
  Environment,
  Network,
  RecordSource,
  Store,
  commitLocalUpdate,
  commitMutation,
  fetchQuery,
} from 'relay-runtime';
import mutation, {
  type ProjectPeopleDeleteMutation,
} from '../relay/__generated__/ProjectPeopleDeleteMutation.graphql.js';
import pagination, {
  type ProjectPeoplePaginationQuery,
} from '../relay/__generated__/ProjectPeoplePaginationQuery.graphql.js';
import query, {
  type ProjectPeopleQuery,
} from '../relay/__generated__/ProjectPeopleQuery.graphql.js';
import { demo } from './demo.js';

describe('Relay', { timeout: 60_000 }, () => {
  let server: ChildProcess;
  let environment: Environment;

  before(async () => {
    const started = await demo();
    server = started.server;
    const network = Network.create(async ({ text }, variables) => {
      const response = await fetch(started.url, {
        method: 'POST',
        headers: {
          accept: 'application/graphql-response+json',
          'content-type': 'application/json',
        },
        body: JSON.stringify({ query: text, variables }),
      });
      return response.json() as any;
    });
    environment = new Environment({ network, store: new Store(new RecordSource()) });
  });

  after(() => {
    server?.kill();
  });

  const connection = ConnectionHandler.getConnectionID('prj_1', 'ProjectPeople_employees');

  /** Returns the names in the connection, as a component would show them. */
  function names() {
    let names: unknown[] = [];
    commitLocalUpdate(environment, (store) => {
      const edges = store.get(connection)?.getLinkedRecords('edges') ?? [];
      names = edges.map((edge) => edge?.getLinkedRecord('node')?.getValue('name'));
    });
    return names;
  }

  test('a list pages, and a mutation takes its edges out of it', async () => {
    const variables = { id: 'prj_1' };
    await fetchQuery<ProjectPeopleQuery>(environment, query, variables).toPromise();
    const all = names();
    assert(all.includes('Tristan Tal'), `${all}`);

    const first = { id: 'prj_1', count: 1 };
    const page = fetchQuery<ProjectPeoplePaginationQuery>(environment, pagination, first);
    await page.toPromise();
    let cursor: string | null = null;
    commitLocalUpdate(environment, (store) => {
      const info = store.get(connection)?.getLinkedRecord('pageInfo');
      cursor = info?.getValue('endCursor') as string;
    });
    const rest = { id: 'prj_1', count: 20, cursor };
    await fetchQuery<ProjectPeoplePaginationQuery>(environment, pagination, rest).toPromise();
    assert.deepEqual(names(), all, 'two pages are the list');

    const deleted = await new Promise<ProjectPeopleDeleteMutation['response']>(
      (onCompleted, onError) => {
        commitMutation<ProjectPeopleDeleteMutation>(environment, {
          mutation,
          variables: { input: { id: 'emp_2' }, connections: [connection] },
          onCompleted,
          onError,
        });
      },
    );
    assert.deepEqual(deleted.deleteEmployee.userErrors, []);
    const others = all.filter((name) => name !== 'Tristan Tal');
    assert.deepEqual(names(), others);
  });
});
