// What others say a GraphQL server must do: the audits of graphql-http, and the client graphql-ws.
//
// `npm ci && npm test` in this folder; ROSTER is the program, target/debug/roster unless given.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { serverAudits } from 'graphql-http';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const program = process.env.ROSTER ?? new URL('../../target/debug/roster', import.meta.url).pathname;
const server = spawn(program, ['demo', '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
const url = await new Promise((resolve, reject) => {
  let said = '';
  server.stdout.on('data', (data) => {
    said += data;
    const found = /(http:\/\/\S+\/graphql)/.exec(said);
    if (found) resolve(found[1]);
  });
  server.on('exit', () => reject(new Error(`${program} ended: ${said}`)));
});

const failed = [];

for (const { id, name, fn } of serverAudits({ url })) {
  const result = await fn();
  if (result.status !== 'ok') {
    failed.push(`${id} ${name}: ${result.reason}`);
  }
}
console.log(`graphql-http: ${serverAudits({ url }).length - failed.length} of ${serverAudits({ url }).length}`);

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

server.removeAllListeners('exit');
server.kill('SIGTERM');
const code = await new Promise((resolve) => server.on('exit', resolve));
if (code !== 0) failed.push(`the server ended with ${code}`);

for (const failure of failed) console.error(failure);
process.exit(failed.length === 0 ? 0 : 1);
