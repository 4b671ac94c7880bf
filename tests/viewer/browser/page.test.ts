import { readFileSync } from 'node:fs';
import { type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Camera, margins_of, view_of } from '#viewer/camera';
import { HeightField, kTop, type Vec3 } from '#viewer/height_field';
import { Scale } from '#viewer/scales';
import { bowl, gallery_page, page_html, page_json, panel_json, race_page, racers, waves } from '../pages';
import { Browser } from './chromium';
import { card, colors, picture, settled, step, stored, view_state } from './open_page';

const kPoints = 90; // of the race's surface along an axis

let still: Browser; // reduced motion: nothing plays or moves by itself
let moving: Browser;
let urls: { race: string; gallery: string };
let page: Page;

beforeAll(async () => {
  still = await Browser.open({ reducedMotion: 'reduce' });
  moving = await Browser.open();
  urls = { race: stored(still, 'race', page_html(race_page(kPoints))), gallery: stored(still, 'gallery', page_html(gallery_page())) };
});
afterAll(async () => {
  await still?.close();
  await moving?.close();
});
afterEach(async () => {
  await page.close();
  expect([...still.messages.splice(0), ...moving.messages.splice(0)]).toEqual([]);
});

async function open(url: string, browser = still): Promise<void> {
  page = await browser.page(url);
  await settled(page);
}

const button = (name: string, exact = true): ReturnType<Page['locator']> => page.getByRole('button', { name, exact }).first();
const racer = (name: string): ReturnType<Page['locator']> => page.locator('.legend li', { has: page.locator('.name', { hasText: new RegExp(`^${name}$`) }) }).locator('button');
const stage_box = async (panel = 0): Promise<{ x: number; y: number; width: number; height: number }> => (await page.locator('.stage').nth(panel).boundingBox())!;

describe('a page from disk, without network', () => {
  test('shows its title, its panels and a description of each', async () => {
    await open(urls.gallery);
    expect(await page.locator('h1').innerText()).toBe('Surfaces and racers');
    expect(await page.locator('.panel h2').allInnerTexts()).toEqual(['waves with a hole', 'bowl', 'Rosenbrock', 'a plain surface', 'waves, again', 'waves, slower']);
    expect(await page.locator('.stage canvas').nth(1).getAttribute('aria-label')).toContain('bowl: loss over x from \u22124 to 4 and y from \u22124 to 4');
    expect((await colors(page, await picture(page), [])).count).toBeGreaterThan(500);
  });

  test('draws panels as they come into view', async () => {
    await open(urls.gallery);
    await page.locator('.stage').last().scrollIntoViewIfNeeded();
    await settled(page);
    expect((await colors(page, await picture(page, 5), [])).count).toBeGreaterThan(500);
  });

  test('draws a mark at its height and writes its value', async () => {
    const slope = (x: number, y: number): number => x + 0.4 * y;
    const mark = { x: 2, y: 0, value: -3, height: 2, label: 'minimum' };
    await open(`${stored(still, 'mark', page_html(page_json('A mark', [{ id: 'p', title: 'p', f: slope, half: 5, n: 30, change: { marks: [mark] } }])))}#view.p=-60,50,1,0,0`);
    const box = await stage_box();
    const camera = new Camera(view_of(-60, 50), box.width, box.height, margins_of(box.width));
    const scale = new Scale(-7, 7, false);
    const [px, py] = camera.project([0.4, 0, kTop * scale.at(2)]);
    expect((await colors(page, await picture(page), [[px, py]])).at).toEqual([[232, 65, 42]]);
    await page.locator('summary').click();
    expect(await page.locator('td').last().innerText()).toBe('minimum (2, 0): \u22123');
  });

  test('is fine on a quick machine, however long the reader waits between two keys', async () => {
    const timed = await Browser.open({ reducedMotion: 'reduce' });
    try {
      page = await timed.page(stored(timed, 'race', page_html(race_page(kPoints))), (p) => p.clock.install({ time: 0 }));
      await settled(page);
      await page.clock.pauseAt(3600e3);
      await page.locator('.stage').focus();
      for (let k = 0; k < 16; ++k) {
        await page.keyboard.press('ArrowRight');
        await page.clock.runFor(100);
        expect(await page.locator('.stage canvas').getAttribute('data-detail')).toBe('fine');
      }
      expect(timed.messages).toEqual([]);
    } finally {
      await timed.close();
    }
  });

  test('says in one sentence what is wrong with its data', async () => {
    const [bundle, wrong] = [page_html(null), page_html({ ...race_page(5), format: 'other' })];
    await open(stored(still, 'null', bundle));
    expect(await page.locator('body').innerText()).toBe('This page cannot be shown: there are no data.');
    await page.goto(stored(still, 'wrong', wrong));
    expect(await page.locator('body').innerText()).toBe('This page cannot be shown: format = "other", must be "descent-page-1".');
  });

  test('shows markup in texts as text', async () => {
    const evil = '<img src=x onerror="document.title=1"></script><b>bold';
    const f = { id: evil, title: evil, f: bowl, half: 2, n: 9, tracks: racers(bowl, 1, 2, 5).map((t) => ({ ...t, label: evil, detail: evil })) };
    await open(stored(still, 'evil', page_html(page_json(evil, [f], { caption: evil }))));
    await page.locator('summary').click();
    for (const place of ['h1', 'h2', '.caption', '.legend .name']) expect(await page.locator(place).innerText()).toBe(evil);
    expect(await page.locator('img, b').count()).toBe(0);
    const { x, y, width, height } = await stage_box();
    await page.mouse.move(x + width * 0.45, y + height / 2);
    expect(await page.locator('.card p').innerText()).toContain(evil);
  });
});

