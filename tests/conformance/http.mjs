// An audit of the first release of «GraphQL over HTTP» (September 2026): each MUST and SHOULD for a
// server as one case, over plain HTTP, with its section and the requirement in our own words.
// Requirements for clients only, and for what no request can show (418, a 5xx by a fault), are left out.
//
// `node http.mjs` audits `roster demo`; `node http.mjs URL` any server. Such a server may need, as
// variables of the environment:
//   PARTIAL    a query whose answer has `data: null` and errors, or some data and errors
//   HEADERS    further headers of each request, as a JSON object
//   MOST_BODY  bytes of a body that the server refuses by its size

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { start } from './server.mjs';

const RESPONSE = 'application/graphql-response+json';
const JSON_TYPE = 'application/json';
const LEGACY_AND_NEW = `${RESPONSE}, ${JSON_TYPE};q=0.9`;
const TYPENAME = '{ __typename }';
const UNKNOWN_FIELD = '{ doesNotExist8f31403d }';

const roster = process.argv[2] ? undefined : await start('--limit', 'body_timeout=1,header_size=8192');
const url = process.argv[2] ?? roster.url;
const OF_ROSTER = [
  '{ employees(first: 9999) { totalCount } }',
  '{ __typename employee(id: "emp_2") { meetings(first: 9999) { totalCount } } }',
];
const PARTIAL = process.env.PARTIAL ? [process.env.PARTIAL] : roster ? OF_ROSTER : [];
const HEADERS = JSON.parse(process.env.HEADERS ?? '{}');
const MOST_BODY = Number(process.env.MOST_BODY ?? (roster ? 1_100_000 : 0));

/** Sends a request. Returns status, headers, text, and the JSON if it is some. */
async function send(method, { to = url, type = JSON_TYPE, accept = RESPONSE, body, headers = {} } = {}) {
  const all = { ...HEADERS, ...headers };
  if (body !== undefined && type) all['content-type'] = type;
  if (accept) all.accept = accept;
  const response = await fetch(to, { method, headers: all, body });
  const text = await response.text();
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    // Not every answer is JSON.
  }
  return { status: response.status, headers: response.headers, text, json };
}

const post = (request, options = {}) =>
  send('POST', { body: typeof request === 'string' ? request : JSON.stringify(request), ...options });

const get = (parameters, options = {}) => {
  const to = new URL(url);
  for (const [name, value] of Object.entries(parameters)) to.searchParams.append(name, value);
  return send('GET', { to, ...options });
};

/** Writes bytes and returns what the server answers until it closes the connection. */
function raw(text) {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port || 80), hostname, () => socket.write(text));
    let answer = '';
    socket.on('data', (data) => { answer += data; });
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
    socket.setTimeout(20_000, () => socket.destroy(new Error('no answer in 20 s')));
  });
}

const essence = (answer) => (answer.headers.get('content-type') ?? '').split(';')[0].trim();
const is4xx = (answer) => assert.ok(answer.status >= 400 && answer.status < 500, `status ${answer.status}`);
const isFailure = (answer) => assert.ok(answer.status >= 400 && answer.status < 600, `status ${answer.status}`);
const is = (answer, status) => assert.equal(answer.status, status, answer.text.slice(0, 200));
const typename = (answer) => assert.equal(typeof answer.json?.data?.__typename, 'string', answer.text.slice(0, 200));
const hasNoData = (answer) => assert.ok(answer.json && !('data' in answer.json), answer.text.slice(0, 200));

const cases = [];
const must = (section, requirement, run) => cases.push({ level: 'MUST', section, requirement, run });
const should = (section, requirement, run) => cases.push({ level: 'SHOULD', section, requirement, run });

