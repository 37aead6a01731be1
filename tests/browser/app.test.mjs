// Opens the page `/app` of a running `roster demo` in Chromium, on a desk and on a phone; skipped if it was not built.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { demo, DEVICES, IS_BUNDLED, launch, OUTPUT, watched } from './browser.mjs';

const TIMEOUT = 10_000;
let browser;
before(async () => (browser = await launch()));
after(() => browser?.close());

for (const [device, settings] of Object.entries(DEVICES)) {
  describe(`app, ${device}`, { timeout: 120_000, skip: !IS_BUNDLED }, () => {
    let server, url, context, page;
    const faults = [];
    /** The page's end of each WebSocket, and each subscription it sent. */
    const sockets = [];
    const subscriptions = [];
    const shot = (name) => page.screenshot({ path: `${OUTPUT}/${device}-app-${name}.png`, fullPage: true });
    const project = (title, on = page) => on.getByRole('article', { name: title });
    const person = (name, on = page) => on.getByRole('region', { name, exact: true });
    const live = (on) => on.getByText('Live', { exact: true }).waitFor();
    const open = async (hash = '') => {
      const page = await context.newPage();
      page.setDefaultTimeout(TIMEOUT);
      await page.goto(`${url}app${hash}`);
      await live(page);
      return page;
    };
    const assign = async (on, title, role, dates = []) => {
      await on.getByLabel('Project', { exact: true }).selectOption(title);
      await on.getByLabel('Role').fill(role);
      await on.getByLabel('From').fill(dates[0] ?? '');
      await on.getByLabel('Until').fill(dates[1] ?? '');
      await on.getByRole('button', { name: 'Assign' }).click();
    };

    before(async () => {
      ({ server, url } = await demo(device));
      context = await watched(browser, settings, url, faults);
      page = await context.newPage();
      page.setDefaultTimeout(TIMEOUT);
      await page.routeWebSocket(/graphql/, (socket) => {
        sockets.push(socket);
        const server = socket.connectToServer();
        socket.onMessage((message) => {
          if (JSON.parse(message).type === 'subscribe') subscriptions.push(JSON.parse(message).payload);
          server.send(message);
        });
      });
      await page.goto(`${url}app`);
      await live(page);
    });

    after(async () => {
      await context?.close();
      server?.kill('SIGINT');
    });

    test('it shows the projects with their people, and the first person', async () => {
      const flask = project('XYZ Project Flask server');
      await flask.getByRole('link', { name: 'Uri Lee' }).waitFor();
      await flask.getByText('Project manager 28 May 2023 – 30 Oct 2023').waitFor();
      await flask.getByRole('link', { name: 'Tristan Tal' }).waitFor();
      await person('Uri Lee').getByText('Here since 17 May 2022').waitFor();
      await person('Uri Lee').getByText('on XYZ Project Flask server').waitFor();
      await shot('1-opened');
    });

    test('a person is chosen by a link, and gets the focus', async () => {
      await project('XYZ Project React UI').getByRole('link', { name: 'Tristan Tal' }).click();
      await person('Tristan Tal').getByText('Nothing overlaps.').waitFor();
      const heading = page.getByRole('heading', { name: 'Tristan Tal', exact: true });
      await heading.and(page.locator(':focus')).waitFor();
      await page.goBack();
      await person('Uri Lee').waitFor();
      await page.goForward();
      await person('Tristan Tal').waitFor();
    });

    test('a person is found by name', async () => {
      const search = page.getByLabel('Find by name');
      await search.fill('sasha');
      await page.getByRole('region', { name: /^People/ }).getByRole('link', { name: 'Uri Lee' }).waitFor({ state: 'detached' });
      await page.getByRole('region', { name: /^People/ }).getByRole('link', { name: 'Sasha Hao' }).waitFor();
      await search.fill('');
    });

    test('what the server objects to is said where it was typed', async () => {
      await assign(page, 'XYZ Project React UI', 'Reviewer', ['2024-01-01', '2023-01-01']);
      await page.locator('[aria-invalid][name=endDate]:focus').waitFor();
      await shot('2-objection');
      await page.getByLabel('If it overlaps').selectOption('Refuse');
      await assign(page, 'XYZ Project Flask server', 'Reviewer', ['2023-12-01', '2024-03-01']);
      await page.getByRole('alert').getByText('In the way: XYZ Project React UI.').waitFor();
      await page.getByLabel('If it overlaps').selectOption('Do it anyway');
    });

    test('assigning someone in one page updates another', async () => {
      const other = await open('#emp_2');
      await person('Tristan Tal', other).waitFor();
      await assign(other, 'XYZ Project Flask server', 'Reviewer', ['2023-12-01', '2024-03-01']);
      await other.getByText('Assigned to XYZ Project Flask server.').waitFor();
      await other.close();
      await project('XYZ Project Flask server').getByText('Flask programmer, Reviewer').waitFor();
      await person('Tristan Tal').getByText('1 Dec 2023 – 1 Feb 2024').waitFor();
      await page.getByText('assignment created: Tristan Tal on XYZ Project Flask server').waitFor();
      await shot('3-live');
    });

    test('after a lost connection nothing was missed', async () => {
      const other = await open('#emp_3');
      const before = sockets.length;
      await sockets.at(-1).close({ code: 1012, reason: 'test' });
      await page.getByText('Connection lost').waitFor();
      await assign(other, 'XYZ Project React UI', 'Designer');
      await other.close();
      await live(page);
      await project('XYZ Project React UI').getByText('Designer').waitFor();
      assert.ok(sockets.length > before);
      const [first, ...again] = subscriptions.map(({ variables }) => variables.after);
      assert.ok(again.length > 0 && !again.includes(first), 'it went on after the last event it had heard of');
      assert.equal(await page.getByText('assignment created').count(), 2);
    });

    test('nothing is wider than the screen', async () => {
      const width = await page.evaluate(() => document.scrollingElement.scrollWidth);
      assert.ok(width <= settings.viewport.width, `${width} pixels wide`);
    });

    test('a token is sent with everything, in the explorer and GraphiQL too', async () => {
      await page.getByRole('button', { name: 'Token' }).click();
      await page.getByLabel('Bearer token').fill('abc.def');
      const request = page.waitForRequest((request) => request.url().endsWith('/graphql'));
      await page.getByRole('button', { name: 'Use it' }).click();
      assert.equal((await request).headers().authorization, 'Bearer abc.def');
      assert.equal(await page.evaluate(() => sessionStorage.getItem('roster:token')), 'abc.def');
    });

    test('nothing went wrong meanwhile, and no other host was asked', () => assert.deepEqual(faults, []));
  });
}
