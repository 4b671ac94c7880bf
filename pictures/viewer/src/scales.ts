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
  const ticks: Tick[] = [];
  for (let e = Math.ceil(from / stride) * stride; e <= to; e += stride) ticks.push({ at: Number(`1e${e}`), label: power_of_ten(e) });
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

export interface Range {
  lo: number;
  hi: number;
  log_lo: number | null; // the floor of the log scale; null: a value is negative, no log scale
}

/**
 * What is shown of a panel's values: `lo` and `hi` where given, else the range of the finite values
 * without a few far outliers: where the 1st and 99th percentile lie closer together than a fifth of
 * what is beyond one of them, that side ends there.
 */
export function range_of(values: Float32Array, lo: number | null, hi: number | null): Range {
  const sorted = values.filter(Number.isFinite).sort();
  const n = sorted.length;
  const least = sorted[0];
  const largest = sorted[n - 1];
  const p1 = sorted[Math.floor((n - 1) * 0.01)];
  const p99 = sorted[Math.ceil((n - 1) * 0.99)];
  let from = lo ?? (p99 > p1 && p99 - p1 < (p99 - least) / 5 ? p1 : least);
  let to = hi ?? (p99 > p1 && p99 - p1 < (largest - p1) / 5 ? p99 : largest);
  if (!(from < to)) {
    const room = Math.abs(from) * 0.1 || 1;
    if (lo === null) from = Math.min(from, to) - room;
    if (hi === null || lo !== null) to = Math.max(from, to) + room;
  }
  const positive = sorted.find((v) => v > 0);
  const allowed = least >= 0 && positive !== undefined && to > 0;
  const floor = allowed ? Math.max(positive, 1e-8 * largest, from) : 0;
  return { lo: from, hi: to, log_lo: allowed && floor < to ? floor : null };
}
