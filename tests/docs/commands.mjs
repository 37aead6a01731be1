// Runs every shell command that the README and the docs show, as they show it. Their queries are
// run by the tests in Rust.
//
// `node tests/docs/commands.mjs`; ROSTER is the program, target/debug/roster unless given.

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const program = resolve(process.env.ROSTER ?? join(root, 'target/debug/roster'));
const home = mkdtempSync(join(tmpdir(), 'roster-docs-'));
const env = {
  ...process.env,
  // The docs say `roster` where the program is installed.
  PATH: dirname(program) + delimiter + process.env.PATH,
  DATABASE_URL: `sqlite:${join(home, 'roster.db')}`,
  ROSTER: program,
};

// What a step of its own in .ci/run does word for word; twice would be long.
const elsewhere = new Set(['cargo test --workspace', 'cargo test -p workshop-1']);

const pages = readdirSync(join(root, 'docs'), { recursive: true }).filter((name) => name.endsWith('.md'));
const files = ['README.md', ...pages.map((name) => `docs/${name}`).sort()];
const clients = readdirSync(join(root, 'clients')).map((name) => `clients/${name}/README.md`);

function start(script, options) {
  const child = spawn('bash', ['-euo', 'pipefail', '-c', script], { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  child.said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (child.said += data));
  child.ended = new Promise((done) => child.on('exit', (code, signal) => done(code ?? signal)));
  return child;
}

async function succeed(child, what) {
  const code = await child.ended;
  if (code !== 0) throw new Error(`${what}\nended with ${code}:\n${child.said}`);
}

async function answer(server, what, path = '/health/ready') {
  for (let tries = 0; tries < 3000; tries++) {
    const url = /http:\/\/[\w.:[\]]+/.exec(server.said)?.[0];
    const ready = url && (await fetch(`${url}${path}`).catch(() => undefined));
    if (ready?.ok) return;
    if (server.exitCode !== null) break;
    await new Promise((wait) => setTimeout(wait, 100));
  }
  throw new Error(`${what}\nnever answered:\n${server.said}`);
}

async function run(block, options) {
  const lines = block.trim().split('\n').filter((line) => !elsewhere.has(line));
  const last = lines.at(-1) ?? '';
  if (!/ (demo|serve)\b/.test(last.replace(/#.*/, ''))) {
    await succeed(start(lines.join('\n'), options), block);
    return;
  }
  // The shell makes way for the server, so that the signal and the exit code are the server's.
  lines[lines.length - 1] = `exec env ${last}`;
  const server = start(lines.join('\n'), options);
  await answer(server, block);
  server.kill('SIGTERM');
  await succeed(server, block);
}

// The server of a session of the workshop. The blocks behind it send it requests.
const session = /^cargo run -p workshop-[3-7]$/;

// Runs the programs that `cargo test --workspace` has built. For one package alone Cargo selects other features
// of the dependencies, and would build them again.
function withBuiltPrograms(block) {
  return block.replaceAll(/^cargo run -p (workshop-\d)(?: --)?/gm, (command, name) => {
    const built = join(dirname(program), name);
    return existsSync(built) ? built : command;
  });
}

async function runAll(file, port) {
  const text = readFileSync(join(root, file), 'utf8');
  const cwd = file.startsWith('clients/') ? join(root, dirname(file)) : root;
  const options = { cwd, env: { ...env, PORT: port } };
  if (file.startsWith('docs/workshop/')) {
    const database = `${file.replaceAll(/\W/g, '-')}.db`;
    options.env.DATABASE_URL = `sqlite:${join(home, database)}?mode=rwc`;
  }
  let server;
  try {
    for (const [, block] of text.matchAll(/^```sh\n(.*?)^```$/gms)) {
      if (session.test(block.trim())) {
        server = start(`exec ${withBuiltPrograms(block)}`, options);
        await answer(server, block, '/');
      } else {
        await run(withBuiltPrograms(block), options);
      }
      console.log(`${file}: ${block.trim().replaceAll('\n', ' ; ')}`);
    }
  } finally {
    server?.kill('SIGTERM');
    await server?.ended;
  }
}

try {
  for (const file of files) await runAll(file, '0');
  // The clients' readers have a server where the README says it is.
  const demo = start('exec roster demo', { env: { ...env, PORT: '8000' } });
  await answer(demo, 'roster demo');
  for (const file of clients) await runAll(file, '0');
  demo.kill('SIGTERM');
  await succeed(demo, 'roster demo');
} finally {
  rmSync(home, { recursive: true, force: true });
}
