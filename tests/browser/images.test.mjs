// Refuses screenshots of pages that have changed since.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { sourcesHash } from './sources.mjs';

test('the screenshots show the pages as they are', () => {
  const [recorded] = readFileSync('../../docs/images/sources.txt', 'utf8').split(' ');
  assert.equal(recorded, sourcesHash(), 'make them with `npm run images --prefix tests/browser`, and look at them');
});
