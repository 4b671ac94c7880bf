// DESCENT_PAGE=FILE:FILE:...: the checks that hold for every page, on those that the C++ program wrote.

import { readFileSync } from 'node:fs';
import { delimiter, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { type Panel, read_page } from '#viewer/data';
import { page_html, race_page } from '../pages';
import { Browser } from './chromium';
import { card, colors, picture, settled, step, stored } from './open_page';

const kMade = 'a made page';
const given = process.env['DESCENT_PAGE']?.split(delimiter) ?? [kMade];

test.each(given)('%s opens, is drawn, plays and answers the pointer', async (file) => {
  const browser = await Browser.open({ reducedMotion: 'reduce' });
  try {
    const url = file === kMade ? stored(browser, 'any', page_html(race_page(80))) : pathToFileURL(resolve(process.env['INIT_CWD'] ?? '.', file)).href;
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
    const [least, most] = values_around(data.panels[0], shown['x'], shown['y']);
    const digits = 1e-3 * Math.max(Math.abs(least), Math.abs(most)); // what the card leaves out
    expect(shown['value']).toBeGreaterThanOrEqual(least - digits);
    expect(shown['value']).toBeLessThanOrEqual(most + digits);
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

/** The least and the largest value of the grid's cell at a place and of those around it. */
function values_around(panel: Panel, at_x: number, at_y: number): [number, number] {
  const cell = ({ lo, hi, n }: Panel['x'], at: number): number => Math.floor(((at - lo) / (hi - lo)) * (n - 1));
  const [column, row] = [cell(panel.x, at_x), cell(panel.y, at_y)];
  const values: number[] = [];
  for (let i = row - 1; i <= row + 2; ++i)
    for (let j = column - 1; j <= column + 2; ++j) if (i >= 0 && i < panel.y.n && j >= 0 && j < panel.x.n) values.push(panel.values[i * panel.x.n + j]);
  return [Math.min(...values), Math.max(...values)];
}

/** The data as they stand in the file: the page itself puts its own elements into the body. */
function embedded(url: URL): string {
  const html = readFileSync(url, 'utf8');
  const start = '<script type="application/json" id="descent-data">';
  const from = html.indexOf(start) + start.length;
  return html.slice(from, html.indexOf('</script>', from));
}