describe('the race', () => {
  test('plays by itself, pauses and goes on', async () => {
    await open(urls.race, moving);
    const early = await step(page);
    await expect.poll(() => step(page)).toBeGreaterThan(early);
    await page.keyboard.press('Space');
    await settled(page);
    const paused = await step(page);
    await page.waitForTimeout(500);
    expect(await step(page)).toBe(paused);
    await button('Play (space)').click();
    await expect.poll(() => step(page)).toBeGreaterThan(paused);
  });

  test('stops at its end, or starts again when looped', async () => {
    await open(`${urls.race}#step=98`, moving);
    await page.keyboard.press('Space');
    await expect.poll(() => step(page)).toBe(100);
    await expect.poll(() => button('Play (space)').count()).toBe(1);
    await button('Start again at the end').click();
    await page.locator('.timeline input').fill('97');
    await page.keyboard.press('Space');
    await expect.poll(() => step(page), { interval: 20, timeout: 10000 }).toBeLessThan(50);
  });

  test('waits for the reader who wants less motion', async () => {
    await open(urls.race);
    await page.waitForTimeout(400);
    expect(await step(page)).toBe(100);
    expect(await button('Play (space)').count()).toBe(1);
  });

  test('is scrubbed, stepped, and sought in the chart', async () => {
    await open(urls.race);
    const at_end = await picture(page);
    await page.locator('.timeline input').fill('40');
    await settled(page);
    expect(await step(page)).toBe(40);
    expect(await picture(page)).not.toBe(at_end);
    await button('One step on (.)').click();
    await page.keyboard.press('.');
    await page.keyboard.press(',');
    await button('One step back (,)').click();
    await page.keyboard.press(',');
    await settled(page);
    expect(await step(page)).toBe(39);
    const box = (await page.locator('.chart .u-over').boundingBox())!;
    await page.mouse.click(box.x + box.width / 4, box.y + 20);
    await settled(page);
    expect(await step(page)).toBe(25);
  });

  test('has its losses in legend and table, step by step', async () => {
    await open(`${urls.race}#step=12`);
    const track = racers(waves, 10, 5)[5];
    const shown = (loss: number): string => `+${loss.toFixed(5)}`;
    expect((await racer('Adam').locator('output').innerText()).trim()).toBe(shown(track.losses[12]));
    await page.locator('summary').click();
    const row = page.locator('tr', { has: page.locator('td', { hasText: /^Adam$/ }) });
    expect(Number(await row.locator('td').nth(3).innerText())).toBeCloseTo(track.losses[12], 5);
    expect(Number(await row.locator('td').nth(4).innerText())).toBeCloseTo(track.losses[100], 5);
    expect(await row.locator('td').nth(2).innerText()).toBe(track.detail);
  });

  test('flags who left and who diverged, and drops nobody', async () => {
    await open(urls.gallery);
    expect(await page.locator('.legend li', { hasText: 'Momentum' }).innerText()).toContain('diverged at step 37');
    await page.locator('.timeline input').fill('36');
    await settled(page);
    expect(await page.locator('.legend li', { hasText: 'Momentum' }).innerText()).not.toContain('diverged');
    await page.locator('.stage').nth(1).focus();
    await page.locator('.timeline input').fill('100');
    await settled(page);
    expect(await page.locator('.legend li', { hasText: 'SGD' }).innerText()).toMatch(/left the surface at step \d+/);
    await page.locator('summary').click();
    const cells = page.locator('tbody').first().locator('tr td:last-child');
    await expect.poll(() => cells.count()).toBe(24);
    const states = await cells.allInnerTexts();
    expect(states.filter((s) => s !== 'ran to the end').length).toBeGreaterThanOrEqual(2);
  });
});

