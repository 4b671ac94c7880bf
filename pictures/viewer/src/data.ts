// The page's data: format "descent-page-1" as pictures/page.cpp writes it, decoded and checked.

export interface Axis {
  name: string;
  lo: number;
  hi: number;
  n: number;
}

export interface Mark {
  x: number;
  y: number;
  value: number;
  height: number; // the value of the surface where the mark is drawn
  label: string;
}

export interface Track {
  label: string;
  detail: string;
  racer: number; // index in Page.racers
  x: Float64Array;
  y: Float64Array;
  losses: Float64Array;
  gradient_norms: Float64Array;
  drawable: number; // points before the first that is not finite
  stopped: string;
  diverged: boolean;
  left_at: number; // first point outside of the surface, -1: none
}

export interface Panel {
  id: string;
  title: string;
  caption: string;
  x: Axis;
  y: Axis;
  value_name: string;
  values: Float32Array; // y.n rows of x.n numbers
  lo: number | null;
  hi: number | null;
  azimuth: number;
  elevation: number;
  log: boolean;
  marks: Mark[];
  tracks: Track[];
  picture: string; // data URL or ""
}

export interface Page {
  title: string;
  caption: string;
  panels: Panel[];
  racers: string[]; // labels, each once, in order of appearance
  steps: number; // of the longest track
}

/** What is wrong with the data, as one sentence for the reader of the page. */
export class DataError extends Error {}

type Json = Record<string, unknown>;

function object(value: unknown, where: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new DataError(`${where} is missing or not an object`);
  return value as Json;
}

function list(from: Json, key: string, where: string): unknown[] {
  const value = from[key];
  if (!Array.isArray(value)) throw new DataError(`${where}.${key} is missing or not a list`);
  return value;
}

function read<T>(from: Json, key: string, where: string, type: 'string' | 'boolean'): T {
  const value = from[key];
  if (typeof value !== type) throw new DataError(`${where}.${key} is missing or not a ${type}`);
  return value as T;
}
const text = (from: Json, key: string, where: string): string => read(from, key, where, 'string');
const flag = (from: Json, key: string, where: string): boolean => read(from, key, where, 'boolean');

function number(from: Json, key: string, where: string): number {
  const value = from[key];
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw new DataError(`${where}.${key} is missing or not a finite number`);
  return value;
}

function number_or_null(from: Json, key: string, where: string): number | null {
  return from[key] === null ? null : number(from, key, where);
}

// Numbers are little-endian, as every machine with a browser is.
function bytes(from: Json, key: string, where: string, size: number): ArrayBuffer {
  let binary: string;
  try {
    binary = atob(text(from, key, where));
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`${where}.${key} is not base64`);
  }
  if (binary.length % size !== 0)
    throw new DataError(`${where}.${key} has ${binary.length} bytes, must be a multiple of ${size}`);
  const result = new Uint8Array(binary.length);
  for (let k = 0; k < binary.length; ++k) result[k] = binary.charCodeAt(k);
  return result.buffer;
}

function axis(from: Json, key: string, where: string): Axis {
  const at = `${where}.${key}`;
  const o = object(from[key], at);
  const result = { name: text(o, 'name', at), lo: number(o, 'lo', at), hi: number(o, 'hi', at), n: number(o, 'n', at) };
  if (!Number.isInteger(result.n) || result.n < 2) throw new DataError(`${at}.n = ${result.n}, must be an integer of at least 2`);
  if (result.lo === result.hi) throw new DataError(`${at}: lo and hi are both ${result.lo}, must differ`);
  return result;
}

function mark(value: unknown, where: string): Mark {
  const o = object(value, where);
  const result = { x: number(o, 'x', where), y: number(o, 'y', where), value: number(o, 'value', where), label: text(o, 'label', where) };
  return { ...result, height: number_or_null({ height: null, ...o }, 'height', where) ?? result.value };
}

/** Points before the first whose place or loss is not finite. */
export function drawable_points(x: Float64Array, y: Float64Array, losses: Float64Array): number {
  let k = 0;
  while (k < x.length && Number.isFinite(x[k]) && Number.isFinite(y[k]) && Number.isFinite(losses[k])) ++k;
  return k;
}

