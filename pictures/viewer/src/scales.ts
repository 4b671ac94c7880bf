// Values to heights and colours in [0, 1], ticks with round numbers, and numbers as text.

export interface Tick {
  at: number;
  label: string;
}

export const kMinus = '\u2212';
const with_true_minus = (digits: string): string => digits.replace(/-/g, kMinus);

function magnitude(value: number): number {
  return value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)));
}

/** "1.50e-7" as "1.5e-7", "2.00e+5" as "2e5". */
function short_exponent(digits: string): string {
  return digits.replace(/\.?0+e/, 'e').replace('e+', 'e');
}

/** About `digits` significant digits, without zeros at the end. */
export function short_number(value: number, digits = 6): string {
  if (Number.isNaN(value)) return 'not a number';
  if (!Number.isFinite(value)) return value > 0 ? '\u221e' : `${kMinus}\u221e`;
  if (value === 0) return '0';
  const power = magnitude(value);
  if (power >= 6 || power < -4) return with_true_minus(short_exponent(value.toExponential(digits - 1)));
  const fixed = value.toFixed(Math.max(0, digits - 1 - power));
  return with_true_minus(fixed.includes('.') ? fixed.replace(/\.?0+$/, '') : fixed);
}

/** A loss as racers show it: sign, 5 decimals, clipped to +-999.99999; always of one width. */
export function live_number(value: number): string {
  if (Number.isNaN(value)) return '       nan';
  const clipped = Math.min(999.99999, Math.max(-999.99999, value));
  const digits = Math.abs(clipped).toFixed(5);
  return ((clipped < 0 ? kMinus : '+') + digits).padStart(10);
}

const kSuperscript = '\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079';

/** 10 to the power, as text with raised digits. */
export function power_of_ten(exponent: number): string {
  const raised = Array.from(String(Math.abs(exponent)), (d) => kSuperscript[Number(d)]).join('');
  return `10${exponent < 0 ? '\u207b' : ''}${raised}`;
}

/** The step 1, 2 or 5 times a power of ten of which at most about `most` fit into `span`. */
export function nice_step(span: number, most: number): { leading: number; exponent: number } {
  const raw = span / most;
  let exponent = Math.floor(Math.log10(raw));
  while (Number(`1e${exponent}`) > raw) --exponent;
  for (const leading of [1, 2, 5]) if (Number(`${leading}e${exponent}`) >= raw * (1 - 1e-12)) return { leading, exponent };
  return { leading: 1, exponent: exponent + 1 };
}

/** Round numbers in [lo, hi], at most about `most`. */
export function nice_ticks(lo: number, hi: number, most: number): Tick[] {
  if (hi < lo) return nice_ticks(hi, lo, most).reverse();
  if (!(hi - lo > 0) || !Number.isFinite(hi - lo)) return [{ at: lo, label: short_number(lo) }];
  const { leading, exponent } = nice_step(hi - lo, most);
  const step = Number(`${leading}e${exponent}`);
  const first = Math.ceil(lo / step - 1e-9);
  const last = Math.min(Math.floor(hi / step + 1e-9), first + 1000);
  const top = magnitude(Math.max(Math.abs(lo), Math.abs(hi)));
  const ticks: Tick[] = [];
  for (let k = first; k <= last; ++k) {
    const at = Number(`${k * leading}e${exponent}`);
    ticks.push({ at, label: tick_label(at, exponent, top) });
  }
  return ticks;
}

function tick_label(at: number, exponent: number, top: number): string {
  if (at === 0) return '0';
  if (top >= 5 || top < -3) return with_true_minus(short_exponent(at.toExponential(Math.min(15, Math.max(0, magnitude(at) - exponent)))));
  return with_true_minus(at.toFixed(Math.min(15, Math.max(0, -exponent))));
}

/** Powers of ten in [lo, hi], 0 < lo < hi; where these are less than three, round numbers too. */
export function log_ticks(lo: number, hi: number, most: number): Tick[] {
  const from = Math.ceil(Math.log10(lo) - 1e-9);
  const to = Math.floor(Math.log10(hi) + 1e-9);
  if (to - from < 2) {
    const ticks: Tick[] = [];
    for (let e = from - 1; e <= to; ++e)
      for (const leading of [1, 2, 5]) {
        const at = Number(`${leading}e${e}`);
        if (at >= lo * (1 - 1e-9) && at <= hi * (1 + 1e-9)) ticks.push({ at, label: short_number(at) });
      }
    return ticks.length >= 2 ? ticks : nice_ticks(lo, hi, most);
  }
  const stride = Math.ceil((to - from + 1) / most);
  const round = Math.ceil(from / stride) * stride;
  const ticks: Tick[] = [];
  for (let e = round + stride <= to ? round : from; e <= to; e += stride) ticks.push({ at: Number(`1e${e}`), label: power_of_ten(e) });
  return ticks;
}

