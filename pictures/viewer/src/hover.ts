// The card beside the pointer: place, value, and the racer that came nearest.

import { css, racer_look } from './palette';
import { element } from './dom';
import { type Panel, type Track } from './data';
import { short_number } from './scales';
import { type Spot } from './picture';
import { type State } from './state';

export interface Near {
  track: Track;
  step: number;
}

/** The point nearest to a place, measured in parts of the surface, of the ways up to now. */
export function nearest_point(panel: Panel, spot: { x: number; y: number }, step: number, hidden: ReadonlySet<string>): Near | null {
  let best: Near | null = null;
  let least = Infinity;
  for (const track of panel.tracks) {
    if (hidden.has(track.label)) continue;
    const last = Math.min(Math.floor(step), track.drawable - 1);
    for (let k = 0; k <= last; ++k) {
      const dx = (track.x[k] - spot.x) / (panel.x.hi - panel.x.lo);
      const dy = (track.y[k] - spot.y) / (panel.y.hi - panel.y.lo);
      const distance = dx * dx + dy * dy;
      if (distance < least) [least, best] = [distance, { track, step: k }];
    }
  }
  return best;
}

export class HoverCard {
  readonly element = element('div', { class: 'card', 'aria-hidden': 'true', hidden: true });

  constructor(private readonly panel: Panel) {}

  hide(): void {
    this.element.hidden = true;
  }

  show(spot: Spot, px: number, py: number, width: number, state: State, dark: boolean): void {
    const { panel } = this;
    const rows: [string, string, string][] = [
      ['x', panel.x.name, short_number(spot.x)],
      ['y', panel.y.name, short_number(spot.y)],
      ['value', panel.value_name, short_number(spot.value)],
    ];
    if (spot.value > 0) rows.push(['log', 'log\u2081\u2080', short_number(Math.log10(spot.value))]);
    const list = element('dl', {});
    for (const [key, name, text] of rows) list.append(element('dt', {}, name), element('dd', { 'data-key': key }, text));
    this.element.replaceChildren(list);
    const near = nearest_point(panel, spot, state.step, state.hidden);
    if (near) {
      const swatch = element('i', {});
      swatch.style.background = css(racer_look(near.track.racer, dark).color);
      this.element.append(
        element('p', { 'data-key': 'near' }, swatch, `nearest: ${near.track.label}, step ${near.step}, ${short_number(near.track.losses[near.step])}`),
      );
    }
    this.element.hidden = false;
    const left = px > width - 240;
    this.element.style.left = left ? '' : `${px + 16}px`;
    this.element.style.right = left ? `${width - px + 16}px` : '';
    this.element.style.top = `${Math.max(4, py - 40)}px`;
  }
}
