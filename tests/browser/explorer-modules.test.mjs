// The explorer's modules that need no page: formatting, checks, completion, events.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { check } from '../../crates/server/explorer/check.js';
import { completions } from '../../crates/server/explorer/complete.js';
import { format } from '../../crates/server/explorer/format.js';
import { buildSchema } from '../../crates/server/explorer/schema.js';

const EXAMPLES = '../../crates/server/playground/examples';

/** `type Query { hero(id: ID!, side: Side): Hero }`, `type Hero { name: String! }`, `enum Side { LIGHT DARK }` */
const named = (kind, name) => ({ kind, name });
const required = (ofType) => ({ kind: 'NON_NULL', ofType });
const schema = buildSchema({
  __schema: {
    queryType: { name: 'Query' },
    directives: [{ name: 'skip', args: [{ name: 'if', type: required(named('SCALAR', 'Boolean')) }] }],
    types: [
      { kind: 'OBJECT', name: 'Query', fields: [{ name: 'hero', type: named('OBJECT', 'Hero'), args: [{ name: 'id', type: required(named('SCALAR', 'ID')) }, { name: 'side', type: named('ENUM', 'Side') }] }] },
      { kind: 'OBJECT', name: 'Hero', fields: [{ name: 'name', type: required(named('SCALAR', 'String')), args: [] }] },
      { kind: 'ENUM', name: 'Side', enumValues: [{ name: 'LIGHT' }, { name: 'DARK' }] },
      ...['ID', 'String', 'Boolean', 'Int'].map((name) => named('SCALAR', name)),
    ],
  },
});

const problems = (text) => check(text, schema).problems.map(({ start, end, message }) => `${text.slice(start, end)}: ${message}`);

/** Labels of the completions at `|`. */
function labels(text) {
  const caret = text.indexOf('|');
  return completions(schema, text.replace('|', ''), caret)?.items.map(({ label }) => label) ?? [];
}

test('the examples are formatted, and formatting twice changes nothing', () => {
  for (const file of readdirSync(EXAMPLES)) {
    const text = readFileSync(`${EXAMPLES}/${file}`, 'utf8');
    assert.equal(format(text), text, file);
  }
  const odd = '#a\nquery A($ids:[ID!]!=["a" "b"],$n:Int=3 @x)@live{a:b(c:{d:$n,e:[$n {f:1}]} # g\n)@skip(if:$n){...on X{i}...{x}...F # t\non\n\n\nname}}fragment F on Y{a}';
  assert.equal(format(format(odd)), format(odd));
  assert.equal(format('{ a'), null);
});

test('problems are at the token that has them', () => {
  assert.deepEqual(problems('{ hero(id: 1) { name } }'), []);
  assert.deepEqual(problems('{ hero(id: "1") { nope } }'), ['nope: Cannot query field "nope" on type "Hero".']);
  assert.deepEqual(problems('{ hero { name } }'), ['hero: Argument "id" of type "ID!" is missing.']);
  assert.deepEqual(problems('{ hero(id: 1, side: RED) { name } }'), ['RED: Unknown value "RED" of "Side".']);
  assert.deepEqual(problems('query ($x: Sith) { hero(id: $x) { name } }'), ['Sith: Unknown type "Sith", or one that cannot be here.']);
  assert.deepEqual(problems('{ hero(id: $x) { name } }'), ['x: Unknown variable "x".']);
  assert.deepEqual(problems('{ hero(id: 1) }'), ['hero: Field "hero" of type "Hero" needs fields: { … }.']);
  assert.match(problems('{ hero(id: 1) { name }')[0], /Syntax Error: .*found the end/);
});

test('completion knows what may stand at the caret', () => {
  assert.deepEqual(labels('{ he| }'), ['hero']);
  assert.deepEqual(labels('{ hero| }'), [], 'the name is complete');
  assert.deepEqual(labels('{ hero(|'), ['id', 'side']);
  assert.deepEqual(labels('{ hero(id: 1, | ) { name } }'), ['side']);
  assert.deepEqual(labels('{ hero(side: |'), ['LIGHT', 'DARK']);
  assert.deepEqual(labels('{ hero(id: 1) { | } }'), ['name', '__typename']);
  assert.deepEqual(labels('query ($id: I|'), ['ID', 'Int', 'Side', 'String']);
  assert.deepEqual(labels('query ($id: ID!) { hero(id: $|'), ['id']);
  assert.deepEqual(labels('{ hero(id: 1) @|'), ['skip']);
  assert.deepEqual(labels('{ hero(id: 1) { ...| } } fragment Names on Hero { name }'), ['Names', 'on Query', 'on Hero']);
  assert.deepEqual(labels('# he|'), []);
  assert.deepEqual(labels('{ hero(id: "he|'), []);
});

test('a subscription resumes behind its last event after a cut connection', async () => {
  const requests = [];
  const server = createServer((request, response) => {
    requests.push(request.headers['last-event-id']);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const first = 'id: 1\n\n:\n\nevent: next\nid: 2\ndata: {"data":1}\n\n';
    if (requests.length === 1) response.write(first, () => setTimeout(() => response.destroy(), 50));
    else response.end('event: next\nid: 3\ndata: {"data":"a\u2028event: complete"}\n\nevent: complete\ndata:\n\n');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  globalThis.document = { baseURI: `http://127.0.0.1:${server.address().port}/` };
  const { subscribe } = await import('../../crates/server/explorer/client.js');
  const events = [];
  const waits = [];
  const on = { open() {}, event: (text) => events.push(text), wait: (seconds) => waits.push(seconds) };
  const refused = await subscribe({ query: 'subscription { a }' }, new Headers(), new AbortController().signal, on);
  server.close();
  assert.equal(refused, null);
  assert.deepEqual(requests, [undefined, '2']);
  assert.deepEqual(events, ['{"data":1}', '{"data":"a\u2028event: complete"}']);
  assert.equal(waits.length, 1);
});

test('a full or damaged storage of the browser stops nothing', async () => {
  const setItem = () => {
    throw new Error('the quota is exceeded');
  };
  globalThis.localStorage = { getItem: () => '{damaged', setItem };
  const { stored } = await import('../../crates/server/explorer/dom.js');
  const value = stored('key', []);
  assert.deepEqual(value.get(), []);
  value.set([1]);
  assert.deepEqual(value.get(), [1]);
});
