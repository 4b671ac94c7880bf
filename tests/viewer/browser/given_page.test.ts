// DESCENT_PAGE=FILE: the checks that hold for every page, on one that the C++ program wrote.

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { read_page } from '#viewer/data';
import { page_html, race_page } from '../pages';
import { Browser } from './chromium';
import { card, colors, picture, settled, step, stored } from './open_page';

const given = process.env['DESCENT_PAGE'];

test(given ? `${given} opens, is drawn, plays and answers the pointer` : 'any page opens, is drawn, plays and answers the pointer', async () => {
  const browser = await Browser.open({ reducedMotion: 'reduce' });
  try {
    const url = given ? pathToFileURL(resolve(process.env['INIT_CWD'] ?? '.', given)).href : stored(browser, 'any', page_html(race_page(80)));
    const page = await browser.page(url);
    await settled(page);
    const data = read_page(embedded(new URL(url)));
    expect(await page.locator('h1').innerText()).toBe(data.title);
    for (let k = 0; k < data.panels.length; ++k) {
      await page.locator('.stage').nth(k).scrollIntoViewIfNeeded();
      await settled(page);
      expect((await colors(page, await picture(page, k), [])).count, data.panels[k].title).toBeGreaterThan(200);
    }
    await page.locator('.stage').first().scrollIntoViewIfNeeded();
    const box = (await page.locator('.stage').first().boundingBox())!;
    await page.mouse.move(box.x + 0.45 * box.width, box.y + 0.5 * box.height);
    await settled(page);
    const shown = await card(page);
    const { x, y } = data.panels[0];
    expect(shown['x']).toBeGreaterThanOrEqual(Math.min(x.lo, x.hi));
    expect(shown['x']).toBeLessThanOrEqual(Math.max(x.lo, x.hi));
    expect(shown['y']).toBeGreaterThanOrEqual(Math.min(y.lo, y.hi));
    expect(shown['y']).toBeLessThanOrEqual(Math.max(y.lo, y.hi));
    if (data.steps > 0) {
      expect(await step(page)).toBe(data.steps);
      await page.keyboard.press('Space');
      await expect.poll(() => step(page)).toBeGreaterThan(0);
      expect(await page.locator('.legend li').count()).toBe(data.racers.length);
    }
    expect(browser.messages).toEqual([]);
  } finally {
    await browser.close();
  }
});

/** The data as they stand in the file: the page itself puts its own elements into the body. */
function embedded(url: URL): string {
  const html = readFileSync(url, 'utf8');
  const start = '<script type="application/json" id="descent-data">';
  const from = html.indexOf(start) + start.length;
  return html.slice(from, html.indexOf('</script>', from));
}
