// The numbers of the page as tables, for those who read instead of looking.

import { fate, type Page, type Panel } from './data';
import { element } from './dom';
import { loss_at } from './legend';
import { short_number } from './scales';
import { type State } from './state';

interface Extremes {
  least: number;
  largest: number;
  x: number; // where the least is
  y: number;
}

export function extremes(panel: Panel): Extremes {
  const { x, y, values } = panel;
  let [low, high] = [-1, -1];
  values.forEach((v, k) => {
    if (!Number.isFinite(v)) return;
    if (low < 0 || v < values[low]) low = k;
    if (high < 0 || v > values[high]) high = k;
  });
  const at = (lo: number, hi: number, n: number, k: number): number => lo + ((hi - lo) * k) / (n - 1);
  return { least: values[low], largest: values[high], x: at(x.lo, x.hi, x.n, low % x.n), y: at(y.lo, y.hi, y.n, Math.floor(low / x.n)) };
}

const row = (kind: 'td' | 'th', texts: string[]): HTMLElement => element('tr', {}, ...texts.map((t) => element(kind, {}, t)));

function table(name: string, head: string[], body: HTMLElement): HTMLElement {
  return element('table', {}, element('caption', {}, name), element('thead', {}, row('th', head)), body);
}

export class Tables {
  readonly element: HTMLDetailsElement;
  private readonly racers = element('tbody', {});

  constructor(
    private readonly page: Page,
    state: () => State,
  ) {
    const surfaces = element('tbody', {});
    for (const panel of page.panels) {
      const e = extremes(panel);
      const marks = panel.marks.map((m) => `${m.label} (${short_number(m.x)}, ${short_number(m.y)}): ${short_number(m.value)}`).join('; ');
      surfaces.append(
        row('td', [panel.title, `${short_number(panel.x.lo)} to ${short_number(panel.x.hi)}`, `${short_number(panel.y.lo)} to ${short_number(panel.y.hi)}`,
          `${short_number(e.least)} at (${short_number(e.x)}, ${short_number(e.y)})`, short_number(e.largest), marks]),
      );
    }
    const tables = [table('Surfaces as drawn', ['surface', 'x', 'y', 'least value', 'largest value', 'marks'], surfaces)];
    if (page.racers.length > 0)
      tables.unshift(table('Tracks', ['surface', 'track', 'what ran', 'loss at this step', 'last loss', 'least loss', 'state'], this.racers));
    this.element = element('details', {}, element('summary', {}, 'The numbers as a table'), ...tables.map((t) => element('div', { class: 'scroll' }, t)));
    this.element.addEventListener('toggle', () => this.update(state()));
  }

  update(state: State): void {
    if (!this.element.open) return;
    const rows = this.page.panels.flatMap((panel) =>
      panel.tracks.map((track) => {
        const finite = Array.from(track.losses).filter(Number.isFinite);
        const least = finite.length > 0 ? finite.reduce((a, b) => Math.min(a, b)) : NaN;
        const numbers = [loss_at(track, state.step), track.losses[track.losses.length - 1], least];
        return row('td', [panel.title, track.label, track.detail, ...numbers.map((v) => short_number(v)), fate(track) || 'ran to the end']);
      }),
    );
    this.racers.replaceChildren(...rows);
  }
}