describe('the legend', () => {
  test('hides a racer and shows it again', async () => {
    await open(urls.race);
    const all = await picture(page);
    await racer('SGD').click();
    await settled(page);
    expect(await racer('SGD').getAttribute('aria-pressed')).toBe('false');
    expect(await picture(page)).not.toBe(all);
    await racer('SGD').click();
    await settled(page);
    expect(await picture(page)).toBe(all);
  });

  test('shows one racer alone, then all', async () => {
    await open(urls.race);
    await racer('NAG').dblclick();
    await settled(page);
    expect(await page.locator('.legend [aria-pressed=true] .name').allInnerTexts()).toEqual(['NAG']);
    expect((await view_state(page)).getAll('hide')).toHaveLength(9);
    await racer('NAG').dblclick();
    await settled(page);
    expect(await page.locator('.legend li [aria-pressed=true]').count()).toBe(10);
  });

  test('does the same by keys', async () => {
    await open(urls.race);
    const shown = page.locator('.legend li [aria-pressed=true] .name');
    await racer('NAG').focus();
    const pressed = async (key: string): Promise<string[]> => (await page.keyboard.press(key), await settled(page), await shown.allInnerTexts());
    expect(await pressed('Shift+Enter')).toEqual(['NAG']);
    expect(await pressed('Shift+Enter')).toHaveLength(10);
    const others = await pressed('Enter');
    expect([others.length, others.includes('NAG')]).toEqual([9, false]);
  });

  test('orders by loss', async () => {
    await open(urls.race);
    await button('sort by loss').click();
    await settled(page);
    const losses = (await page.locator('.legend output').allInnerTexts()).map((t) => Number(t.replace('\u2212', '-')));
    expect(losses).toEqual([...losses].sort((a, b) => a - b));
    expect(await page.locator('.legend .name').last().innerText()).toBe('SGD');
  });
});