function track(value: unknown, where: string, racers: string[]): Track {
  const o = object(value, where);
  const column = (key: string): Float64Array => new Float64Array(bytes(o, key, where, 8));
  const label = text(o, 'label', where);
  const [x, y, losses, gradient_norms] = [column('x'), column('y'), column('losses'), column('gradient_norms')];
  if (x.length < 1 || y.length !== x.length || losses.length !== x.length)
    throw new DataError(`${where}: x, y and losses have ${x.length}, ${y.length} and ${losses.length} points, must be equally many and at least 1`);
  if (gradient_norms.length !== x.length - 1)
    throw new DataError(`${where}.gradient_norms has ${gradient_norms.length} numbers, must be ${x.length - 1}`);
  if (!racers.includes(label)) racers.push(label);
  return {
    label,
    detail: text(o, 'detail', where),
    racer: racers.indexOf(label),
    x,
    y,
    losses,
    gradient_norms,
    drawable: drawable_points(x, y, losses),
    stopped: text(o, 'stopped', where),
    diverged: flag(o, 'diverged', where),
    left_at: number(o, 'left_at', where),
  };
}

function panel(value: unknown, where: string, racers: string[]): Panel {
  const o = object(value, where);
  const result: Panel = {
    id: text(o, 'id', where),
    title: text(o, 'title', where),
    caption: text(o, 'caption', where),
    x: axis(o, 'x', where),
    y: axis(o, 'y', where),
    value_name: text(o, 'value_name', where),
    values: new Float32Array(bytes(o, 'values', where, 4)),
    lo: number_or_null(o, 'lo', where),
    hi: number_or_null(o, 'hi', where),
    azimuth: number(o, 'azimuth', where),
    elevation: number(o, 'elevation', where),
    log: flag(o, 'log', where),
    marks: list(o, 'marks', where).map((m, k) => mark(m, `${where}.marks[${k}]`)),
    tracks: list(o, 'tracks', where).map((t, k) => track(t, `${where}.tracks[${k}]`, racers)),
    picture: text(o, 'picture', where),
  };
  const expected = result.x.n * result.y.n;
  if (result.values.length !== expected)
    throw new DataError(`${where}.values has ${result.values.length} numbers, must be x.n * y.n = ${expected}`);
  if (!result.values.some(Number.isFinite)) throw new DataError(`${where}.values has no finite number`);
  if (result.lo !== null && result.hi !== null && !(result.lo < result.hi))
    throw new DataError(`${where}: lo = ${result.lo} and hi = ${result.hi}, lo must be less than hi`);
  if (result.picture !== '' && !result.picture.startsWith('data:image/'))
    throw new DataError(`${where}.picture is not a data URL of an image`);
  return result;
}

/** Reads the text of the page's data element; throws DataError. */
export function read_page(json: string): Page {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    throw new DataError('the data are not JSON');
  }
  if (parsed === null) throw new DataError('there are no data');
  const o = object(parsed, 'the page');
  if (o['format'] !== 'descent-page-1')
    throw new DataError(`format = ${JSON.stringify(o['format'])}, must be "descent-page-1"`);
  const racers: string[] = [];
  const panels = list(o, 'panels', 'page').map((p, k) => panel(p, `panels[${k}]`, racers));
  if (panels.length === 0) throw new DataError('page.panels is empty');
  const ids = panels.map((p) => p.id);
  const twice = ids.find((id, k) => ids.indexOf(id) !== k);
  if (twice !== undefined) throw new DataError(`two panels have the id ${JSON.stringify(twice)}`);
  const steps = Math.max(0, ...panels.flatMap((p) => p.tracks.map((t) => t.x.length - 1)));
  return { title: text(o, 'title', 'page'), caption: text(o, 'caption', 'page'), panels, racers, steps };
}

/** What happened to a racer, up to `step` (default: at all): "diverged at step 37", or "". */
export function fate(track: Track, step = Infinity): string {
  const parts: string[] = [];
  if (track.left_at >= 0 && step >= track.left_at) parts.push(`left the surface at step ${track.left_at}`);
  const last = track.diverged ? track.drawable : track.x.length - 1;
  if (step >= last) {
    if (track.stopped !== '') parts.push(track.stopped);
    else if (track.diverged) parts.push(`diverged at step ${last}`);
  }
  return parts.join('; ');
}

/** The same data in plain numbers, for download; what is not finite becomes null. */
export function plain_json(page: Page): string {
  const numbers = (a: ArrayLike<number>): number[] => Array.from(a);
  const panels = page.panels.map((p) => ({
    ...p,
    picture: undefined,
    values: Array.from({ length: p.y.n }, (_, i) => numbers(p.values.subarray(i * p.x.n, (i + 1) * p.x.n))),
    tracks: p.tracks.map((t) => ({
      label: t.label,
      detail: t.detail,
      x: numbers(t.x),
      y: numbers(t.y),
      losses: numbers(t.losses),
      gradient_norms: numbers(t.gradient_norms),
      stopped: t.stopped,
      diverged: t.diverged,
      left_at: t.left_at,
    })),
  }));
  return JSON.stringify({ title: page.title, caption: page.caption, panels });
}
