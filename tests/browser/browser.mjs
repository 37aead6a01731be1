// What the suites have in common: a server, a browser, and what must not happen in it.

import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const ROSTER = process.env.ROSTER ?? `${process.env.CARGO_TARGET_DIR ?? '../../target'}/debug/roster`;
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
export const OUTPUT = process.env.OUTPUT ?? 'output';
export const TIMEOUT = 30_000;

export const DEVICES = {
  desktop: { viewport: { width: 1280, height: 800 }, colorScheme: 'light' },
  phone: { viewport: { width: 390, height: 844 }, colorScheme: 'dark', hasTouch: true },
};

/** A server with the lesson's company, and where it listens. */
export async function demo() {
  const server = spawn(ROSTER, ['demo', '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface(server.stdout)) {
    const url = line.match(/http:\/\/\S+\/$/)?.[0];
    if (url) return { server, url };
  }
  throw new Error(`${ROSTER} did not say where it listens`);
}

export function launch() {
  mkdirSync(OUTPUT, { recursive: true });
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
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
