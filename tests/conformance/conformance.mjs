// External conformance suites: the audits of graphql-http, and the clients graphql-ws, graphql-sse and
// EventSource.
//
// `npm ci && npm test` in this folder; ROSTER is the program, target/debug/roster unless given.

import assert from 'node:assert/strict';
import { EventSource } from 'eventsource';
import { serverAudits } from 'graphql-http';
import { createClient as createSseClient } from 'graphql-sse';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { start } from './server.mjs';

const { url, end } = await start();
const failed = [];

// The audits that the first release of «GraphQL over HTTP» contradicts, by the requirement that stands
// against them. `http.mjs` audits the release itself.
const CONTRADICTED = new Map([
  // «Body»: a server supports application/graphql-response+json and encodes in the highest priority that
  // it supports. A wildcard, or no Accept, allows that type, so nothing asks for application/json.
  ['a client that allows every type gets the type of the specification', ['47DE', '80D8']],
  // «Status Codes»: a request that is not well-formed, with a parameter of a wrong type or without
  // `query`, should be 422.
  ['a request that is not well-formed is 422', [
    '423L', 'LKJ0', 'LKJ1', 'LKJ2', 'LKJ3', '6C00', '6C01', '6C02', '6C03',
    '4760', '4761', '4762', '4763', '58B0', '58B1', '58B2', '58B3', '3E3A',
  ]],
  // «Body»: a client of application/json only is served as any other, except that a 2xx is labelled
  // application/json. So a document that does not parse is 400, not 200, and one that does not validate
  // or whose variables cannot be coerced is 422.
  ['a client of application/json gets the statuses of the specification', ['572B', 'FDE2', '7B9B']],
  // «Status Codes»: variables that cannot be coerced should be 422.
  ['variables that cannot be coerced are 422', ['86EE']],
].flatMap(([requirement, ids]) => ids.map((id) => [id, requirement])));

for (const { id, name, fn } of serverAudits({ url })) {
  const { status, reason } = await fn();
  if (CONTRADICTED.has(id)) {
    if (status === 'ok') failed.push(`${id} ${name}: holds, although it is listed as contradicted`);
  } else if (status !== 'ok') {
    failed.push(`${id} ${name}: ${reason}`);
  }
}
const audits = serverAudits({ url }).length;
console.log(`graphql-http: ${audits - CONTRADICTED.size - failed.length} of ${audits}, ${CONTRADICTED.size} contradict the release`);

async function check(name, run) {
  const client = createClient({ url: url.replace('http', 'ws'), webSocketImpl: WebSocket, retryAttempts: 0 });
  try {
    await run(client);
    console.log(`graphql-ws: ${name}`);
  } catch (error) {
    failed.push(`graphql-ws ${name}: ${error?.stack ?? JSON.stringify(error)}`);
  } finally {
    await client.dispose();
  }
}

const results = async (client, payload) => {
  const all = [];
  for await (const result of client.iterate(payload)) all.push(result);
  return all;
};

await check('a query gives one result and completes', async (client) => {
  assert.deepEqual(await results(client, { query: '{ employee(id: "emp_2") { name } }' }), [
    { data: { employee: { name: 'Tristan Tal' } } },
  ]);
});

await check('a lazy client closes its socket after each operation and opens another', async (client) => {
  const codes = [];
  client.on('closed', (event) => codes.push(event.code));
  for (let n = 0; n < 3; n++) {
    assert.deepEqual(await results(client, { query: '{ __typename }' }), [{ data: { __typename: 'Query' } }]);
  }
  while (codes.length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(codes.every((code) => code === 1000), `closed with ${codes}`);
});

await check('errors of fields come with the result', async (client) => {
  const [result] = await results(client, { query: '{ employees(first: 9999) { totalCount } }' });
  assert.equal(result.errors[0].extensions.code, 'BAD_USER_INPUT');
});

await check('a document that is not valid gives an error', async (client) => {
  const code = (query) => new Promise((resolve) => client.subscribe({ query }, {
    next: () => resolve('next'),
    complete: () => resolve('complete'),
    error: (errors) => resolve(errors[0]?.extensions?.code ?? String(errors)),
  }));
  assert.equal(await code('{ nothing }'), 'GRAPHQL_VALIDATION_FAILED');
  assert.equal(await code('{'), 'GRAPHQL_PARSE_FAILED');
});

await check('many operations share a socket', async (client) => {
  const all = await Promise.all(Array.from({ length: 40 }, (_, n) =>
    results(client, { query: 'query ($n: Int) { employees(first: $n) { nodes { id } } }', variables: { n: n % 4 } })));
  all.forEach(([result], n) => assert.equal(result.data.employees.nodes.length, n % 4));
});

const CREATE = 'mutation { createEmployee(input: {name: "E", hireDate: "2024-01-01"}) { employee { id } } }';

async function run(query) {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query }) });
  return (await response.json()).data;
}

