// Runs urql against `roster demo`: the core, with graphql-ws for subscriptions.

import assert from 'node:assert/strict';
import { type ChildProcess } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { Client, fetchExchange, subscriptionExchange } from '@urql/core';
import { type Client as Socket, createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { CHANGES, LATEST, PROJECT } from '../src/roster.js';
import { demo } from './demo.js';

describe('urql', { timeout: 60_000 }, () => {
  let server: ChildProcess;
  let socket: Socket;
  let client: Client;

  before(async () => {
    const started = await demo();
    server = started.server;
    socket = createClient({ url: started.url.replace(/^http/, 'ws'), webSocketImpl: WebSocket });
    const forwardSubscription = (request: { query?: string; variables?: unknown }) => ({
      subscribe: (sink: any) => ({
        unsubscribe: socket.subscribe({ ...request, query: request.query ?? '' } as any, sink),
      }),
    });
    client = new Client({
      url: started.url,
      exchanges: [subscriptionExchange({ forwardSubscription }), fetchExchange],
      preferGetMethod: false,
    });
  });

  after(async () => {
    await socket?.dispose();
    server?.kill();
  });

  test('a link between two things carries its own data', async () => {
    const { data, error } = await client.query(PROJECT, { id: 'prj_1' }).toPromise();
    assert.equal(error, undefined);
    const edges = data!.project!.employees.edges;
    const names = edges.map(({ node }) => node.name);
    assert(names.includes('Tristan Tal'), `${names}`);
  });

  test('a subscription goes on behind a cursor', async () => {
    const latest = await client.query(LATEST, {}).toPromise();
    const after = latest.data!.changes.latestCursor;
    const event = new Promise<string[]>((resolve, reject) => {
      const { unsubscribe } = client.subscription(CHANGES, { after }).subscribe((result) => {
        setImmediate(() => unsubscribe());
        if (result.data) resolve(result.data.changes.touchedIds);
        else reject(result.error);
      });
    });
    const create = 'mutation { createProject(input: { title: "P" }) { project { id } } }';
    const created = await client.mutation(create, {}).toPromise();
    assert.deepEqual(await event, [created.data.createProject.project.id]);
  });

  test('a refused request and data with errors have the code of the server', async () => {
    const refused = await client.query('{ projekt }', {}).toPromise();
    assert.equal(refused.error?.graphQLErrors[0]?.extensions.code, 'GRAPHQL_VALIDATION_FAILED');
    const text = '{ viewer { role } project(id: "prj_1") { employees(after: "x") { nodes { id } } } }';
    const partial = await client.query(text, {}).toPromise();
    assert.equal(partial.error?.graphQLErrors[0]?.extensions.code, 'BAD_USER_INPUT');
    assert.deepEqual(partial.data, { viewer: { role: 'EDITOR' }, project: null });
  });
});