/** Values from lo to hi as 0 to 1, linearly or by their logarithm. */
export class Scale {
  private readonly low: number;
  private readonly span: number;

  constructor(
    readonly lo: number,
    readonly hi: number,
    readonly log: boolean,
  ) {
    this.low = log ? Math.log(lo) : lo;
    this.span = (log ? Math.log(hi) : hi) - this.low;
  }

  /** Unclamped; -infinity where there is no logarithm, NaN for what is not finite. */
  raw(value: number): number {
    if (!Number.isFinite(value)) return NaN;
    if (!this.log) return (value - this.low) / this.span;
    return value > 0 ? (Math.log(value) - this.low) / this.span : -Infinity;
  }

  at(value: number): number {
    return Math.min(1, Math.max(0, this.raw(value)));
  }

  /** The value that lies at t. */
  value(t: number): number {
    return this.log ? Math.exp(this.low + t * this.span) : this.low + t * this.span;
  }

  ticks(most: number): Tick[] {
    return this.log ? log_ticks(this.lo, this.hi, most) : nice_ticks(this.lo, this.hi, most);
  }
}

export interface Levels {
  first: number; // where a level with a tick lies, in the scale's 0 .. 1
  step: number; // between two levels
  major: number; // every so many levels is one of a tick
}

/** Contour levels at the ticks of a scale and evenly between them, at most about 24. */
export function contour_levels(scale: Scale, most = 6): Levels {
  const [a, b] = scale.log ? [Math.log10(scale.lo), Math.log10(scale.hi)] : [scale.lo, scale.hi];
  const { leading, exponent } = nice_step(b - a, most);
  const step = Number(`${leading}e${exponent}`);
  const fits = (leading === 2 ? [1, 2, 4] : [1, 2, 5]).filter((parts) => ((b - a) / step) * parts <= 24);
  const major = fits[fits.length - 1];
  return { first: (Math.ceil(a / step - 1e-9) * step - a) / (b - a), step: step / major / (b - a), major };
}

export interface Ends {
  lo: number;
  hi: number;
}

export interface Range extends Ends {
  log: Ends | null; // in their place where logarithms are shown; null: some value has none
}

/** Of ascending numbers; what is given stands. value_scale.cpp has the same rule, see its header. */
function ends_of(sorted: number[], given_lo: number | null, given_hi: number | null): Ends {
  const rank = (p: number): number => sorted[Math.round(p * (sorted.length - 1))];
  const [least, low, high, most] = [rank(0), rank(0.01), rank(0.99), rank(1)];
  const core = high - low;
  const lo = given_lo ?? (core > 0 && core < (low - least) / 5 ? low : least);
  const hi = given_hi ?? (core > 0 && core < (most - high) / 5 ? high : most);
  if (hi / 2 - lo / 2 > 1e-13 * Math.max(Math.abs(lo), Math.abs(hi))) return { lo, hi };
  const middle = lo / 2 + hi / 2;
  const half = middle === 0 ? 1 : Math.abs(middle) / 2;
  return { lo: middle - half, hi: middle + half };
}

function log_ends_of(sorted: number[], given_lo: number | null, given_hi: number | null): Ends | null {
  const least = sorted.find((value) => value > 0);
  if (least === undefined || sorted[0] < 0) return null;
  const end = (given: number | null): number | null => (given !== null && given > 0 ? Math.log10(given) : null);
  const exponents = sorted.map((value) => Math.log10(Math.max(value, least))); // 0 is drawn at the least
  const { lo, hi } = ends_of(exponents, end(given_lo), end(given_hi));
  return { lo: 10 ** lo, hi: 10 ** hi };
}

/**
 * What colours and heights show of a panel's values: from `lo` to `hi` where these are given, else
 * the range of the finite values without a few far outliers. The picture of the same grid shows the
 * same, which tests/golden/pictures/ranges.json holds both to.
 */
export function range_of(values: Float32Array, lo: number | null, hi: number | null): Range {
  const sorted = Array.from(values.filter(Number.isFinite).sort());
  return { ...ends_of(sorted, lo, hi), log: log_ends_of(sorted, lo, hi) };
}
