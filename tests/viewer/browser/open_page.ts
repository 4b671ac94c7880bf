// What the browser tests do on a page again and again.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Page } from 'playwright-core';
import { type Browser } from './chromium';

/** Writes a page into the browser's folder; its address. */
export function stored(browser: Browser, name: string, html: string): string {
  const path = join(browser.folder, `${name}.html`);
  writeFileSync(path, html);
  return pathToFileURL(path).href;
}

/** Until what was done is drawn, and drawn finely. */
export async function settled(page: Page): Promise<void> {
  await page.evaluate(async () => {
    for (let k = 0; k < 3; ++k) await new Promise((done) => requestAnimationFrame(done));
  });
  await page.waitForFunction(() =>
    [...document.querySelectorAll<HTMLElement>('canvas[data-detail=coarse]')].every((canvas) => {
      const { top, bottom } = canvas.getBoundingClientRect();
      return bottom < 0 || top > innerHeight;
    }),
  );
}

/** A panel's picture as text: equal texts are equal pictures. */
export const picture = (page: Page, panel = 0): Promise<string> => page.locator('.stage canvas').nth(panel).evaluate((c) => (c as HTMLCanvasElement).toDataURL());

/** Colours of an image (data URL) at some pixels, or how many different ones it has. */
export function colors(page: Page, image: string, at: [number, number][]): Promise<{ at: number[][]; count: number; width: number; height: number }> {
  return page.evaluate(
    async ([url, places]) => {
      const img = new Image();
      img.src = url;
      await img.decode();
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [img.width, img.height];
      const ctx = canvas.getContext('2d', { willReadFrequently: true })!;
      ctx.drawImage(img, 0, 0);
      const { data } = ctx.getImageData(0, 0, img.width, img.height);
      const seen = new Set<number>();
      for (let k = 0; k < data.length; k += 4) seen.add(data[k] * 65536 + data[k + 1] * 256 + data[k + 2]);
      const pixel = (x: number, y: number): number[] => Array.from(data.slice(4 * (Math.round(y) * img.width + Math.round(x)), 4 * (Math.round(y) * img.width + Math.round(x)) + 3));
      return { at: places.map(([x, y]) => pixel(x, y)), count: seen.size, width: img.width, height: img.height };
    },
    [image, at] as const,
  );
}

/** The state of the view as the page itself writes it into its address. */
export async function view_state(page: Page): Promise<URLSearchParams> {
  await page.getByRole('button', { name: 'copy view' }).click();
  return new URLSearchParams(new URL(page.url()).hash.slice(1));
}

export async function step(page: Page): Promise<number> {
  return Number((await page.locator('.timeline .step').innerText()).replace(/[^0-9/]/g, '').split('/')[0]);
}

/** Numbers of the hover card by their key: x, y, value, log. */
export async function card(page: Page): Promise<Record<string, number>> {
  const entries = await page.locator('.card:not([hidden]) dd').evaluateAll((dds) => dds.map((dd) => [(dd as HTMLElement).dataset['key'], dd.textContent] as const));
  return Object.fromEntries(entries.map(([key, text]) => [key, Number((text ?? '').replace('\u2212', '-'))]));
}
