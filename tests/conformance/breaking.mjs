// Refuses a breaking change of schema.graphql since the last release, unless CHANGELOG.md names it.
//
//   node breaking.mjs
//
// A breaking change is one that graphql.js finds to be one. It is named if its coordinate, such as
// `Employee.name`, is in the section «Unreleased». After a release, `released.graphql` is the new schema.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { buildSchema, findBreakingChanges } from 'graphql';

const read = (path) => readFileSync(new URL(path, import.meta.url), 'utf8');

/** Returns the breaking changes that the text does not name. */
function unnamed(before, after, changelog) {
  const [, unreleased = ''] = changelog.split(/^## /m);
  const named = new Set(unreleased.match(/\w+(\.\w+)*/g));
  return findBreakingChanges(buildSchema(before), buildSchema(after))
    .map(({ description }) => description)
    .filter((description) => !named.has(description.match(/\w+(\.\w+)*/)[0]));
}

// The check itself finds what it is for.
const employee = (fields) => `type Query { employee: Employee } type Employee { ${fields} }`;
const found = unnamed(employee('name: String! role: String'), employee('name: String'), '## Unreleased\n');
assert.deepEqual(found, [
  'Employee.role was removed.',
  'Employee.name changed type from String! to String.',
]);
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
