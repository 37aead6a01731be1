// A server with the lesson's company.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export const ROSTER =
  process.env.ROSTER ?? `${process.env.CARGO_TARGET_DIR ?? '../../target'}/debug/roster`;

/** Starts a server. Resolves to the server and its address. */
export async function demo(options: string[] = []) {
  const args = ['demo', '--port', '0', ...options];
  const server = spawn(ROSTER, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface(server.stdout)) {
    const url = line.match(/http:\/\/\S+\/graphql$/)?.[0];
    if (!url) continue;
    const ready = await fetch(url.replace('/graphql', '/health/ready'));
    assert.equal(ready.status, 200);
    return { server, url };
  }
  throw new Error(`${ROSTER} did not say where it listens`);
}
