// Refuses a breaking change of schema.graphql since the last release, unless CHANGELOG.md names it.
//
//   node breaking.mjs
//
// graphql.js finds the breaking changes. One is named if its coordinate, such as `Employee.name` or
// `Query.employee`, stands between backticks in the section «Unreleased». After a release,
// `released.graphql` is the new schema.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { buildSchema, findBreakingChanges } from 'graphql';

const read = (path) => readFileSync(new URL(path, import.meta.url), 'utf8');

/** Returns the breaking changes that the text does not name. */
function unnamed(before, after, changelog) {
  const [, unreleased = ''] = changelog.split(/^## /m);
  const named = new Set(unreleased.match(/(?<=`)[\w.]+(?=`)/g));
  return findBreakingChanges(buildSchema(before), buildSchema(after))
    .map(({ description }) => description)
    .filter((description) => !named.has(coordinate(description)));
}

/** Returns the type or field that graphql.js says has changed. */
function coordinate(description) {
  const owner = description.match(/ (?:on|from|to) (?:(?:input|enum|union) type |interface |directive )?([\w.]+) was/);
  const value = description.match(/^(\w+) was removed from (?:enum|union) type (\w+)/);
  return value ? `${value[2]}.${value[1]}` : (owner ?? description.match(/([\w.]*\w)/))[1];
}

// The check itself finds what it is for.
const employee = (fields) => `type Query { employee: Employee } type Employee { ${fields} }`;
const found = unnamed(employee('name: String! role: String'), employee('name: String'), '## Unreleased\n');
assert.deepEqual(found, [
  'Employee.role was removed.',
  'Employee.name changed type from String! to String.',
]);
const required = unnamed(employee('name(a: Int): ID'), employee('name(a: Int, b: Int!): ID'), '## Unreleased\nA `b`\n');
assert.deepEqual(required, ['A required arg b on Employee.name was added.']);
const values = (values) => `type Query { state: State } enum State { ${values} } input New { a: Int }`;
assert.equal(unnamed(values('ON OFF'), values('ON'), '## Unreleased\n- `OFF` is gone.\n').length, 1);
assert.equal(unnamed(values('ON OFF'), values('ON'), '## Unreleased\n- `State.OFF` is gone.\n').length, 0);
const field = values('ON').replace('a: Int', 'a: Int b: Int!');
assert.equal(unnamed(values('ON'), field, '## Unreleased\n- A required field.\n').length, 1);
assert.equal(unnamed(values('ON'), field, '## Unreleased\n- `New` takes more.\n').length, 0);
const changelog = '## Unreleased\n- `Employee.role` is gone.\n## 1.0\n- `Employee.name` is new.\n';
assert.deepEqual(unnamed(employee('name: ID role: ID'), employee('name: ID'), changelog), []);
assert.equal(unnamed(employee('name: ID role: ID'), employee('role: ID'), changelog).length, 1);

const breaking = unnamed(read('released.graphql'), read('../../schema.graphql'), read('../../CHANGELOG.md'));
for (const description of breaking) console.error(`breaking: ${description}`);
if (breaking.length > 0) {
  console.error('Deprecate instead, or name each in CHANGELOG.md under «Unreleased».');
  process.exit(1);
}
console.log('no breaking change of the schema since the last release');
