import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Detail } from '#viewer/detail';

let detail: Detail;
let repainted: number;
let now: number;
let frames: ((now: number) => void)[];

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('window', globalThis);
  vi.stubGlobal('requestAnimationFrame', (frame: (now: number) => void) => frames.push(frame));
  [repainted, now, frames] = [0, 0, []];
  detail = new Detail(() => ++repainted);
  draw(12, 500); // the first ones do not count
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** Draws frames that take so long, with pauses of the reader between them; which were coarse. */
function draw(count: number, took: number, pause = 0): boolean[] {
  return Array.from({ length: count }, () => {
    const coarse = detail.coarse_now(now);
    now += took;
    for (const frame of frames.splice(0)) frame(now);
    now += pause;
    return coarse;
  });
}

/** The reader pauses until the fine frame, which takes so long. */
function rest(took: number): void {
  vi.advanceTimersByTime(300);
  expect(draw(1, took)).toEqual([false]);
}

test('quick frames are fine, however long the reader pauses between them', () => {
  expect(draw(20, 16, 300)).not.toContain(true);
});

test('after some slow frames in a row they are coarse, and fine again at rest', () => {
  expect(draw(5, 100)).toEqual([false, false, false, true, true]);
  expect(repainted).toBe(0);
  rest(100);
  expect(repainted).toBe(1);
  expect(draw(2, 20)).toEqual([true, true]);
});

test('one slow frame says nothing, nor does a page that was not seen', () => {
  for (let k = 0; k < 10; ++k) expect([...draw(2, 16), ...draw(1, 100), ...draw(2, 5000)]).not.toContain(true);
});

test('they stay fine once the fine ones are quick', () => {
  draw(4, 100);
  for (let k = 0; k < 3; ++k) {
    expect(draw(10, 16)).not.toContain(false);
    rest(16);
  }
  expect(draw(20, 16)).not.toContain(true);
});