describe('the pointer', () => {
  test('reads place and value off the map from the top', async () => {
    await open(`${urls.race}#labels=0&view.waves=-90,90,1,0,0&map=grey`);
    const box = await stage_box();
    const camera = new Camera(view_of(-90, 90), box.width, box.height, margins_of(box.width));
    for (const [x, y] of [[-3.1, 1.7], [2.4, -3.3], [4.6, 4.2], [0.3, 0.9]]) {
      const [px, py] = camera.project([x / 5, y / 5, 0.2]);
      await page.mouse.move(box.x + px, box.y + py);
      await settled(page);
      const shown = await card(page);
      expect(shown['x']).toBeCloseTo(x, 1);
      expect(shown['y']).toBeCloseTo(y, 1);
      expect(shown['value']).toBeCloseTo(waves(shown['x'], shown['y']), 2);
      if (shown['value'] > 0) expect(shown['log']).toBeCloseTo(Math.log10(shown['value']), 3);
    }
  });

  test('reads what is drawn at the slanted surface, and off the floor map beside it', async () => {
    await open(`${urls.race}#labels=0&view.waves=-60,35,1,0,0`);
    const box = await stage_box();
    const n = kPoints;
    const panel = panel_json({ id: 'a', title: 'a', f: waves, half: 5, n });
    const values = new Float32Array(Uint8Array.from(Buffer.from(panel['values'] as string, 'base64')).buffer);
    const scale = new Scale(Math.min(...values), Math.max(...values), false);
    const field = new HeightField(n, n, values.map((v) => kTop * scale.at(v)));
    const camera = new Camera(view_of(-60, 35), box.width, box.height, margins_of(box.width));
    let read = 0;
    for (const [x, y] of [[-2, -1.5], [1, 0.4], [3, -2], [-3.5, 3], [2.5, 2.5]]) {
      const at: Vec3 = [x / 5, y / 5, field.sample(field.z, x / 5, y / 5)];
      const sight = camera.sight(at);
      if (field.pick(sight, 0.02 / Math.hypot(...sight.way))) continue; // behind a hill
      const [px, py] = camera.project(at);
      await page.mouse.move(box.x + px, box.y + py);
      await settled(page);
      const shown = await card(page);
      expect(shown['x']).toBeCloseTo(x, 1);
      expect(shown['y']).toBeCloseTo(y, 1);
      expect(shown['value']).toBeCloseTo(waves(x, y), 1);
      ++read;
    }
    expect(read).toBeGreaterThanOrEqual(3);
    const [fx, fy] = camera.project([0.9, -0.9, -0.55]);
    await page.mouse.move(box.x + fx, box.y + fy);
    await settled(page);
    expect(await card(page)).toMatchObject({ x: expect.closeTo(4.5, 1), y: expect.closeTo(-4.5, 1) });
    await page.mouse.move(box.x + 4, box.y + 4);
    await settled(page);
    expect(await page.locator('.card').isHidden()).toBe(true);
  });

  test('is where the colours are those of the values', async () => {
    const slope = (x: number, y: number): number => x + 0.4 * y;
    const plane = page_json('A plane', [{ id: 'p', title: 'p', f: slope, half: 5, n: 30 }]);
    const url = stored(still, 'plane', page_html(plane));
    const scale = new Scale(-7, 7, false);
    for (const [azimuth, elevation] of [[-90, 90], [-60, 50]]) {
      await open(`${url}#map=cool&view.p=${azimuth},${elevation},1,0,0`);
      const box = await stage_box();
      const camera = new Camera(view_of(azimuth, elevation), box.width, box.height, margins_of(box.width));
      const places = Array.from({ length: 81 }, (_, k) => [((k % 9) - 4) * 1.15, (Math.floor(k / 9) - 4) * 1.15]);
      const t = places.map(([x, y]) => scale.at(slope(x, y)));
      const pixels = places.map(([x, y], k) => camera.project([x / 5, y / 5, kTop * t[k]]).slice(0, 2) as [number, number]);
      const { at } = await colors(page, await picture(page), pixels);
      // Of "cool", red and green are t and 1 - t times the light.
      const wrong = at.filter(([red, green], k) => Math.abs(red / (red + green) - t[k]) > 0.02);
      expect(wrong.length, `${azimuth} ${elevation}`).toBeLessThan(12); // on contour lines
      if (elevation === 90) await page.close();
    }
  });

  test('turns, zooms and moves the picture', async () => {
    await open(urls.race);
    const { x, y } = await stage_box();
    await page.mouse.move(x + 300, y + 300);
    await page.mouse.down();
    await page.mouse.move(x + 350, y + 325, { steps: 3 });
    await page.mouse.up();
    const turned = (await view_state(page)).get('view.waves')!.split(',').map(Number);
    expect(turned.slice(0, 2)).toEqual([-90, 40]);
    await page.mouse.move(x + 300, y + 300);
    await page.mouse.wheel(0, -300);
    const zoomed = (await view_state(page)).get('view.waves')!.split(',').map(Number);
    expect(zoomed[2]).toBeGreaterThan(1.3);
    await page.mouse.move(x + 300, y + 300);
    await page.keyboard.down('Shift');
    await page.mouse.down();
    await page.mouse.move(x + 380, y + 300, { steps: 2 });
    await page.mouse.up();
    await page.keyboard.up('Shift');
    const moved = (await view_state(page)).get('view.waves')!.split(',').map(Number);
    expect(moved[3]).toBeGreaterThan(zoomed[3] + 0.1);
    await page.mouse.dblclick(x + 300, y + 300);
    expect((await view_state(page)).has('view.waves')).toBe(false);
  });

  test('clips the values at the ends of the colour bar, and turns nothing there', async () => {
    const view = '-40,50,1,0,0';
    await open(`${urls.race}#view.waves=${view}`);
    const before = await picture(page);
    const handle = (await page.locator('.clip').nth(1).boundingBox())!;
    await page.mouse.move(handle.x + 10, handle.y + 7);
    await page.mouse.down();
    await page.mouse.move(handle.x + 10, handle.y + 107, { steps: 4 });
    await page.mouse.up();
    await settled(page);
    const clip = (await view_state(page)).get('clip.waves')!.split(',').map(Number);
    expect(clip[1]).toBeLessThan(2.6);
    expect(clip[1]).toBeGreaterThan(1);
    expect(await picture(page)).not.toBe(before);
    await page.locator('.clip').nth(1).dblclick();
    const all = await view_state(page);
    expect([all.has('clip.waves'), all.get('view.waves')]).toEqual([false, view]);
    await page.locator('.clip').nth(0).focus();
    for (const key of ['PageUp', 'ArrowUp', 'ArrowRight', 'ArrowRight', 'ArrowLeft', 'ArrowDown', 'ArrowRight']) {
      await page.keyboard.press(key);
      await settled(page);
    }
    expect(Number((await page.locator('.clip').nth(0).getAttribute('aria-valuenow'))!)).toBeCloseTo(0.14, 2);
    expect((await view_state(page)).get('view.waves')).toBe(view);
  });
});

