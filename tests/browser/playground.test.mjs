// Opens GraphiQL of a running `roster demo` in Chromium, on a desk and on a phone; skipped if it was not built.
//
//   ROSTER=path/to/roster npm test        screenshots are left in output/

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { demo, DEVICES, IS_BUNDLED, launch, OUTPUT, TIMEOUT, watched } from './browser.mjs';

const EXAMPLES = readdirSync('../../crates/server/playground/examples').length;

let browser;

before(async () => (browser = await launch()));
after(() => browser?.close());

for (const [device, settings] of Object.entries(DEVICES)) {
  describe(device, { timeout: 120_000, skip: !IS_BUNDLED }, () => {
    let server, url, context, page;
    /** Everything that must not happen. */
    const faults = [];
    const shot = (name) => page.screenshot({ path: `${OUTPUT}/${device}-${name}.png` });
    const result = () => page.locator('.result-window');
    const run = (page) => page.getByRole('button', { name: /Execute query/ }).click();
    /** Until Monaco has drawn the editors, nothing can be run. */
    const load = async (page) => {
      await page.locator('.graphiql-query-editor .monaco-editor').waitFor({ timeout: TIMEOUT });
      await page.locator('.result-window .monaco-editor').waitFor({ timeout: TIMEOUT });
    };
    const open = async (page, name) => {
      await page.getByRole('tab', { name, exact: true }).click();
      await page.locator('.graphiql-query-editor').getByText(name, { exact: true }).waitFor({ timeout: TIMEOUT });
    };
    const answers = async (...texts) => {
      for (const text of texts) await result().getByText(text).first().waitFor({ timeout: TIMEOUT });
    };

    before(async () => {
      ({ server, url } = await demo(device));
      context = await watched(browser, settings, url, faults);
      page = await context.newPage();
      page.setDefaultTimeout(TIMEOUT);
      await page.goto(`${url}graphiql`);
      await load(page);
    });

    after(async () => {
      await context?.close();
      server?.kill('SIGINT');
    });

    test('the page opens with the examples as tabs', async () => {
      assert.equal(await page.getByRole('tab').count(), EXAMPLES);
      await page.locator('.graphiql-query-editor').getByText('EmployeeToEmployees').waitFor();
      await shot('1-opened');
    });

    test('the mission query runs, and its cost is asked for', async () => {
      const request = page.waitForRequest((request) => request.postData()?.includes('EmployeeToEmployees'));
      await run(page);
      assert.equal((await request).headers()['x-cost'], 'true');
      await answers('Tristan Tal', 'XYZ Project Flask server');
      const box = await result().boundingBox();
      assert.ok(box.width > 300 && box.height > 150, `the answer has ${box.width} × ${box.height} pixels`);
      await shot('2-mission');
    });

    test('nothing is wider than the screen', async () => {
      const width = await page.evaluate(() => document.scrollingElement.scrollWidth);
      assert.ok(width <= settings.viewport.width, `${width} pixels wide`);
    });

    test('the documentation opens and leads on', async () => {
      await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
      await page.locator('.graphiql-plugin').getByRole('link', { name: 'Query', exact: true }).click();
      await page.locator('.graphiql-plugin').getByText('Everything that can be read.').waitFor();
      const box = await page.locator('.graphiql-plugin').boundingBox();
      assert.ok(box.width > 300 && box.height > 600, `it has ${box.width} × ${box.height} pixels`);
      await shot('3-documentation');
      await page.getByRole('button', { name: 'Hide Documentation Explorer' }).click();
    });

    test('a token is sent with every tab', async () => {
      await page.getByRole('button', { name: 'Token for all tabs' }).click();
      await page.getByLabel('Bearer token').fill('abc.def');
      await shot('4-token');
      const request = page.waitForRequest((request) => request.postData()?.includes('IntrospectionQuery'));
      await page.getByRole('button', { name: 'Use it' }).click();
      assert.equal((await request).headers().authorization, 'Bearer abc.def');
      await page.getByRole('button', { name: 'Token for all tabs' }).click();
      await page.getByLabel('Bearer token').fill('');
      await page.getByRole('button', { name: 'Use it' }).click();
    });

    test('what is typed is completed', async () => {
      await page.getByRole('button', { name: 'New tab' }).click();
      await page.locator('.graphiql-query-editor').click();
      await page.keyboard.press('Control+A');
      await page.keyboard.type('{ emp');
      const suggestions = page.locator('.suggest-widget');
      await suggestions.getByText('employees', { exact: false }).first().waitFor();
      await shot('5-completion');
      await page.keyboard.press('Escape');
    });

    test('the tabs are there again after a reload', async () => {
      // Changes are stored a moment after the last one.
      await page.waitForTimeout(1_000);
      await page.reload();
      await load(page);
      assert.equal(await page.getByRole('tab').count(), EXAMPLES + 1);
    });

    test('a subscription hears of a mutation made in another page', async () => {
      await open(page, 'Listen');
      await run(page);
      await page.getByRole('button', { name: /Stop query/ }).waitFor();
      const other = await context.newPage();
      await other.goto(`${url}graphiql`);
      await load(other);
      await open(other, 'Update');
      await run(other);
      await other.locator('.result-window').getByText('updateProject').first().waitFor();
      await other.close();
      await answers('ASSIGNMENT', 'UPDATED');
      await shot('6-subscription');
      await page.getByRole('button', { name: /Stop query/ }).click();
    });

    test('nothing went wrong meanwhile, and no other host was asked', () => assert.deepEqual(faults, []));
  });
}
