import { describe, expect, test } from 'vitest';
import { clip_to_square, HeightField, kFloor, kTop, pick_floor, type Vec3 } from '#viewer/height_field';

/** A field of z = f(x, y) over the scene's square. */
function field(columns: number, rows: number, f: (x: number, y: number) => number): HeightField {
  const z = new Float32Array(columns * rows);
  for (let i = 0; i < rows; ++i) for (let j = 0; j < columns; ++j) z[i * columns + j] = f((2 * j) / (columns - 1) - 1, (2 * i) / (rows - 1) - 1);
  return new HeightField(columns, rows, z);
}
const wavy = (x: number, y: number): number => 0.4 + 0.2 * Math.sin(3 * x) + 0.1 * Math.cos(5 * y) + 0.05 * x * y;

function towards(from: Vec3, to: Vec3): { origin: Vec3; way: Vec3 } {
  return { origin: from, way: [to[0] - from[0], to[1] - from[1], to[2] - from[2]] };
}

describe('a field of heights', () => {
  test('has two triangles a cell, none at a hole', () => {
    expect(field(5, 4, wavy).indices).toHaveLength(4 * 3 * 6);
    const holed = field(5, 4, (x, y) => (x === 0 && y < -0.9 ? NaN : 0));
    expect(holed.indices).toHaveLength((4 * 3 - 2) * 6);
  });

  test('is a quarter as many triangles when coarse, up to the last row and column', () => {
    const { columns, rows } = field(9, 6, wavy);
    const coarse = field(9, 6, wavy).coarse_indices();
    expect(coarse).toHaveLength(4 * 3 * 6);
    expect(Math.max(...coarse)).toBe(columns * rows - 1);
    expect(field(3, 3, (x, y) => (x === 1 && y === 1 ? NaN : 0)).coarse_indices()).toHaveLength(0);
  });

  test('is met where a ray goes to', () => {
    const surface = field(60, 41, wavy);
    for (const [x, y] of [[0.3, -0.2], [-0.9, 0.8], [0.011, 0.012], [0.99, -0.99], [0, 0]]) {
      const z = surface.sample(surface.z, x, y);
      const hit = surface.pick(towards([x + 0.6, y - 1.1, z + 9], [x, y, z]));
      expect(hit!.x).toBeCloseTo(x, 6);
      expect(hit!.y).toBeCloseTo(y, 6);
    }
  });

  test('is met straight from above', () => {
    const surface = field(7, 9, wavy);
    const hit = surface.pick({ origin: [0.25, -0.5, 50], way: [0, 0, -1] });
    expect(hit!.distance).toBeCloseTo(50 - surface.sample(surface.z, 0.25, -0.5), 6);
  });

  test('is met at the nearest of several places, as a search in small steps finds', () => {
    const surface = field(50, 50, (x) => 0.4 + 0.3 * Math.sin(9 * x));
    for (let k = 0; k < 40; ++k) {
      const ray = towards([-4, 0.3 * Math.sin(k), 0.9 + 0.02 * k], [1, 0.6 * Math.cos(3 * k), 0.1 + 0.012 * k]);
      let slow = Infinity;
      for (let w = 0.5; w < 1.2; w += 1e-4) {
        const [x, y, z] = [0, 1, 2].map((c) => ray.origin[c] + w * ray.way[c]);
        if (z <= surface.sample(surface.z, x, y)) {
          slow = w;
          break;
        }
      }
      const hit = surface.pick(ray);
      if (slow === Infinity) expect(hit).toBeNull();
      else expect(hit!.distance).toBeCloseTo(slow, 3);
    }
  });

  test('is not met beside it, in a hole, or before the start of the search', () => {
    const surface = field(20, 20, (x, y) => (Math.hypot(x, y) < 0.5 ? NaN : 0.5));
    expect(surface.pick(towards([3, 0, 5], [3, 0, 0]))).toBeNull();
    expect(surface.pick(towards([0, 0, 5], [0, 0.01, 0]))).toBeNull();
    expect(surface.pick(towards([0.8, 0.8, 5], [0.8, 0.8, 0]))!.distance).toBeCloseTo(0.9, 6);
    expect(surface.pick(towards([0.8, 0.8, 5], [0.8, 0.8, 0]), 0.95)).toBeNull();
  });

  test('has the slopes of what it was made of', () => {
    const [dx, dy] = field(101, 101, (x, y) => 0.3 * x * x - 0.2 * y).slope(50, 75);
    expect(dx).toBeCloseTo(0.6 * 0.5, 4);
    expect(dy).toBeCloseTo(-0.2, 4);
    expect(field(3, 3, (x) => 0.1 * x).slope(1, 0)[0]).toBeCloseTo(0.1, 6);
  });

  test('is sampled on its triangles, exactly at its points', () => {
    const surface = field(6, 5, wavy);
    expect(surface.sample(surface.z, -1, -1)).toBe(surface.z[0]);
    expect(surface.sample(surface.z, 1, 1)).toBe(surface.z[29]);
    const [x, y] = [0.2, 0.5]; // column 3, row 3
    expect(surface.sample(surface.z, x, y)).toBeCloseTo(surface.z[3 * 6 + 3], 6);
    expect(surface.sample(surface.z, 1.01, 0)).toBeNaN();
  });
});

test('the floor is met within the square only', () => {
  const hit = pick_floor(towards([0, 0, kTop], [0.5, -0.5, kFloor]));
  expect(hit!.x).toBeCloseTo(0.5, 9);
  expect(pick_floor(towards([0, 0, kTop], [1.5, 0, kFloor]))).toBeNull();
});

test('ways are cut at the edge of the square', () => {
  expect(clip_to_square(0, 0, 0.5, 0.5)).toEqual([0, 1]);
  expect(clip_to_square(0, 0, 2, 0)).toEqual([0, 0.5]);
  expect(clip_to_square(-2, 0, 2, 0)).toEqual([0.25, 0.75]);
  expect(clip_to_square(2, 2, 3, 0)).toBeNull();
  expect(clip_to_square(1.5, -1, 1.5, 1)).toBeNull();
  expect(clip_to_square(0, 0, 0, 0)).toEqual([0, 1]);
});
