import { type Panel } from './data';

/** Whether a chart of the panel's losses begins with a logarithmic scale: no loss is negative, one is positive. */
export function starts_logarithmic(panel: Panel): boolean {
  return panel.tracks.some((t) => t.losses.some((v) => v > 0)) && !panel.tracks.some((t) => t.losses.some((v) => v < 0));
}

/**
 * The range of a chart of these losses. Where racers go far beyond their starts and the range of the
 * surface, they leave the chart, too, so that they do not flatten the others.
 */
export function loss_range(panel: Panel, hidden: ReadonlySet<string>, log: boolean, surface: { lo: number; hi: number }): [number, number] {
  const shown = panel.tracks.filter((t) => !hidden.has(t.label));
  const usable = (v: number): boolean => Number.isFinite(v) && (!log || v > 0);
  const starts = shown.map((t) => t.losses[0]).filter(usable);
  const [low, high] = [Math.min(surface.lo, ...starts), Math.max(surface.hi, ...starts)];
  const floor = log ? 0 : low - 0.1 * (high - low);
  const ceiling = log ? high * 100 : high + 0.1 * (high - low);
  let [lo, hi] = [Infinity, -Infinity];
  for (const track of shown)
    for (const v of track.losses) {
      if (!usable(v)) continue;
      lo = Math.min(lo, Math.max(v, floor));
      hi = Math.max(hi, Math.min(v, ceiling));
    }
  if (lo > hi) return log ? [0.1, 1] : [0, 1];
  if (log) {
    const least = Math.max(lo, hi * 1e-16, 1e-300);
    return least < hi ? [least / 1.3, hi * 1.3] : [least / 10, least * 10];
  }
  const room = (hi - lo) * 0.05 || Math.abs(hi) * 0.1 || 1;
  return [lo - room, hi + room];
}
