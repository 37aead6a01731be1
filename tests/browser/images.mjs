// Makes the screenshots of the README and writes down the pages that they show.
//
//   npm run images

import { mkdirSync, writeFileSync } from 'node:fs';
import { demo, IS_BUNDLED, launch } from './browser.mjs';
import { SOURCES, sourcesHash } from './sources.mjs';

const IMAGES = '../../docs/images';
if (!IS_BUNDLED) throw new Error('build the bundle first, then roster: see the README');
mkdirSync(IMAGES, { recursive: true });
const { server, url } = await demo('desktop');
const browser = await launch();
const viewport = { width: 1440, height: 900 };
const page = await browser.newPage({ viewport, colorScheme: 'light', reducedMotion: 'reduce' });

await page.goto(url);
await page.locator('#run').click();
await page.getByRole('tab', { name: 'SQL' }).click();
await page.getByText('Level 3').waitFor();
await page.screenshot({ path: `${IMAGES}/explorer.png` });

await page.goto(`${url}app`);
await page.getByText('Live', { exact: true }).waitFor();
await page.screenshot({ path: `${IMAGES}/app.png` });

writeFileSync(`${IMAGES}/sources.txt`, `${sourcesHash()}  ${SOURCES.join(' ')}\n`);
await browser.close();
server.kill('SIGINT');
