import { expect, test } from 'vitest';
import { brightness, color_table, hex, kMaps, kShapes, racer_look, type MapName } from '#viewer/palette';

test('colours are read in both lengths', () => {
  expect(hex('#ff8000')).toEqual([1, 128 / 255, 0]);
  expect(hex('#fff')).toEqual([1, 1, 1]);
});

test('colour maps end where they are known to end', () => {
  const ends = (name: MapName): number[][] => [0, 1].map((t) => kMaps[name](t).map((v) => Math.round(v * 255)));
  expect(ends('viridis')).toEqual([[0x44, 0x01, 0x54], [0xfd, 0xe7, 0x25]]);
  expect(ends('cividis')).toEqual([[0, 32, 81], [253, 234, 69]]);
  expect(ends('cool')).toEqual([[0, 255, 255], [255, 0, 255]]);
});

test('colour maps for values get brighter all the way, so that they also read in grey', () => {
  for (const name of ['viridis', 'cividis', 'grey'] as const) {
    const table = color_table(name);
    for (let k = 8; k < 256; k += 8) {
      const at = (i: number): number => brightness([table[4 * i], table[4 * i + 1], table[4 * i + 2]]);
      expect(at(k), `${name} ${k}`).toBeGreaterThan(at(k - 8));
    }
  }
});

test('no two racers look alike, with or without colour', () => {
  for (const dark of [false, true])
    for (const n of [3, 8, 10, 30]) {
      const looks = Array.from({ length: n }, (_, k) => racer_look(k, dark));
      expect(new Set(looks.map((l) => JSON.stringify(l))).size).toBe(n);
      if (n <= kShapes.length) expect(new Set(looks.map((l) => l.shape)).size).toBe(n);
    }
});

test('racers stand out from the paper', () => {
  for (let k = 0; k < 18; ++k) {
    expect(brightness(racer_look(k, true).color)).toBeGreaterThan(0.35);
    expect(brightness(racer_look(k, false).color)).toBeLessThan(0.8);
  }
  expect(brightness(racer_look(7, true).color)).toBeGreaterThan(0.8); // ink
});
