// Starts `roster demo` for a suite. ROSTER is the program, target/debug/roster unless given.

import { spawn } from 'node:child_process';

const program = process.env.ROSTER ?? new URL('../../target/debug/roster', import.meta.url).pathname;

/** Starts the program. Returns the URL of its endpoint, and a function that ends it and returns its exit code. */
export async function start(...options) {
  const server = spawn(program, ['demo', '--port', '0', ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
  const url = await new Promise((resolve, reject) => {
    let said = '';
    server.stdout.on('data', (data) => {
      said += data;
      const found = /(http:\/\/\S+\/graphql)/.exec(said);
      if (found) resolve(found[1]);
    });
    server.on('exit', () => reject(new Error(`${program} ended: ${said}`)));
  });
  const end = () => new Promise((resolve) => {
    server.removeAllListeners('exit');
    server.on('exit', resolve);
    server.kill('SIGTERM');
  });
  return { url, end };
}