must('URL', 'GraphQL requests reach a schema', async () => typename(await post({ query: TYPENAME })));
must('URL', 'each schema has a URL', async () => {
  const answer = await post({ query: '{ __schema { queryType { name } } }' });
  assert.ok(answer.json?.data || answer.json?.errors, answer.text.slice(0, 200));
});
must('Serialization Format', 'JSON is understood and written', async () => {
  assert.ok((await post({ query: TYPENAME })).json);
});
must('Media Types', 'a recognised Content-Type without charset is UTF-8', async () => {
  typename(await post({ query: `${TYPENAME} # é €` }));
});
must('Media Types', 'a recognised type in Accept without charset is answered in UTF-8', async () => {
  const answer = await post({ query: TYPENAME }, { accept: RESPONSE });
  const charset = /charset=([^;]+)/i.exec(answer.headers.get('content-type'));
  assert.ok(!charset || /^"?utf-?8"?$/i.test(charset[1]));
});
must('Request', 'POST is accepted', async () => is(await post({ query: TYPENAME }), 200));
must('Request Parameters', '`query` is a string', async () => {
  typename(await post({ query: TYPENAME }));
  for (const query of [1, true, [], {}, null]) isFailure(await post({ query }));
});
must('Request Parameters', '`operationName` is a string that selects an operation', async () => {
  const query = 'query A { a: __typename } query B { b: __typename }';
  assert.ok('b' in (await post({ query, operationName: 'B' })).json.data);
  for (const operationName of [1, [], {}]) isFailure(await post({ query, operationName }));
});
must('Request Parameters', '`variables` is a map', async () => {
  const query = 'query ($yes: Boolean!) { __typename @include(if: $yes) }';
  typename(await post({ query, variables: { yes: true } }));
  for (const variables of [1, 'x', [7]]) isFailure(await post({ query, variables }));
});
must('Request Parameters', '`extensions` is a map', async () => {
  typename(await post({ query: TYPENAME, extensions: { audit: { a: 1 } } }));
  for (const extensions of [1, 'x', [7]]) isFailure(await post({ query: TYPENAME, extensions }));
});
must('GET', 'the parameters are read from the query component as URLSearchParams encode them', async () => {
  typename(await get({ query: 'query A { __typename } query B { x: __typename }', operationName: 'A' }));
});
must('GET', '`variables` and `extensions` are JSON texts', async () => {
  const query = 'query ($yes: Boolean!) { __typename @include(if: $yes) }';
  typename(await get({ query, variables: '{"yes": true}', extensions: '{"audit": 1}' }));
  isFailure(await get({ query, variables: '{' }));
});
must('GET', 'an empty optional parameter is like none', async () => {
  typename(await get({ query: TYPENAME, operationName: '', variables: '', extensions: '' }));
});
must('GET', '`operationName=null` means the operation with that name', async () => {
  typename(await get({ query: 'query null { __typename } query b { b: __typename }', operationName: 'null' }));
});
must('GET', 'a mutation by GET is refused with a 4xx and does not run', async () => {
  const answer = await get({ query: 'mutation { __typename }' });
  is4xx(answer);
  assert.ok(!answer.json?.data, answer.text);
});
should('GET', 'a mutation by GET is 405', async () => is(await get({ query: 'mutation { __typename }' }), 405));
must('GET', 'the operation that `operationName` selects decides whether it is a mutation', async () => {
  const query = 'mutation M { __typename } query Q { __typename }';
  typename(await get({ query, operationName: 'Q' }));
  is4xx(await get({ query, operationName: 'M' }));
});
must('POST', 'a body of application/json in UTF-8 is supported', async () => {
  typename(await post({ query: TYPENAME }, { type: 'application/json; charset=utf-8' }));
});
must('POST', 'without a charset the body is UTF-8', async () => {
  typename(await post({ query: `${TYPENAME} # 你好 🙂` }, { type: 'application/json' }));
});
should('POST', 'a body without Content-Type is refused with a 4xx', async () => {
  const body = new Blob([JSON.stringify({ query: TYPENAME })]);
  is4xx(await send('POST', { body, type: null }));
});
must('JSON Encoding', 'unknown properties are ignored', async () => {
  typename(await post({ query: TYPENAME, audit: { unknown: true }, id: 7 }));
});
must('JSON Encoding', 'null for an optional parameter is like none', async () => {
  typename(await post({ query: TYPENAME, operationName: null, variables: null, extensions: null }));
});
must('Response', 'a well-formed request gets a well-formed GraphQL response', async () => {
  for (const query of [TYPENAME, UNKNOWN_FIELD, '{']) {
    const { json } = await post({ query });
    assert.ok(json && ('data' in json || Array.isArray(json.errors)));
    for (const error of json.errors ?? []) assert.equal(typeof error.message, 'string');
    for (const key of Object.keys(json)) assert.ok(['data', 'errors', 'extensions'].includes(key), key);
  }
});
must('Body', 'Content-Type says which media type the answer has', async () => {
  assert.equal(essence(await post({ query: TYPENAME })), RESPONSE);
});
should('Body', 'Content-Type says which encoding the answer has', async () => {
  assert.match((await post({ query: TYPENAME })).headers.get('content-type'), /charset=utf-8/i);
});
must('Body', `${RESPONSE} is supported`, async () => {
  for (const query of [TYPENAME, UNKNOWN_FIELD]) assert.equal(essence(await post({ query })), RESPONSE);
});
must('Body', 'the supported type with the highest priority is chosen', async () => {
  const label = async (accept) => essence(await post({ query: TYPENAME }, { accept }));
  assert.equal(await label(LEGACY_AND_NEW), RESPONSE);
  assert.equal(await label(`image/png, ${RESPONSE};q=0.5`), RESPONSE);
  assert.equal(await label(`${JSON_TYPE};q=0.9, ${RESPONSE}`), RESPONSE);
  assert.equal(await label(`${RESPONSE};q=0, ${JSON_TYPE}`), JSON_TYPE);
});
must('Body', 'a request that accepts no supported type is 406 or answered in a type of the server', async () => {
  const answer = await post({ query: TYPENAME }, { accept: 'image/png' });
  assert.ok(answer.status === 406 || answer.json, `status ${answer.status}`);
});
should('Body', 'a client of application/json only gets the same statuses for failures', async () => {
  for (const request of ['NONSENSE', {}, { query: '{' }, { query: UNKNOWN_FIELD }]) {
    const [legacy, modern] = [await post(request, { accept: JSON_TYPE }), await post(request)];
    assert.equal(legacy.status, modern.status);
  }
});
should('Body', 'a 2xx for a client of application/json only is labelled application/json', async () => {
  const answer = await post({ query: TYPENAME }, { accept: JSON_TYPE });
  is(answer, 200);
  assert.equal(essence(answer), JSON_TYPE);
});
should('Body', 'a request that accepts no supported type is 406', async () => {
  is(await post({ query: TYPENAME }, { accept: 'image/png' }), 406);
});
should('Validation', 'the rules of the GraphQL specification are applied', async () => {
  for (const query of [
    UNKNOWN_FIELD,
    '{ __typename { x } }',
    'query ($x: Unknown8f31403d) { __typename }',
    '{ __typename @unknown8f31403d }',
    'query A { __typename } query A { __typename }',
    '{ ...Missing }',
    'query ($x: Int) { __typename }',
  ]) {
    hasNoData(await post({ query }));
  }
});
should('Status Codes', 'a failure before a GraphQL response has a 4xx or 5xx', async () => isFailure(await post('NONSENSE')));
must('Status Codes', `an answer that is no GraphQL response is not labelled ${RESPONSE}`, async () => {
  for (const answer of [
    await post('NONSENSE'),
    await send('PUT', { body: 'x' }),
    await post({ query: TYPENAME }, { accept: 'image/png' }),
    await post({ query: TYPENAME }, { type: 'text/plain' }),
  ]) {
    if (essence(answer) === RESPONSE) assert.ok(Array.isArray(answer.json?.errors), answer.text.slice(0, 200));
  }
});
must('Status Codes', 'data that is not null has a 2xx', async () => {
  const answer = await post({ query: TYPENAME });
  assert.ok(answer.status >= 200 && answer.status < 300);
});
should('Status Codes', 'data without errors is 200', async () => is(await post({ query: TYPENAME }), 200));
for (const query of PARTIAL) {
  should('Status Codes', `data with errors, null too, is 294 as ${RESPONSE}`, async () => {
    const answer = await post({ query });
    assert.ok('data' in answer.json && answer.json.errors.length > 0, answer.text.slice(0, 200));
    is(answer, 294);
    assert.equal(essence(answer), RESPONSE);
  });
  must('Status Codes', 'data with errors is no 4xx and no 5xx for any client', async () => {
    const answer = await post({ query }, { accept: JSON_TYPE });
    assert.ok(answer.status >= 200 && answer.status < 300, `status ${answer.status}`);
  });
}
must('Status Codes', 'an answer without data has a 4xx or 5xx', async () => {
  for (const request of [{ query: '{' }, { query: UNKNOWN_FIELD }, {}, 'NONSENSE']) {
    for (const accept of [RESPONSE, JSON_TYPE, LEGACY_AND_NEW]) {
      const answer = await post(request, { accept });
      isFailure(answer);
      if (answer.json) hasNoData(answer);
    }
  }
});
should('Status Codes', 'an unsupported method is 405, and Allow names the others', async () => {
  for (const method of ['PUT', 'DELETE', 'PATCH']) {
    const answer = await send(method, { body: JSON.stringify({ query: TYPENAME }) });
    is(answer, 405);
    assert.match(answer.headers.get('allow'), /POST/);
  }
});
must('Status Codes', 'a 405 for a mutation by GET has Allow', async () => {
  const answer = await get({ query: 'mutation { __typename }' });
  if (answer.status === 405) assert.match(answer.headers.get('allow'), /POST/);
});
should('Status Codes', 'an unsupported Content-Type is 415', async () => {
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=iso-8859-1']) {
    is(await post({ query: TYPENAME }, { type }), 415);
  }
});
if (roster) {
  should('Status Codes', 'a request that does not arrive in time is 408', async () => {
    const { host } = new URL(url);
    const answer = await raw(`POST /graphql HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{`);
    assert.match(answer, /^HTTP\/1.1 408 /);
  });
}
should('Status Codes', 'a URI that is too long is 414, headers that are too large are 431', async () => {
  const { host, pathname } = new URL(url);
  const long = 'x'.repeat(100_000);
  const uri = await raw(`GET ${pathname}?query=${long} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  assert.match(uri, /^HTTP\/1.1 (414|431) /);
  const header = await raw(`GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nX-Long: ${long}\r\nConnection: close\r\n\r\n`);
  assert.match(header, /^HTTP\/1.1 431 /);
});
if (MOST_BODY) {
  should('Status Codes', 'a body that is too large is 413', async () => {
    is(await post({ query: `${TYPENAME} #${'x'.repeat(MOST_BODY)}` }), 413);
  });
}
should('Status Codes', 'JSON that does not parse is 400', async () => {
  for (const body of ['NONSENSE', '{"query":', '']) is(await post(body), 400);
});
should('Status Codes', 'JSON that is no well-formed request is 422', async () => {
  for (const request of [
    {},
    [],
    { qeury: TYPENAME },
    { query: 7 },
    { query: 'query Q ($i: Int!) { __typename }', variables: [7] },
    { query: TYPENAME, operationName: 7 },
    { query: TYPENAME, extensions: 'x' },
  ]) {
    is(await post(request), 422);
  }
});
should('Status Codes', 'a document that does not parse is 400', async () => {
  for (const query of ['{', '', 'query {', '{ a(: 1) }']) is(await post({ query }), 400);
});
should('Status Codes', 'a document that does not validate is 422 and does not run', async () => {
  const answer = await post({ query: UNKNOWN_FIELD });
  is(answer, 422);
  hasNoData(answer);
});
should('Status Codes', 'an operation that cannot be determined is 422 and does not run', async () => {
  const query = 'query A { __typename } query B { __typename }';
  for (const request of [{ query }, { query, operationName: 'C' }, { query: TYPENAME, operationName: 'A' }]) {
    const answer = await post(request);
    is(answer, 422);
    hasNoData(answer);
  }
});
should('Status Codes', 'variables that cannot be coerced are 422 and the operation does not run', async () => {
  const query = 'query ($yes: Boolean!) { __typename @include(if: $yes) }';
  for (const variables of [{}, { yes: null }, { yes: 'x' }]) {
    const answer = await post({ query, variables });
    is(answer, 422);
    hasNoData(answer);
  }
});
should('URL', 'whether a request is let in does not depend on its contents', async () => {
  const statuses = [];
  for (const query of [TYPENAME, 'mutation { __typename }']) statuses.push((await post({ query })).status);
  assert.deepEqual(statuses, [200, 200]);
});

let failures = 0;
for (const { level, section, requirement, run } of cases) {
  try {
    await run();
    console.log(`ok    ${level.padEnd(6)} ${section}: ${requirement}`);
  } catch (error) {
    failures += 1;
    console.error(`FAILS ${level.padEnd(6)} ${section}: ${requirement}\n      ${String(error.message).split('\n').join('\n      ')}`);
  }
}
console.log(`${cases.length - failures} of ${cases.length} requirements of GraphQL over HTTP hold`);
await roster?.end();
process.exit(failures === 0 ? 0 : 1);