describe('fingers', () => {
  test('turn with one and zoom with two', async () => {
    const touch = await Browser.open({ reducedMotion: 'reduce', hasTouch: true, viewport: { width: 420, height: 800 } });
    try {
      page = await touch.page(stored(touch, 'race', page_html(race_page(60))));
      await settled(page);
      const { x, y } = await stage_box();
      const session = await page.context().newCDPSession(page);
      const send = (type: 'touchStart' | 'touchMove' | 'touchEnd', ...points: [number, number][]): Promise<unknown> =>
        session.send('Input.dispatchTouchEvent', { type, touchPoints: points.map(([px, py], id) => ({ x: x + px, y: y + py, id })) });
      await send('touchStart', [100, 150]);
      for (let k = 1; k <= 5; ++k) await send('touchMove', [100 + 10 * k, 150]);
      await send('touchEnd');
      const [azimuth] = (await view_state(page)).get('view.waves')!.split(',').map(Number);
      expect(azimuth).toBeLessThan(-80);
      await page.locator('.stage').scrollIntoViewIfNeeded();
      await send('touchStart', [150, 150], [200, 150]);
      for (let k = 1; k <= 5; ++k) await send('touchMove', [150 - 8 * k, 150], [200 + 8 * k, 150]);
      await send('touchEnd');
      const [, , zoom] = (await view_state(page)).get('view.waves')!.split(',').map(Number);
      expect(zoom).toBeGreaterThan(1.5);
      expect(touch.messages).toEqual([]);
    } finally {
      await touch.close();
    }
  });
});

describe('keys', () => {
  test('turn the panel that has the focus, show it from the top and as at first', async () => {
    await open(urls.race);
    await page.locator('.stage').focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('+');
    expect((await view_state(page)).get('view.waves')).toBe('-65,34,1.15,0,0');
    await page.keyboard.press('t');
    expect((await view_state(page)).get('view.waves')).toBe('-90,90,1,0,0');
    await page.keyboard.press('r');
    expect((await view_state(page)).has('view.waves')).toBe(false);
  });

  test('change between linear and logarithmic, in the picture too', async () => {
    await open(urls.gallery);
    await page.locator('.stage').nth(1).scrollIntoViewIfNeeded();
    await settled(page);
    const log = await picture(page, 1);
    const negative = await picture(page, 0);
    await page.keyboard.press('l');
    await settled(page);
    const state = await view_state(page);
    expect([state.get('log-height'), state.get('log-colour')]).toEqual(['0', '0']);
    expect(await picture(page, 1)).not.toBe(log);
    expect(await picture(page, 0)).toBe(negative); // has values below zero
    await page.getByTitle('Logarithmic height').click();
    const mixed = await view_state(page);
    expect([mixed.get('log-height'), mixed.get('log-colour')]).toEqual(['1', '0']);
  });

  test('open and close the help, and a panel on the whole screen', async () => {
    await open(urls.gallery);
    await page.keyboard.press('?');
    expect(await page.getByRole('dialog').innerText()).toMatch(/play or pause[^]*shift and Enter: alone/);
    await page.keyboard.press('Escape');
    expect(await page.getByRole('dialog').count()).toBe(0);
    const before = await stage_box(0);
    await page.keyboard.press('f');
    await settled(page);
    expect((await stage_box(0)).width).toBeGreaterThan(1.5 * before.width);
    await page.keyboard.press('f');
    await settled(page);
    expect((await stage_box(0)).width).toBeCloseTo(before.width, -1);
  });
});

