import { describe, expect, test } from 'vitest';
import { DataError, drawable_points, fate, plain_json, read_page, type Track } from '#viewer/data';
import { base64, bowl, gallery_page, page_json, racers } from '../pages';

const read = (page: unknown): ReturnType<typeof read_page> => read_page(JSON.stringify(page));
const one = (change = {}): Record<string, unknown> => page_json('t', [{ id: 'a', title: 'a', f: bowl, half: 2, n: 5, tracks: racers(bowl, 2, 2, 4), change }]);
const f64 = (...v: number[]): Float64Array => Float64Array.from(v);

describe('a page', () => {
  test('is decoded: rows of values, tracks, racers once', () => {
    const page = read(gallery_page());
    expect(page.panels).toHaveLength(6);
    expect(page.steps).toBe(100);
    expect(page.racers).toEqual(['SGD', 'Momentum', 'NAG', 'AdaGrad', 'RMSprop', 'Adam']);
    const { x, values, tracks } = read(one()).panels[0];
    expect(values[1 * x.n + 3]).toBeCloseTo(bowl(1, -1), 6); // row 1 is y = -1, column 3 is x = 1
    expect(tracks[0].x[0]).toBe(-1.6);
    expect(tracks[1].racer).toBe(1);
  });

  test.each([
    ['null', 'there are no data'],
    ['{', 'the data are not JSON'],
    ['[]', 'the page is missing or not an object'],
    ['{"format":"other"}', 'format = "other", must be "descent-page-1"'],
    [JSON.stringify({ ...one(), panels: [] }), 'page.panels is empty'],
    [JSON.stringify(one({ values: base64([1, 2, 3], 4) })), 'panels[0].values has 3 numbers, must be x.n * y.n = 25'],
    [JSON.stringify(one({ values: 'AAA' })), 'panels[0].values has 2 bytes, must be a multiple of 4'],
    [JSON.stringify(one({ values: '%' })), 'panels[0].values is not base64'],
    [JSON.stringify(one({ values: base64(new Array(25).fill(NaN), 4) })), 'panels[0].values has no finite number'],
    [JSON.stringify(one({ x: { name: 'x', lo: 0, hi: 1, n: 1 } })), 'panels[0].x.n = 1, must be an integer of at least 2'],
    [JSON.stringify(one({ x: { name: 'x', lo: 1, hi: 1, n: 5 } })), 'panels[0].x: lo and hi are both 1, must differ'],
    [JSON.stringify(one({ lo: 2, hi: 1 })), 'panels[0]: lo = 2 and hi = 1, lo must be less than hi'],
    [JSON.stringify(one({ log: 'yes' })), 'panels[0].log is missing or not a boolean'],
    [JSON.stringify(one({ azimuth: null })), 'panels[0].azimuth is missing or not a finite number'],
    [JSON.stringify(one({ marks: {} })), 'panels[0].marks is missing or not a list'],
    [JSON.stringify(one({ picture: 'https://example.org/a.png' })), 'panels[0].picture is not a data URL of an image'],
    [JSON.stringify({ ...one(), title: 3 }), 'page.title is missing or not a string'],
  ])('that is wrong is refused with what is wrong: %#', (json, message) => {
    expect(() => read_page(json)).toThrow(new DataError(message));
  });

  test('has marks, each drawn at its height if it has one, else at its value', () => {
    const mark = { x: 1, y: 1, value: -1, label: 'minimum' };
    const [plain, high, unknown] = read(one({ marks: [mark, { ...mark, height: 0.5 }, { ...mark, height: null }] })).panels[0].marks;
    expect(plain).toEqual({ ...mark, height: -1 });
    expect(high).toEqual({ ...mark, height: 0.5 });
    expect(unknown).toEqual(plain);
    expect(() => read(one({ marks: [{ ...mark, height: '1' }] }))).toThrow('panels[0].marks[0].height is missing or not a finite number');
  });

  test('refuses two panels of one name and tracks of unequal columns', () => {
    const page = one() as { panels: unknown[] };
    expect(() => read({ ...page, panels: [page.panels[0], page.panels[0]] })).toThrow('two panels have the id "a"');
    const track = { ...(page.panels[0] as { tracks: object[] }).tracks[0], losses: base64([1], 8) };
    expect(() => read(one({ tracks: [track] }))).toThrow('x, y and losses have 5, 5 and 1 points');
  });

  test('in plain numbers has them all, null for what is not finite', () => {
    const plain = JSON.parse(plain_json(read(gallery_page())));
    expect(plain.panels[0].values).toHaveLength(120);
    expect(plain.panels[0].values[0]).toHaveLength(120);
    expect(plain.panels[0].values.flat()).toContain(null);
    expect(plain.panels[0].tracks[1].losses[37]).toBeNull();
    expect(plain.panels[1].tracks[0].left_at).toBeGreaterThan(0);
    expect(plain.panels[0].picture).toBeUndefined();
  });
});

describe('a track', () => {
  test('is drawn up to its first point that is not finite', () => {
    expect(drawable_points(f64(0, 1, 2), f64(0, 1, 2), f64(0, 1, 2))).toBe(3);
    expect(drawable_points(f64(0, 1, 2), f64(0, NaN, 2), f64(0, 1, 2))).toBe(1);
    expect(drawable_points(f64(0, 1, 2), f64(0, 1, 2), f64(0, 1, Infinity))).toBe(2);
    expect(drawable_points(f64(NaN), f64(0), f64(0))).toBe(0);
  });

  const track = (change: Partial<Track>): Track => ({ x: f64(0, 1, 2, 3), drawable: 3, stopped: '', diverged: false, left_at: -1, ...change }) as Track;
  test('that went wrong says how and when, once it has', () => {
    expect(fate(track({}))).toBe('');
    expect(fate(track({ diverged: true }))).toBe('diverged at step 3');
    expect(fate(track({ diverged: true }), 2)).toBe('');
    expect(fate(track({ diverged: true, stopped: 'diverged at step 3', left_at: 1 }))).toBe('left the surface at step 1; diverged at step 3');
    expect(fate(track({ left_at: 2 }), 1)).toBe('');
    expect(fate(track({ left_at: 2 }), 2)).toBe('left the surface at step 2');
    expect(fate(track({ stopped: 'converged' }))).toBe('converged');
  });
});
