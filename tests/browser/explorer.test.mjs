// Opens the explorer of a running `roster demo` in Chromium without a network, on a desk and on a phone.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { demo, DEVICES, launch, OUTPUT, watched } from './browser.mjs';

const EXAMPLES = readdirSync('../../crates/server/playground/examples').length;
const TIMEOUT = 10_000;

let browser;
before(async () => (browser = await launch('--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost')));
after(() => browser?.close());

/** What the tests do with a page. */
function hands(page) {
  const pane = (name) => page.locator(`#panes button[value=${name}]`);
  const show = async (name) => (await pane(name).isVisible()) && pane(name).click();
  const editor = page.getByLabel('Query', { exact: true });
  return {
    editor,
    show,
    status: page.getByRole('status').first(),
    answer: page.locator('#answer'),
    banner: page.locator('#banner'),
    problems: page.getByRole('list', { name: 'Problems' }),
    async openTab(tab) {
      await show('operations');
      await tab.click();
    },
    async run(text) {
      await show('document');
      if (text !== undefined) await editor.fill(text);
      await page.locator('#run').click();
    },
  };
}

for (const [device, settings] of Object.entries(DEVICES)) {
  describe(`explorer, ${device}`, { timeout: 180_000 }, () => {
    let server, url, context, page, hand;
    const faults = [];
    const shot = (name) => page.screenshot({ path: `${OUTPUT}/${device}-explorer-${name}.png` });
    const mutate = (query) =>
      fetch(`${url}graphql`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ query }) });

    before(async () => {
      ({ server, url } = await demo(device));
      context = await watched(browser, settings, url, faults);
      page = await context.newPage();
      page.setDefaultTimeout(TIMEOUT);
      hand = hands(page);
      await page.goto(url);
    });

    after(async () => {
      await context?.close();
      server?.kill('SIGINT');
    });

    test('every example runs', async () => {
      const tabs = page.locator('#tabs [role=tab]');
      await tabs.first().waitFor({ state: 'attached' });
      assert.equal(await tabs.count(), EXAMPLES);
      for (let index = 0; index < EXAMPLES; index++) {
        const tab = tabs.nth(index);
        await hand.openTab(tab);
        await hand.show('document');
        assert.deepEqual(await hand.problems.getByRole('button').allTextContents(), [], await tab.textContent());
        await hand.run();
        if (await tab.locator('.subscription').count()) {
          await hand.status.getByText('Listening').waitFor();
          // The subscription begins some time after the answer to its request.
          const event = hand.answer.getByText(/^Event 1/);
          for (let attempt = 0; !(await event.isVisible()); attempt++) {
            assert.ok(attempt < 50, 'no event arrives');
            await mutate(`mutation { updateMeeting(input: { id: "mtg_2", topic: "Topic ${attempt}" }) { meeting { id } } }`);
            await page.waitForTimeout(100);
          }
          await shot('subscription');
          await hand.show('document');
          await page.getByRole('button', { name: 'Stop' }).click();
        } else {
          await hand.status.getByText('200 OK').waitFor();
          assert.match(await hand.answer.textContent(), /"data": \{/);
        }
      }
      await hand.status.getByText(/^cost /).waitFor();
    });

    test('nothing is wider than the screen', async () => {
      for (const name of ['operations', 'document', 'result', 'docs']) {
        await hand.show(name);
        const width = await page.evaluate(() => document.scrollingElement.scrollWidth);
        assert.ok(width <= settings.viewport.width, `${name}: ${width} pixels wide`);
        await shot(name);
      }
    });

    test('names are completed while typing', async () => {
      await hand.openTab(page.getByRole('button', { name: '+ New' }));
      await hand.show('document');
      await hand.editor.fill('');
      await hand.editor.pressSequentially('{ empl');
      const options = page.getByRole('listbox', { name: 'Completions' });
      await options.getByRole('option', { name: /^employees/ }).waitFor();
      await shot('completion');
      await page.keyboard.press('Enter');
      assert.equal(await hand.editor.inputValue(), '{ employee');
      await hand.editor.pressSequentially('(');
      await page.keyboard.press('Control+Space');
      await options.getByRole('option', { name: /^id/ }).waitFor();
      await page.keyboard.press('Escape');
      await options.waitFor({ state: 'hidden' });
      await page.keyboard.press('Control+Z');
      assert.equal(await hand.editor.inputValue(), '{ empl');
    });

    test('an unknown field and a missing argument are reported where they are', async () => {
      await hand.editor.fill('{ employee { nmae } }');
      await hand.problems.getByText('Cannot query field "nmae" on type "Employee".').click();
      assert.equal(await page.evaluate(() => getSelection().toString()), 'nmae');
      await hand.problems.getByText('Argument "id" of type "ID!" is missing.').waitFor();
      assert.equal(await page.locator('.problem').count(), 2);
    });

    test('a refused query shows the reason of the server, and the text stays', async () => {
      const text = '{ employees { nodes { name } } employees { edges { node { nope } } } }';
      const refused = page.waitForResponse((response) => response.status() === 422);
      await hand.run(text);
      await refused;
      await hand.banner.getByText('The query was refused').waitFor();
      assert.equal(await hand.editor.inputValue(), text);
      for (const fault of faults.splice(0)) assert.match(fault, /422/);
    });

    test('a document is formatted, and that can be undone', async () => {
      await hand.show('document');
      await hand.editor.fill('{employees(first:1){nodes{name}}}');
      await hand.editor.press('Control+Shift+F');
      assert.equal(await hand.editor.inputValue(), '{\n  employees(first: 1) {\n    nodes {\n      name\n    }\n  }\n}\n');
      await page.keyboard.press('Control+Z');
      assert.equal(await hand.editor.inputValue(), '{employees(first:1){nodes{name}}}');
    });

    test('variables and the token are sent; a reload keeps the text', async () => {
      const text = 'query One($first: Int) { employees(first: $first) { nodes { name } } } query Two { __typename }';
      await hand.show('document');
      await hand.editor.fill(text);
      await page.getByLabel('Variables as JSON').fill('{ "first": 1 }');
      await page.getByRole('tab', { name: 'Headers' }).click();
      await page.getByLabel('Bearer token').fill('abc.def');
      await page.getByLabel('Operation to run').selectOption('query One');
      const sent = page.waitForRequest((request) => request.postData()?.includes('query One'));
      await page.keyboard.press('Control+Enter');
      assert.equal((await sent).headers().authorization, 'Bearer abc.def');
      assert.equal((await sent).headers()['x-explain'], 'true');
      assert.deepEqual(JSON.parse((await sent).postData()), { query: text, variables: { first: 1 }, operationName: 'One' });
      await hand.status.getByText('200 OK').waitFor();
      await page.reload();
      await hand.show('document');
      await page.getByLabel('Operation to run').waitFor();
      assert.equal(await hand.editor.inputValue(), text);
      const kept = await page.evaluate(() => JSON.stringify(localStorage));
      assert.ok(!kept.includes('abc.def'), kept);
    });

    test('history and links lead back to a query, and hold no token', async () => {
      await page.getByRole('button', { name: 'History' }).click();
      await page.getByRole('dialog').getByText('EmployeeToEmployees', { exact: true }).waitFor();
      await shot('history');
      await page.getByRole('dialog').getByText('One', { exact: true }).click();
      await page.getByRole('button', { name: 'Copy link' }).click();
      const link = await hand.banner.locator('p').textContent();
      assert.ok(link.startsWith(`${url}#query=`) && !link.includes('abc.def'), link);
      const other = await context.newPage();
      await other.goto(`${url}#query=${encodeURIComponent('query Linked { __typename }')}`);
      await other.locator('#tabs').getByText('Linked').waitFor({ state: 'attached' });
      assert.equal(new URL(other.url()).hash, '');
      assert.equal(await hands(other).editor.inputValue(), 'query Linked { __typename }');
      await other.close();
    });

    test('the documentation leads from type to type, and finds fields', async () => {
      await hand.show('docs');
      const docs = page.getByRole('complementary', { name: 'Documentation' });
      if (await docs.isHidden()) await page.getByRole('button', { name: 'Docs' }).click();
      await docs.getByRole('button', { name: 'Query', exact: true }).click();
      await docs.getByText('Everything that can be read.').waitFor();
      await shot('docs-type');
      await docs.getByRole('button', { name: 'Back' }).click();
      await docs.getByRole('searchbox').fill('hireDate');
      await docs.getByRole('button', { name: 'Employee.hireDate', exact: true }).click();
      await docs.getByRole('heading', { name: 'Employee', exact: true }).waitFor();
    });

    test('tabs are chosen by arrow keys, and each control has a name', async () => {
      await hand.show('operations');
      const [first, second] = [page.locator('#tabs button').nth(0), page.locator('#tabs button').nth(1)];
      await first.focus();
      await page.keyboard.press('ArrowDown');
      assert.equal(await second.getAttribute('aria-selected'), 'true');
      const nameless = await page.evaluate(() =>
        [...document.querySelectorAll('button, input, textarea, select')]
          .filter((each) => !each.textContent.trim() && !each.getAttribute('aria-label') && !each.labels?.length)
          .map((each) => each.outerHTML),
      );
      assert.deepEqual(nameless, []);
    });

    test('SQL statements are shown where the answer has them', async () => {
      const sql = page.getByRole('tab', { name: 'SQL' });
      await hand.openTab(page.getByRole('tab', { name: 'Employee to employees' }));
      await hand.run();
      await sql.click();
      await page.getByRole('tabpanel').getByText('Level 1').waitFor();
      assert.match(await page.locator('#sql').textContent(), /SELECT .* rows? in \d+\.\d\d ms/);
      await shot('sql');
      await page.route('**/graphql', (route) => route.fulfill({ json: { data: { a: 1 } } }));
      await hand.run();
      await hand.answer.getByText('"a"').waitFor();
      assert.ok(await sql.isHidden());
      await page.unroute('**/graphql');
    });

    test('a tab opens with what another window has typed since', async () => {
      const tabs = page.locator('#tabs [role=tab]');
      await hand.openTab(tabs.nth(1));
      const other = await context.newPage();
      const otherHand = hands(other);
      await other.goto(url);
      await otherHand.openTab(other.locator('#tabs [role=tab]').first());
      await otherHand.show('document');
      await otherHand.editor.fill('{ fromAnotherWindow: __typename }');
      await other.close();
      await hand.openTab(tabs.first());
      assert.equal(await hand.editor.inputValue(), '{ fromAnotherWindow: __typename }');
      await hand.show('document');
      await page.getByRole('button', { name: 'Reset' }).click();
      assert.match(await hand.editor.inputValue(), /^# The walk/);
    });

    test('nothing went wrong until now, and no other host was asked', () => assert.deepEqual(faults, []));

    test('a server that is down is named, and nothing is lost', async () => {
      await hand.openTab(page.getByRole('button', { name: '+ New' }));
      await page.route('**/graphql', (route) => route.abort('connectionrefused'));
      await hand.run('query Kept { __typename }');
      await hand.banner.getByText('The server does not answer').waitFor();
      await shot('down');
      assert.equal(await hand.editor.inputValue(), 'query Kept { __typename }');
      await page.unroute('**/graphql');
      await hand.run();
      await hand.status.getByText('200 OK').waitFor();
      server.kill('SIGKILL');
      await once(server, 'exit');
      await hand.run();
      await hand.banner.getByText('The server does not answer').waitFor();
      assert.equal(await hand.editor.inputValue(), 'query Kept { __typename }');
    });
  });
}

