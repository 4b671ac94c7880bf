import { describe, expect, test } from 'vitest';
import golden from '../../golden/pictures/ranges.json';
import { contour_levels, live_number, log_ticks, nice_ticks, power_of_ten, range_of, Scale, short_number } from '#viewer/scales';

const labels = (ticks: { label: string }[]): string[] => ticks.map((t) => t.label);

describe('ticks', () => {
  test('are round numbers within the range', () => {
    expect(labels(nice_ticks(-10, 9.9, 6))).toEqual(['\u221210', '\u22125', '0', '5']);
    expect(labels(nice_ticks(-1.5, 1.5, 6))).toEqual(['\u22121.5', '\u22121.0', '\u22120.5', '0', '0.5', '1.0', '1.5']);
    expect(labels(nice_ticks(0, 1, 5))).toEqual(['0', '0.2', '0.4', '0.6', '0.8', '1.0']);
  });
  test('are exact decimals, not sums of steps', () => {
    for (const { at, label } of nice_ticks(-0.7, 0.7, 20)) expect(at).toBe(Number(label.replace('\u2212', '-')));
  });
  test('run backwards on an axis that runs backwards', () => {
    expect(labels(nice_ticks(2, -2, 4))).toEqual(['2', '1', '0', '\u22121', '\u22122']);
  });
  test('of large and small numbers have exponents', () => {
    expect(labels(nice_ticks(0, 3e6, 3))).toEqual(['0', '1e6', '2e6', '3e6']);
    expect(labels(nice_ticks(0, 2e-7, 2))).toEqual(['0', '1e\u22127', '2e\u22127']);
  });
  test('of a range without width are its one number', () => {
    expect(labels(nice_ticks(3, 3, 5))).toEqual(['3']);
  });
  test('of a logarithm are powers of ten, not too many of them', () => {
    expect(labels(log_ticks(1e-3, 2e2, 8))).toEqual(['10\u207b\u00b3', '10\u207b\u00b2', '10\u207b\u00b9', '10\u2070', '10\u00b9', '10\u00b2']);
    expect(log_ticks(1e-20, 1, 5).length).toBeLessThanOrEqual(5);
    for (const [lo, hi] of [[1e1, 1e3], [1e-7, 1e-4], [1e1, 1e5], [3, 4], [0.9, 1.1]]) expect(log_ticks(lo, hi, 2).length).toBeGreaterThanOrEqual(2);
    expect(labels(log_ticks(1, 30, 6))).toEqual(['1', '2', '5', '10', '20']);
  });
});

describe('numbers as text', () => {
  test('keep six digits and no zeros at the end', () => {
    expect(short_number(0.25)).toBe('0.25');
    expect(short_number(-1234.56789)).toBe('\u22121234.57');
    expect(short_number(1e7)).toBe('1e7');
    expect(short_number(1.5e-7)).toBe('1.5e\u22127');
    expect(short_number(100)).toBe('100');
    expect(short_number(0)).toBe('0');
    expect(short_number(NaN)).toBe('not a number');
    expect(short_number(-Infinity)).toBe('\u2212\u221e');
  });
  test('of losses have five decimals, are clipped and all of one width', () => {
    expect(live_number(0.123456)).toBe('  +0.12346');
    expect(live_number(-2)).toBe('  \u22122.00000');
    expect(live_number(1e9)).toBe('+999.99999');
    expect(live_number(-Infinity)).toBe('\u2212999.99999');
    for (const v of [0, 1, -55.5, 1e300, NaN, -Infinity]) expect(live_number(v)).toHaveLength(10);
  });
  test('of powers have raised digits', () => {
    expect(power_of_ten(-12)).toBe('10\u207b\u00b9\u00b2');
  });
});

describe('a scale', () => {
  test('brings its ends to 0 and 1 and clamps what is beyond', () => {
    const scale = new Scale(-1, 3, false);
    expect([-5, -1, 1, 3, 9].map((v) => scale.at(v))).toEqual([0, 0, 0.5, 1, 1]);
    expect(scale.raw(7)).toBe(2);
    expect(scale.value(0.25)).toBe(0);
  });
  test('of the logarithm goes by magnitudes, with zero and less at the floor', () => {
    const scale = new Scale(0.01, 100, true);
    expect(scale.at(1)).toBeCloseTo(0.5, 12);
    expect(scale.value(0.75)).toBeCloseTo(10, 10);
    expect([0, -3].map((v) => scale.at(v))).toEqual([0, 0]);
  });
  test('has no place for what is not finite', () => {
    for (const log of [false, true]) for (const v of [NaN, Infinity, -Infinity]) expect(new Scale(1, 2, log).at(v)).toBeNaN();
  });
  test('has contour levels at its ticks', () => {
    const scale = new Scale(-1.5, 1.5, false);
    const { first, step, major } = contour_levels(scale);
    const at = (k: number): number => scale.value(first + k * step);
    expect(at(0)).toBeCloseTo(-1.5, 9);
    expect(at(major)).toBeCloseTo(-1, 9);
    const log = new Scale(1e-3, 1e3, true);
    const levels = contour_levels(log);
    expect(log.value(levels.first + levels.major * levels.step) / log.value(levels.first)).toBeCloseTo(10, 6);
  });
});

describe('the range of values', () => {
  const of = (...v: number[]): Float32Array => Float32Array.from(v);
  test('is that of the finite ones', () => {
    expect(range_of(of(NaN, 2, -1, Infinity, 4), null, null)).toMatchObject({ lo: -1, hi: 4, log: null });
  });
  test('is what was asked for', () => {
    expect(range_of(of(-9, 9), -1.5, 1.5)).toMatchObject({ lo: -1.5, hi: 1.5 });
  });
  test('leaves out a few far outliers', () => {
    const values = Float32Array.from({ length: 1000 }, (_, k) => (k === 0 ? 1e6 : k / 1000));
    expect(range_of(values, null, null).hi).toBeLessThan(2);
  });
  test('is widened where all values are equal', () => {
    const { lo, hi } = range_of(of(3, 3, 3), null, null);
    expect(lo).toBeLessThan(3);
    expect(hi).toBeGreaterThan(3);
  });
  test('begins at the least positive value where logarithms are shown', () => {
    const log_of = (...v: number[]): (number | undefined)[] => {
      const { log } = range_of(of(...v), null, null);
      return [log?.lo, log?.hi];
    };
    expect(log_of(0, 0.5, 4)).toEqual([expect.closeTo(0.5, 12), expect.closeTo(4, 12)]);
    expect(log_of(0, 1e-20, 4)[0]! / Math.fround(1e-20)).toBeCloseTo(1, 12);
    expect(log_of(-1e-9, 1)).toEqual([undefined, undefined]);
    expect(log_of(0, 0)).toEqual([undefined, undefined]);
  });
  test.each(golden.cases)('is that of the picture: $name', ({ values, lo, hi, log, expected }) => {
    const range = range_of(Float32Array.from(values, (value) => value ?? NaN), lo, hi);
    const shown = log ? range.log! : range;
    const span = expected.hi - expected.lo;
    for (const end of ['lo', 'hi'] as const) expect((shown[end] - expected[end]) / span).toBeCloseTo(0, 12);
  });
});
