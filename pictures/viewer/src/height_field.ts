// A grid of heights over the scene's square: triangles, slopes, samples and rays.
//
// The scene: x and y of the grid become -1 .. 1, the lowest height shown 0 and the highest kTop; the
// contour map lies at kFloor.

export const kTop = 0.85;
export const kFloor = -0.55;

export type Vec3 = readonly [number, number, number];

export interface Ray {
  origin: Vec3;
  way: Vec3;
}

export interface Hit {
  x: number; // in the scene
  y: number;
  distance: number; // in lengths of the ray's way
}

export class HeightField {
  readonly indices: Uint32Array;
  readonly z: Float32Array; // heights in the scene, NaN in holes
  private readonly falling: Uint8Array; // a cell's diagonal: 0 from (0, 0) to (1, 1), 1 the other one

  /** `heights` decide along which diagonals the cells are cut; NaN is a hole. */
  constructor(
    readonly columns: number,
    readonly rows: number,
    heights: Float32Array,
  ) {
    this.z = new Float32Array(heights);
    this.falling = new Uint8Array((columns - 1) * (rows - 1));
    const indices = new Uint32Array((columns - 1) * (rows - 1) * 6);
    let n = 0;
    for (let i = 0; i + 1 < rows; ++i)
      for (let j = 0; j + 1 < columns; ++j) {
        const k = i * columns + j;
        const [a, b, c, d] = [heights[k], heights[k + 1], heights[k + columns + 1], heights[k + columns]];
        if (Number.isNaN(a + b + c + d)) continue;
        // The diagonal between the more equal corners follows valleys and ridges better.
        const falling = Math.abs(a - c) > Math.abs(b - d);
        this.falling[i * (columns - 1) + j] = falling ? 1 : 0;
        const [p, q, r, s] = [k, k + 1, k + columns + 1, k + columns];
        indices.set(falling ? [p, q, s, q, r, s] : [p, q, r, p, r, s], n);
        n += 6;
      }
    this.indices = indices.slice(0, n);
  }

  /** A quarter of the triangles, over every other row and column: for machines that draw slowly. */
  coarse_indices(): Uint32Array {
    const every_other = (n: number): number[] => Array.from({ length: Math.ceil((n - 1) / 2) + 1 }, (_, k) => Math.min(2 * k, n - 1));
    const [across, down] = [every_other(this.columns), every_other(this.rows)];
    const indices: number[] = [];
    for (let i = 0; i + 1 < down.length; ++i)
      for (let j = 0; j + 1 < across.length; ++j) {
        const [low, high] = [down[i] * this.columns, down[i + 1] * this.columns];
        const [p, q, r, s] = [low + across[j], low + across[j + 1], high + across[j + 1], high + across[j]];
        if (!Number.isNaN(this.z[p] + this.z[q] + this.z[r] + this.z[s])) indices.push(p, q, r, p, r, s);
      }
    return Uint32Array.from(indices);
  }

  /** Changes of height over the scene at column j, row i: from both neighbours where they exist. */
  slope(i: number, j: number): [number, number] {
    const { columns, rows, z } = this;
    const k = i * columns + j;
    const along = (before: number, after: number, has_before: boolean, has_after: boolean): number => {
      const previous = has_before ? z[before] : NaN;
      const next = has_after ? z[after] : NaN;
      if (Number.isNaN(next)) return Number.isNaN(previous) ? 0 : z[k] - previous;
      return Number.isNaN(previous) ? next - z[k] : (next - previous) / 2;
    };
    return [
      (along(k - 1, k + 1, j > 0, j + 1 < columns) * (columns - 1)) / 2,
      (along(k - columns, k + columns, i > 0, i + 1 < rows) * (rows - 1)) / 2,
    ];
  }

  /** Interpolates `table` (columns x rows) at a place of the scene on the triangles; NaN in holes and outside. */
  sample(table: ArrayLike<number>, x: number, y: number): number {
    const u = ((x + 1) / 2) * (this.columns - 1);
    const v = ((y + 1) / 2) * (this.rows - 1);
    if (!(u >= 0 && v >= 0 && u <= this.columns - 1 && v <= this.rows - 1)) return NaN;
    const j = Math.min(Math.floor(u), this.columns - 2);
    const i = Math.min(Math.floor(v), this.rows - 2);
    const k = i * this.columns + j;
    const [p, q] = [u - j, v - i];
    const [a, b, c, d] = [table[k], table[k + 1], table[k + this.columns + 1], table[k + this.columns]];
    if (!Number.isFinite(a + b + c + d)) return NaN;
    if (this.falling[i * (this.columns - 1) + j])
      return p + q <= 1 ? a + p * (b - a) + q * (d - a) : c + (1 - p) * (d - c) + (1 - q) * (b - c);
    return p >= q ? a + p * (b - a) + q * (c - b) : a + q * (d - a) + p * (c - d);
  }

