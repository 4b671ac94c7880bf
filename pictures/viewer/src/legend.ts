// The racers of the page with their losses in the selected panel. A click hides one, a double-click
// or shift and Enter shows it alone.

import { fate, type Page, type Track } from './data';
import { element, set_pressed, svg } from './dom';
import { css, kShapes, racer_look } from './palette';
import { live_number } from './scales';
import { type State, type Store } from './state';

/** A piece of the racer's line with its marker. */
export function swatch(racer: number, dark: boolean): SVGElement {
  const look = racer_look(racer, dark);
  const color = css(look.color);
  const points = kShapes[look.shape].map(([x, y]) => `${(17 + 4.6 * x).toFixed(2)},${(7 + 4.6 * y).toFixed(2)}`).join(' ');
  return svg(
    'svg',
    { width: '34', height: '14', viewBox: '0 0 34 14', 'aria-hidden': 'true' },
    svg('line', { x1: '0', y1: '7', x2: '34', y2: '7', stroke: color, 'stroke-width': '2', 'stroke-dasharray': look.dash.join(' ') }),
    svg('polygon', { points, fill: color, stroke: 'var(--paper)', 'stroke-width': '1.5' }),
  );
}

/** The loss at a step; after the last point, that of the last. */
export const loss_at = (track: Track, step: number): number => track.losses[Math.min(Math.floor(step), track.losses.length - 1)];

interface Row {
  label: string;
  item: HTMLElement;
  button: HTMLButtonElement;
  swatch: Element;
  loss: HTMLElement;
  flag: HTMLElement;
}

export class Legend {
  readonly element: HTMLElement;
  private readonly rows: Row[];
  private readonly list = element('ul', {});
  private readonly heading = element('span', { class: 'where' });
  private readonly sort: HTMLButtonElement;
  private dark: boolean | null = null;

  constructor(
    private readonly page: Page,
    store: Store,
  ) {
    this.sort = element('button', { title: 'Order by loss at this step', onclick: () => store.set({ sorted: !store.state.sorted }) }, 'sort by loss');
    this.rows = page.racers.map((label) => {
      const loss = element('output', { 'aria-live': 'off' });
      const flag = element('small', {});
      const mark = element('span', {});
      const button = element('button', { title: 'Click: hide or show. Double-click, or shift and Enter: show alone.' }, mark, element('span', { class: 'name' }, label), loss);
      button.addEventListener('click', () => store.toggle_racer(label));
      button.addEventListener('dblclick', () => store.solo_racer(label, page.racers));
      button.addEventListener('keydown', (event) => {
        if (event.key !== 'Enter' || !event.shiftKey) return;
        event.preventDefault();
        store.solo_racer(label, page.racers);
      });
      const item = element('li', {}, button, flag);
      return { label, item, button, swatch: mark, loss, flag };
    });
    this.element = element('section', { class: 'legend', 'aria-label': 'Tracks' }, element('header', {}, element('h3', {}, 'Tracks'), this.heading, this.sort), this.list);
  }

  update(state: State, dark: boolean): void {
    const panel = this.page.panels[state.selected];
    const tracks = new Map(panel.tracks.map((t) => [t.label, t]));
    if (this.dark !== dark) {
      this.dark = dark;
      this.rows.forEach((row, k) => row.swatch.replaceChildren(swatch(k, dark)));
    }
    this.heading.textContent = this.page.panels.length > 1 ? panel.title : '';
    set_pressed(this.sort, state.sorted);
    for (const row of this.rows) {
      const track = tracks.get(row.label);
      const here = track !== undefined;
      row.loss.textContent = here ? live_number(loss_at(track, state.step)) : '';
      row.flag.textContent = here ? fate(track, state.step) : 'not in this panel';
      row.item.classList.toggle('absent', !here);
      row.item.classList.toggle('hidden', state.hidden.has(row.label));
      set_pressed(row.button, !state.hidden.has(row.label));
    }
    this.order(this.ordered(state, tracks));
  }

  /** Those of the panel first; by loss if wanted, what is not a number last. */
  private ordered(state: State, tracks: Map<string, Track>): Row[] {
    const key = (row: Row): number => {
      const track = tracks.get(row.label);
      if (!track) return Infinity;
      if (!state.sorted) return 0;
      const loss = loss_at(track, state.step);
      return Number.isFinite(loss) ? loss : Number.MAX_VALUE;
    };
    const keys = new Map(this.rows.map((row) => [row, key(row)]));
    return [...this.rows].sort((a, b) => (keys.get(a)! < keys.get(b)! ? -1 : keys.get(a)! > keys.get(b)! ? 1 : 0));
  }

  private order(rows: Row[]): void {
    if (rows.every((row, k) => this.list.children[k] === row.item)) return;
    const focused = document.activeElement;
    this.list.replaceChildren(...rows.map((row) => row.item));
    if (focused instanceof HTMLElement && this.list.contains(focused)) focused.focus();
  }
}
