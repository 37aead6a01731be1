// Hash of the pages that the screenshots of the README show.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';

/** Files and folders, relative to `crates/server`. */
export const SOURCES = ['explorer', 'playground/app.html', 'playground/src'];

const SERVER = '../../crates/server';

const files = (path) =>
  statSync(path).isDirectory() ? readdirSync(path).sort().flatMap((name) => files(`${path}/${name}`)) : [path];

export function sourcesHash() {
  const hash = createHash('sha256');
  for (const source of SOURCES) for (const file of files(`${SERVER}/${source}`)) hash.update(readFileSync(file));
  return hash.digest('hex');
}