async function checkSse(name, run) {
  const client = createSseClient({ url, retryAttempts: 0 });
  try {
    await run(client);
    console.log(`graphql-sse: ${name}`);
  } catch (error) {
    failed.push(`graphql-sse ${name}: ${error?.stack ?? JSON.stringify(error)}`);
  } finally {
    client.dispose();
  }
}

await checkSse('a query gives one result and completes', async (client) => {
  assert.deepEqual(await results(client, { query: '{ employee(id: "emp_2") { name } }' }), [
    { data: { employee: { name: 'Tristan Tal' } } },
  ]);
});

await checkSse('a document that is not valid gives a result with errors', async (client) => {
  for (const [query, code] of [['{ nothing }', 'GRAPHQL_VALIDATION_FAILED'], ['{', 'GRAPHQL_PARSE_FAILED']]) {
    const [result] = await results(client, { query });
    assert.equal(result.errors[0].extensions.code, code);
  }
});

await checkSse('a subscription gives every change', async (client) => {
  const { changes } = await run('{ changes(first: 0) { latestCursor } }');
  const query = 'subscription ($after: String) { changes(after: $after) { touchedIds } }';
  const events = client.iterate({ query, variables: { after: changes.latestCursor } });
  for (let n = 0; n < 3; n++) {
    const { createEmployee } = await run(CREATE);
    const { value } = await events.next();
    assert.deepEqual(value.data.changes.touchedIds, [createEmployee.employee.id]);
  }
  await events.return();
});

// A browser's EventSource: GET, no body, no headers of its own; it connects again by itself.
try {
  const query = 'subscription { changes { touchedIds } }';
  let connections = 0;
  // The subscription begins with an id; `open` comes before it.
  let started;
  const start = new Promise((resolve) => { started = resolve; });
  const source = new EventSource(`${url}?query=${encodeURIComponent(query)}`, {
    fetch: async (address, init) => {
      connections += 1;
      const response = await fetch(address, init);
      if (connections > 1) return response;
      // The first connection is cut behind its first event.
      const cut = new TransformStream({
        transform(bytes, controller) {
          controller.enqueue(bytes);
          const text = new TextDecoder().decode(bytes);
          if (text.includes('id:')) started();
          if (text.includes('event: next')) controller.terminate();
        },
      });
      return new Response(response.body.pipeThrough(cut), response);
    },
  });
  const received = [];
  let arrived = () => {};
  source.addEventListener('next', ({ data }) => {
    received.push(JSON.parse(data).data.changes.touchedIds[0]);
    arrived();
  });
  await start;
  const made = [];
  for (let n = 0; n < 5; n++) made.push((await run(CREATE)).createEmployee.employee.id);
  const late = setTimeout(() => { throw new Error(`only ${received} of ${made} arrived`); }, 20_000);
  while (received.length < made.length) await new Promise((resolve) => { arrived = resolve; });
  clearTimeout(late);
  source.close();
  assert.deepEqual(received, made);
  assert.ok(connections > 1, 'it was not cut');
  console.log('EventSource: it resumes behind the last event after its connection was cut');
} catch (error) {
  failed.push(`EventSource: ${error?.stack ?? error}`);
}

const code = await end();
if (code !== 0) failed.push(`the server ended with ${code}`);

for (const failure of failed) console.error(failure);
process.exit(failed.length === 0 ? 0 : 1);