describe('explorer, access', { timeout: 60_000 }, () => {
  const secret = 'a secret of thirty-two bytes, or more';
  /** A token that is valid for some seconds, or was. */
  function token(seconds) {
    const part = (json) => Buffer.from(JSON.stringify(json)).toString('base64url');
    const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ role: 'viewer', exp: Math.floor(Date.now() / 1000) + seconds })}`;
    return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
  }
  async function opened(env, use) {
    const { server, url } = await demo('desktop', env);
    const context = await browser.newContext(DEVICES.desktop);
    try {
      const page = await context.newPage();
      page.setDefaultTimeout(TIMEOUT);
      await page.goto(url);
      await use(page, hands(page));
    } finally {
      await context.close();
      server.kill('SIGINT');
    }
  }

  test('a missing, an expired and a valid token', () =>
    opened({ JWT_SECRET: secret }, async (page, { run, banner, status, editor }) => {
      const docs = page.getByRole('button', { name: 'Docs', exact: true });
      await docs.click();
      await page.getByText('The schema cannot be read').waitFor();
      await run('query Mine { viewer { role } }');
      await banner.getByText('The server requires a token').waitFor();
      await page.getByRole('tab', { name: 'Headers' }).click();
      await page.getByLabel('Bearer token').fill(token(-3600));
      await run();
      await banner.getByText('The token expired at').waitFor();
      await page.screenshot({ path: `${OUTPUT}/desktop-explorer-expired.png` });
      assert.equal(await editor.inputValue(), 'query Mine { viewer { role } }');
      await page.getByLabel('Bearer token').fill(token(3600));
      await run();
      await status.getByText('200 OK').waitFor();
      await page.getByRole('button', { name: 'Query', exact: true }).waitFor();
      await run('mutation { deleteMeeting(input: { id: "mtg_1" }) { deletedId } }');
      await banner.getByText('You may not do this').waitFor();
    }));

  test('a schema that cannot be introspected', async () => {
    const manifest = `${OUTPUT}/trusted.json`;
    writeFileSync(manifest, JSON.stringify({ one: '{ __typename }' }));
    await opened({ TRUSTED_DOCUMENTS: manifest }, async (page, { run, banner, editor }) => {
      await page.getByRole('button', { name: 'Docs', exact: true }).click();
      await page.getByText('The schema cannot be read').waitFor();
      await page.screenshot({ path: `${OUTPUT}/desktop-explorer-no-schema.png` });
      await run('{ __typename }');
      await banner.waitFor();
      assert.equal(await editor.inputValue(), '{ __typename }');
    });
  });
});
