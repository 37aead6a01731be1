// What the suites have in common: a server, a browser, and what must not happen in it.

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { createServer, request as ask } from 'node:http';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const ROSTER = process.env.ROSTER ?? `${process.env.CARGO_TARGET_DIR ?? '../../target'}/debug/roster`;
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
export const OUTPUT = process.env.OUTPUT ?? 'output';
export const TIMEOUT = 30_000;
/** Whether the pages that need Node to be built are there; `roster` has to be built after them. */
export const IS_BUNDLED = existsSync('../../crates/server/playground/dist');

export const DEVICES = {
  desktop: { viewport: { width: 1280, height: 800 }, colorScheme: 'light' },
  /** Behind a path prefix: see `demo`. */
  phone: { viewport: { width: 390, height: 844 }, colorScheme: 'dark', hasTouch: true },
};

/** A server with the lesson's company, and its URL: on a phone, that of a proxy with a path prefix. */
export async function demo(device, env = {}) {
  const stdio = ['ignore', 'pipe', 'inherit'];
  const server = spawn(ROSTER, ['demo', '--port', '0'], { stdio, env: { ...process.env, ...env } });
  for await (const line of createInterface(server.stdout)) {
    const url = line.match(/http:\/\/\S+\/$/)?.[0];
    if (url) return { server, url: device === 'phone' ? await behindPrefix(url) : url };
  }
  throw new Error(`${ROSTER} did not say where it listens`);
}

/** What nginx does for `location /staff/ { proxy_pass URL; }`, WebSockets too. */
async function behindPrefix(url) {
  const { hostname: host, port } = new URL(url);
  const forward = ({ method, headers, url: path }) =>
    ask({ host, port, method, headers, path: path.replace('/staff/', '/') });
  const proxy = createServer((request, response) => {
    if (!request.url.startsWith('/staff/')) return response.writeHead(502).end();
    const failed = () => response.destroy();
    const answered = (answer) => answer.pipe(response.writeHead(answer.statusCode, answer.headers));
    request.pipe(forward(request)).on('response', answered).on('error', failed);
  });
  proxy.on('upgrade', (request, client) => {
    const upgraded = ({ rawHeaders }, socket) => {
      const lines = rawHeaders.flatMap((name, at) => (at % 2 ? [] : [`${name}: ${rawHeaders[at + 1]}\r\n`]));
      client.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`);
      socket.pipe(client).pipe(socket);
      for (const end of [client, socket]) end.on('error', () => [client, socket].forEach((each) => each.destroy()));
    };
    forward(request).on('upgrade', upgraded).on('error', () => client.destroy()).end();
  });
  // The server ends with its suite, and the proxy with the process.
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  proxy.unref();
  return `http://127.0.0.1:${proxy.address().port}/staff/`;
}

export function launch(...args) {
  mkdirSync(OUTPUT, { recursive: true });
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      ...args,
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** A context that puts everything that must not happen into `faults`. */
export async function watched(browser, settings, url, faults) {
  const context = await browser.newContext({ ...settings, reducedMotion: 'reduce' });
  context.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) faults.push(`${message.type()}: ${message.text()}`);
  });
  context.on('weberror', (error) => faults.push(`not caught: ${error.error().stack}`));
  context.on('requestfailed', (request) => {
    const { errorText } = request.failure();
    // What was still loading when the page was left.
    if (errorText !== 'net::ERR_ABORTED') faults.push(`${errorText}: ${request.url()}`);
  });
  context.on('response', (response) => {
    if (response.status() >= 400) faults.push(`${response.status()}: ${response.url()}`);
  });
  context.on('page', (page) => {
    page.on('websocket', (socket) => {
      if (new URL(socket.url()).host !== new URL(url).host) faults.push(`another host: ${socket.url()}`);
    });
  });
  await context.route(/.*/, (route) => {
    const { protocol, host } = new URL(route.request().url());
    if (host === new URL(url).host || ['data:', 'blob:'].includes(protocol)) return route.continue();
    faults.push(`another host: ${route.request().url()}`);
    return route.abort();
  });
  return context;
}