describe('several panels', () => {
  test('turn together, or alone when not linked', async () => {
    await open(urls.gallery);
    const before = await picture(page, 1);
    await page.locator('.stage').nth(0).focus();
    await page.keyboard.press('ArrowLeft');
    await settled(page);
    const linked = await picture(page, 1);
    expect(linked).not.toBe(before);
    expect((await view_state(page)).get('view.f5')).toBe('-75,30,1,0,0');
    await button('linked views').click();
    await page.locator('.stage').nth(0).focus();
    await page.keyboard.press('ArrowLeft');
    await settled(page);
    expect(await picture(page, 1)).toBe(linked);
    const state = await view_state(page);
    expect([state.get('view.waves'), state.get('view.f5')]).toEqual(['-80,30,1,0,0', '-75,30,1,0,0']);
  });

  test('are linear or logarithmic as each wants, until the reader chooses for all', async () => {
    const [log, linear] = [true, false].map((l) => ({ id: `log-${l}`, title: 'bowl', f: bowl, half: 4, n: 40, change: { log: l } }));
    const url = stored(still, 'two-scales', page_html(page_json('Two scales', [log, linear])));
    const file = async (panel: number): Promise<string> => {
      const [download] = await Promise.all([page.waitForEvent('download'), page.getByTitle('Save as PNG').nth(panel).click()]);
      return readFileSync(await download.path(), 'base64');
    };
    const drawn = async (): Promise<string[]> => {
      await settled(page);
      const files = [await file(0), await file(1)];
      await settled(page);
      return [await picture(page, 0), await picture(page, 1), ...files];
    };
    const buttons = (): Promise<(string | null)[]> =>
      page.locator('[aria-label=height] button, [aria-label=colour] button').evaluateAll((all) => all.map((b) => b.getAttribute('aria-pressed')));
    const chosen = async (): Promise<(string | null)[]> => {
      const state = await view_state(page);
      return [state.get('log-height'), state.get('log-colour')];
    };
    const same = (a: string[], b: string[]): boolean[] => a.map((p, k) => p === b[k]);

    await open(url);
    const own = await drawn();
    expect([own[0] === own[1], own[2] === own[3]]).toEqual([false, false]);
    expect(await buttons()).toEqual(['mixed', 'mixed', 'mixed', 'mixed']);
    expect(await chosen()).toEqual([null, null]);

    await page.keyboard.press('l');
    expect(same(await drawn(), own)).toEqual([true, false, true, false]);
    expect(await buttons()).toEqual(['false', 'true', 'false', 'true']);
    expect(await chosen()).toEqual(['1', '1']);

    await page.getByTitle('Linear height').click();
    await page.getByTitle('Linear colour').click();
    expect(same(await drawn(), own)).toEqual([false, true, false, true]);
    expect(await chosen()).toEqual(['0', '0']);

    for (const [k, hash] of ['log-height=1&log-colour=1', 'log-height=0&log-colour=0'].entries()) {
      await page.close();
      await open(`${url}#${hash}`);
      expect(same(await drawn(), [own[k], own[k], own[2 + k], own[2 + k]])).toEqual([true, true, true, true]);
      expect(await buttons()).toEqual(k === 0 ? ['false', 'true', 'false', 'true'] : ['true', 'false', 'true', 'false']);
    }
  });

  test('give legend and chart to the one that is chosen', async () => {
    await open(urls.gallery);
    expect(await page.locator('.legend .where').innerText()).toBe('waves with a hole');
    await page.locator('.stage').nth(4).click();
    await settled(page);
    expect(await page.locator('.legend .where').innerText()).toBe('waves, again');
    expect(await page.locator('.legend .absent').count()).toBe(0);
    await page.locator('.stage').nth(3).click();
    await settled(page);
    expect(await page.locator('.chart').innerText()).toContain('No racers on this surface');
  });

  test('are drawn by one context, however many there are', async () => {
    const many = page_json('Twenty', Array.from({ length: 20 }, (_, k) => ({ id: `p${k}`, title: `panel ${k}`, f: k % 2 ? waves : bowl, half: 3, n: 30 })));
    await open(stored(still, 'twenty', page_html(many)));
    for (const panel of [0, 10, 19]) {
      await page.locator('.stage').nth(panel).scrollIntoViewIfNeeded();
      await settled(page);
      expect((await colors(page, await picture(page, panel), [])).count).toBeGreaterThan(300);
    }
    expect(await page.locator('.timeline, .legend').count()).toBe(0);
  });
});