  /** Where a ray first meets the surface at least `from` along its way; null: nowhere. */
  pick(ray: Ray, from = -Infinity): Hit | null {
    const range = clip_to_box(ray, kTop);
    if (!range) return null;
    const { columns, rows } = this;
    const [near, far] = [Math.max(range[0], from), range[1]];
    const step_u = (ray.way[0] * (columns - 1)) / 2;
    const step_v = (ray.way[1] * (rows - 1)) / 2;
    const start_u = ((ray.origin[0] + 1) / 2) * (columns - 1);
    const start_v = ((ray.origin[1] + 1) / 2) * (rows - 1);
    // Walk from grid line to grid line; between two of them the ray is over one cell.
    for (let at = near; at <= far; ) {
      const inside = at + 1e-9;
      const j = clamp_index(Math.floor(start_u + inside * step_u), columns - 2);
      const i = clamp_index(Math.floor(start_v + inside * step_v), rows - 2);
      const next = Math.min(crossing(start_u, step_u, j), crossing(start_v, step_v, i), far);
      const hit = this.pick_cell(ray, i, j, Math.max(near, at - 1e-9), next + 1e-9);
      if (hit !== null) return { x: ray.origin[0] + hit * ray.way[0], y: ray.origin[1] + hit * ray.way[1], distance: hit };
      at = Math.max(next, at + 1e-7);
    }
    return null;
  }

  /** Within one cell: the height under the ray is linear on either side of the diagonal. */
  private pick_cell(ray: Ray, i: number, j: number, near: number, far: number): number | null {
    const { columns, rows, z } = this;
    const k = i * columns + j;
    const [a, b, c, d] = [z[k], z[k + 1], z[k + columns + 1], z[k + columns]];
    if (Number.isNaN(a + b + c + d)) return null;
    const u0 = ((ray.origin[0] + 1) / 2) * (columns - 1) - j;
    const v0 = ((ray.origin[1] + 1) / 2) * (rows - 1) - i;
    const du = (ray.way[0] * (columns - 1)) / 2;
    const dv = (ray.way[1] * (rows - 1)) / 2;
    const falling = this.falling[i * (columns - 1) + j] === 1;
    const planes: [number, number, number, (p: number, q: number) => boolean][] = falling
      ? [
          [a, b - a, d - a, (p, q) => p + q <= 1 + 1e-7],
          [b + d - c, c - d, c - b, (p, q) => p + q >= 1 - 1e-7],
        ]
      : [
          [a, b - a, c - b, (p, q) => p >= q - 1e-7],
          [a, c - d, d - a, (p, q) => p <= q + 1e-7],
        ];
    let best: number | null = null;
    for (const [height, by_u, by_v, owns] of planes) {
      const fall = ray.way[2] - by_u * du - by_v * dv;
      if (fall === 0) continue;
      const at = (height + by_u * u0 + by_v * v0 - ray.origin[2]) / fall;
      if (at < near || at > far || !owns(u0 + at * du, v0 + at * dv)) continue;
      if (best === null || at < best) best = at;
    }
    return best;
  }
}

const clamp_index = (k: number, last: number): number => Math.min(Math.max(k, 0), last);

/** How far along its way a coordinate leaves the cell that begins at `cell`. */
function crossing(start: number, step: number, cell: number): number {
  if (step === 0) return Infinity;
  return ((step > 0 ? cell + 1 : cell) - start) / step;
}

/** The part of a ray over the square, from height 0 to `top`; null: none. */
function clip_to_box(ray: Ray, top: number): [number, number] | null {
  let [near, far] = [-Infinity, Infinity];
  const slack = 1e-6;
  for (const [k, lo, hi] of [[0, -1, 1], [1, -1, 1], [2, -slack, top + slack]] as const) {
    const [o, w] = [ray.origin[k], ray.way[k]];
    if (w === 0) {
      if (o < lo || o > hi) return null;
      continue;
    }
    const [a, b] = [(lo - o) / w, (hi - o) / w];
    near = Math.max(near, Math.min(a, b));
    far = Math.min(far, Math.max(a, b));
  }
  return near <= far ? [near, far] : null;
}

/** Where a ray meets the floor map; null: beside it. */
export function pick_floor(ray: Ray): Hit | null {
  if (ray.way[2] === 0) return null;
  const distance = (kFloor - ray.origin[2]) / ray.way[2];
  const [x, y] = [ray.origin[0] + distance * ray.way[0], ray.origin[1] + distance * ray.way[1]];
  return Math.abs(x) <= 1 && Math.abs(y) <= 1 ? { x, y, distance } : null;
}

/** The part [from, to] of the line from a to b, in 0 .. 1, that lies over the square; null: none. */
export function clip_to_square(ax: number, ay: number, bx: number, by: number): [number, number] | null {
  let [from, to] = [0, 1];
  for (const [a, b] of [[ax, bx], [ay, by]]) {
    const d = b - a;
    if (d === 0) {
      if (Math.abs(a) > 1) return null;
      continue;
    }
    const [p, q] = [(-1 - a) / d, (1 - a) / d];
    from = Math.max(from, Math.min(p, q));
    to = Math.min(to, Math.max(p, q));
  }
  return from < to ? [from, to] : null;
}
