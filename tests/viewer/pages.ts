// Pages as the C++ side writes them, with made surfaces and tracks.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const kBundle = fileURLToPath(new URL('../../pictures/viewer/dist/viewer.html', import.meta.url));
const kPlace = '<script type="application/json" id="descent-data">null</script>';

type Surface = (x: number, y: number) => number;
type Json = Record<string, unknown>;

export function base64(numbers: ArrayLike<number>, bytes: 4 | 8): string {
  const typed = bytes === 4 ? Float32Array.from(numbers) : Float64Array.from(numbers);
  return Buffer.from(typed.buffer).toString('base64');
}

export interface MadeTrack {
  label: string;
  detail: string;
  x: number[];
  y: number[];
  losses: number[];
  stopped?: string;
  diverged?: boolean;
  left_at?: number;
}

export function track_json(t: MadeTrack): Json {
  return {
    label: t.label,
    detail: t.detail,
    x: base64(t.x, 8),
    y: base64(t.y, 8),
    losses: base64(t.losses, 8),
    gradient_norms: base64(t.x.slice(1).map(() => 1), 8),
    stopped: t.stopped ?? '',
    diverged: t.diverged ?? false,
    left_at: t.left_at ?? -1,
  };
}

/** Gradient descent with momentum on a surface, by central differences. */
export function descend(f: Surface, label: string, start: [number, number], lr: number, momentum: number, steps: number, half: number): MadeTrack {
  const t: MadeTrack = { label, detail: `sgd lr=${lr}, momentum=${momentum}`, x: [start[0]], y: [start[1]], losses: [f(...start)] };
  let [x, y] = start;
  let [vx, vy] = [0, 0];
  const h = 1e-4;
  for (let k = 1; k <= steps; ++k) {
    vx = momentum * vx + (f(x + h, y) - f(x - h, y)) / (2 * h);
    vy = momentum * vy + (f(x, y + h) - f(x, y - h)) / (2 * h);
    x -= lr * vx;
    y -= lr * vy;
    t.x.push(x);
    t.y.push(y);
    t.losses.push(f(x, y));
    if (t.left_at === undefined && Math.max(Math.abs(x), Math.abs(y)) > half) t.left_at = k;
    if (!Number.isFinite(f(x, y))) {
      t.diverged = true;
      break;
    }
  }
  return t;
}

export interface MadePanel {
  id: string;
  title: string;
  f: Surface;
  half: number; // the domain is [-half, half] squared
  n?: number;
  tracks?: MadeTrack[];
  change?: Json; // what differs from the usual panel
}

const kPixel = 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

export function panel_json({ id, title, f, half, n = 120, tracks = [], change = {} }: MadePanel): Json {
  const values: number[] = [];
  for (let i = 0; i < n; ++i)
    for (let j = 0; j < n; ++j) values.push(f(-half + (2 * half * j) / (n - 1), -half + (2 * half * i) / (n - 1)));
  return {
    id,
    title,
    caption: `Made for the tests: ${n} x ${n} values over [${-half}, ${half}] squared.`,
    x: { name: 'x', lo: -half, hi: half, n },
    y: { name: 'y', lo: -half, hi: half, n },
    value_name: 'loss',
    values: base64(values, 4),
    lo: null,
    hi: null,
    azimuth: -70,
    elevation: 30,
    log: false,
    marks: [],
    tracks: tracks.map(track_json),
    picture: kPixel,
    ...change,
  };
}

export function page_html(page: unknown, bundle = readFileSync(kBundle, 'utf8')): string {
  const [before, after, more] = bundle.split(kPlace);
  if (after === undefined || more !== undefined) throw new Error('the bundle must hold the place of the data exactly once');
  const json = JSON.stringify(page).replaceAll('<', '\\u003c');
  return `${before}${kPlace.replace('null', () => json)}${after}`;
}

export const page_json = (title: string, panels: MadePanel[], change: Json = {}): Json => ({
  format: 'descent-page-1',
  title,
  caption: 'Optimizers on surfaces made for the tests.\nEvery racer starts at the same place.',
  panels: panels.map(panel_json),
  ...change,
});

export const bowl: Surface = (x, y) => x * x + 2 * y * y;
export const waves: Surface = (x, y) => 0.06 * (x * x + y * y) + 0.5 * Math.sin(1.7 * x) * Math.cos(1.3 * y) + 0.12 * Math.sin(5 * x + 2 * y) * Math.sin(4 * y);
export const valley: Surface = (x, y) => (1 - x) ** 2 + 100 * (y - x * x) ** 2;

/** Names of real optimizers for up to 12 made racers. */
const kNames = ['SGD', 'Momentum', 'NAG', 'AdaGrad', 'RMSprop', 'Adam', 'AdamW', 'NAdam', 'RAdam', 'Lion', 'Rprop', 'FTRL'];

export function racers(f: Surface, count: number, half: number, steps = 100, lr = 0.02): MadeTrack[] {
  return kNames.slice(0, count).map((name, k) => descend(f, name, [-0.8 * half, 0.75 * half], lr * (0.6 + 0.25 * k), [0, 0.9, 0.5, 0.2, 0.7, 0.8, 0.6, 0.3, 0.4, 0.85, 0.1, 0.75][k], steps, half));
}

/** One surface, ten racers: what the sizes in the documents are about. */
export const race_page = (n = 200): Json =>
  page_json('The joint race', [{ id: 'waves', title: 'waves', f: waves, half: 5, n, tracks: racers(waves, 10, 5), change: { marks: [{ x: -0.95, y: 0, value: waves(-0.95, 0), label: 'minimum' }] } }]);

/** Several panels with everything that can go wrong for a racer, holes, and a log scale. */
export function gallery_page(): Json {
  const away = descend(bowl, 'SGD', [-3, 3], 0.53, 0, 60, 4);
  const broken = { ...racers(waves, 1, 5, 37)[0], label: 'Momentum', diverged: true };
  broken.losses[37] = NaN;
  const holes: Surface = (x, y) => (Math.hypot(x - 1.5, y - 1) < 0.9 ? NaN : waves(x, y));
  return page_json('Surfaces and racers', [
    { id: 'waves', title: 'waves with a hole', f: holes, half: 5, tracks: [...racers(waves, 1, 5), broken, ...racers(waves, 4, 5).slice(2)] },
    { id: 'bowl', title: 'bowl', f: bowl, half: 4, tracks: [away, ...racers(bowl, 4, 4).slice(1)], change: { log: true } },
    { id: 'valley', title: 'Rosenbrock', f: valley, half: 2, tracks: racers(valley, 4, 2, 100, 0.0004), change: { log: true, marks: [{ x: 1, y: 1, value: 0, label: 'minimum' }] } },
    { id: 'plain', title: 'a plain surface', f: (x, y) => Math.cos(x) * Math.cos(y), half: 4, n: 60 },
    { id: 'f4', title: 'waves, again', f: waves, half: 5, tracks: racers(waves, 6, 5) },
    { id: 'f5', title: 'waves, slower', f: waves, half: 5, tracks: racers(waves, 6, 5, 100, 0.005) },
  ]);
}