describe('the address', () => {
  test('brings back the whole view', async () => {
    const hash = '#step=33&speed=2&trail=20&log-height=0&linked=0&hide=NAG&hide=Adam&map=cividis&theme=dark&panel=bowl&view.bowl=12,44,1.5,0.1,-0.1&clip.bowl=1,20';
    await open(urls.gallery + hash);
    expect(await step(page)).toBe(33);
    expect(await racer('NAG').getAttribute('aria-pressed')).toBe('false');
    expect(await page.getByLabel('Colour map').inputValue()).toBe('cividis');
    expect(await page.locator('.legend .where').innerText()).toBe('bowl');
    expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe('rgb(20, 22, 26)');
    const sorted = (p: URLSearchParams): string[] => [...p].map(([k, v]) => `${k}=${v}`).sort();
    expect(sorted(await view_state(page))).toEqual(sorted(new URLSearchParams(hash.slice(1))));
  });
});

describe('files', () => {
  test('a PNG has title, picture, legend and caption', async () => {
    await open(urls.race);
    await page.locator('.panel').hover();
    const [download] = await Promise.all([page.waitForEvent('download'), button('save PNG').click()]);
    expect(download.suggestedFilename()).toBe('waves.png');
    const bytes = readFileSync(await download.path());
    const { count, width, height } = await colors(page, `data:image/png;base64,${bytes.toString('base64')}`, []);
    const box = await stage_box();
    expect(width).toBe(2 * (Math.round(box.width) + 48));
    expect(height).toBeGreaterThan(2 * box.height + 200);
    expect(count).toBeGreaterThan(2000);
  });

  test('the data are plain numbers', async () => {
    await open(urls.race);
    const [download] = await Promise.all([page.waitForEvent('download'), button('data').click()]);
    expect(download.suggestedFilename()).toBe('the-joint-race.json');
    const data = JSON.parse(readFileSync(await download.path(), 'utf8'));
    expect(data.panels[0].values[0][kPoints - 1]).toBeCloseTo(waves(5, -5), 5);
    expect(data.panels[0].tracks[9]).toMatchObject({ label: 'Lion', losses: racers(waves, 10, 5)[9].losses });
  });
});

test('dark and light follow the system until the reader chooses', async () => {
  const paper = (): Promise<string> => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await open(urls.race);
  const light = await picture(page);
  expect(await paper()).toBe('rgb(255, 255, 255)');
  await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
  await settled(page);
  expect(await paper()).toBe('rgb(20, 22, 26)');
  expect(await picture(page)).not.toBe(light);
  await button('dark / light').click();
  await settled(page);
  expect(await paper()).toBe('rgb(255, 255, 255)');
  expect(await picture(page)).toBe(light);
});

test('without WebGL2 the stored pictures are shown, and the losses still race', async () => {
  page = await still.page(urls.gallery, async (p) => {
    await p.addInitScript(() => {
      const usual = HTMLCanvasElement.prototype.getContext as (...a: unknown[]) => unknown;
      HTMLCanvasElement.prototype.getContext = function (this: HTMLCanvasElement, ...a: unknown[]) {
        return a[0] === 'webgl2' ? null : usual.apply(this, a);
      } as typeof HTMLCanvasElement.prototype.getContext;
    });
  });
  await settled(page);
  expect(await page.locator('header.page').innerText()).toContain('This browser shows no WebGL2');
  expect(await page.locator('.stage img').count()).toBe(6);
  expect(await page.locator('.stage img').first().evaluate((img) => (img as HTMLImageElement).naturalWidth)).toBe(1);
  await page.locator('.timeline input').fill('10');
  await settled(page);
  expect((await racer('NAG').locator('output').innerText()).trim()).toBe(`+${racers(waves, 3, 5)[2].losses[10].toFixed(5)}`);
  await page.keyboard.press('t');
  await racer('NAG').click();
  await page.locator('summary').click();
  await expect.poll(() => page.locator('tbody tr').count()).toBe(30);
});
