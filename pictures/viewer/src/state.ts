// What the reader has chosen: one plain object, changed in one place, and its text for the address.

import { view_of, type View } from './camera';
import { type Page } from './data';
import { kMaps, type MapName } from './palette';
import { range_of, type Range } from './scales';
import { type ThemeChoice } from './theme';

export interface PanelState {
  view: View;
  clip: readonly [number, number] | null; // values shown, null: the panel's range
}

export interface State {
  step: number; // may lie between two points while playing
  playing: boolean;
  speed: number;
  loop: boolean;
  hidden: ReadonlySet<string>; // labels of racers
  sorted: boolean; // legend by loss
  trail: number; // steps shown behind a racer, 0: all
  labels: boolean; // losses beside the racers
  map: MapName;
  log_height: boolean | null; // where the panel has a log scale; null: as the panel wants it
  log_color: boolean | null;
  log_loss: boolean | null; // of the chart; null: what suits the panel
  linked: boolean;
  theme: ThemeChoice;
  selected: number; // panel
  panels: readonly PanelState[];
}

/** Of a page with its numbers at hand: `ranges` of its panels, in order. */
export function ranges_of(page: Page): Range[] {
  return page.panels.map((p) => range_of(p.values, p.lo, p.hi));
}

/** Whether the panels that have a log scale want it; null: only some of them. */
export function own_log_of(page: Page, ranges: Range[]): boolean | null {
  const wanted = new Set(page.panels.filter((_, k) => ranges[k].log !== null).map((p) => p.log));
  return wanted.size > 1 ? null : wanted.has(true);
}

export function first_state(page: Page): State {
  return {
    step: page.steps,
    playing: false,
    speed: 1,
    loop: false,
    hidden: new Set(),
    sorted: false,
    trail: 0,
    labels: page.panels.length <= 2,
    map: 'viridis',
    log_height: null,
    log_color: null,
    log_loss: null,
    linked: true,
    theme: 'auto',
    selected: Math.max(0, page.panels.findIndex((p) => p.tracks.length > 0)),
    panels: page.panels.map((p) => ({ view: view_of(p.azimuth, p.elevation), clip: null })),
  };
}

export class Store {
  private readonly listeners: ((state: State, only?: number) => void)[] = [];

  constructor(public state: State) {}

  /** Listeners are told at once; `only`: nothing changed but this panel's picture. */
  set(change: Partial<State>, only?: number): void {
    this.state = { ...this.state, ...change };
    for (const listener of this.listeners) listener(this.state, only);
  }

  listen(listener: (state: State, only?: number) => void): void {
    this.listeners.push(listener);
  }

  /** Turns a panel; the others follow where cameras are linked. */
  set_view(panel: number, view: View): void {
    const { panels, linked } = this.state;
    this.set({ panels: panels.map((p, k) => (linked || k === panel ? { ...p, view } : p)) }, linked ? undefined : panel);
  }

  set_clip(panel: number, clip: readonly [number, number] | null): void {
    this.set({ panels: this.state.panels.map((p, k) => (k === panel ? { ...p, clip } : p)) }, panel);
  }

  toggle_racer(label: string): void {
    const hidden = new Set(this.state.hidden);
    if (!hidden.delete(label)) hidden.add(label);
    this.set({ hidden });
  }

  /** Shows this racer alone; if it is alone already, all of them. */
  solo_racer(label: string, all: string[]): void {
    const others = all.filter((l) => l !== label);
    const alone = !this.state.hidden.has(label) && others.every((l) => this.state.hidden.has(l));
    this.set({ hidden: new Set(alone ? [] : others) });
  }
}

const round = (v: number, digits: number): number => Number(v.toFixed(digits));
const view_text = (v: View): string => [round(v.azimuth, 1), round(v.elevation, 1), round(v.zoom, 3), round(v.shift_x, 3), round(v.shift_y, 3)].join(',');

type Keys<T> = { [K in keyof State]: State[K] extends T ? K : never }[keyof State];
const kNumbers = { step: 'step', speed: 'speed', trail: 'trail' } as const satisfies Partial<Record<Keys<number>, string>>;
const kFlags = { playing: 'play', loop: 'loop', sorted: 'sort', labels: 'labels', linked: 'linked' } as const satisfies Partial<Record<Keys<boolean>, string>>;
const kLogs = { log_height: 'log-height', log_color: 'log-colour', log_loss: 'log-loss' } as const satisfies Partial<Record<Keys<boolean | null>, string>>;

/** What differs from the page's first state, as "#..."; never starts playing by itself. */
export function to_hash(state: State, first: State, page: Page): string {
  const out = new URLSearchParams();
  for (const [key, name] of Object.entries(kNumbers) as [keyof typeof kNumbers, string][])
    if (state[key] !== first[key]) out.set(name, String(round(state[key], 2)));
  for (const [key, name] of Object.entries(kFlags) as [keyof typeof kFlags, string][])
    if (key !== 'playing' && state[key] !== first[key]) out.set(name, state[key] ? '1' : '0');
  for (const [key, name] of Object.entries(kLogs) as [keyof typeof kLogs, string][])
    if (state[key] !== null) out.set(name, state[key] ? '1' : '0');
  for (const label of page.racers) if (state.hidden.has(label)) out.append('hide', label);
  if (state.map !== first.map) out.set('map', state.map);
  if (state.theme !== first.theme) out.set('theme', state.theme);
  if (state.selected !== first.selected) out.set('panel', page.panels[state.selected].id);
  page.panels.forEach(({ id }, k) => {
    const [now, then] = [state.panels[k], first.panels[k]];
    if (view_text(now.view) !== view_text(then.view)) out.set(`view.${id}`, view_text(now.view));
    if (now.clip) out.set(`clip.${id}`, now.clip.join(','));
  });
  return `#${out.toString()}`;
}

/** The state that a hash describes; what it does not say or what makes no sense stays as at first. */
export function from_hash(hash: string, first: State, page: Page): State {
  const given = new URLSearchParams(hash.replace(/^#/, ''));
  const state: State = { ...first };
  const number = (name: string, lo: number, hi: number): number | null => {
    const text = given.get(name);
    const value = text === null || text === '' ? NaN : Number(text);
    return value >= lo && value <= hi ? value : null;
  };
  state.step = number('step', 0, page.steps) ?? first.step;
  state.speed = number('speed', 0.1, 10) ?? first.speed;
  state.trail = Math.round(number('trail', 0, 1e9) ?? first.trail);
  for (const [key, name] of Object.entries(kFlags) as [keyof typeof kFlags, string][])
    state[key] = given.has(name) ? given.get(name) === '1' : first[key];
  for (const [key, name] of Object.entries(kLogs) as [keyof typeof kLogs, string][])
    state[key] = given.has(name) ? given.get(name) === '1' : null;
  state.hidden = new Set(given.getAll('hide').filter((label) => page.racers.includes(label)));
  const [map, theme, panel] = [given.get('map'), given.get('theme'), given.get('panel')];
  if (map !== null && Object.hasOwn(kMaps, map)) state.map = map as MapName;
  if (theme === 'light' || theme === 'dark') state.theme = theme;
  const selected = page.panels.findIndex((p) => p.id === panel);
  if (selected >= 0) state.selected = selected;
  state.panels = page.panels.map(({ id }, k) => {
    const view = numbers(given.get(`view.${id}`), 5);
    const clip = numbers(given.get(`clip.${id}`), 2);
    return {
      view: view && view[2] >= 0.5 && view[2] <= 12 ? { ...view_of(view[0], view[1]), zoom: view[2], shift_x: view[3], shift_y: view[4] } : first.panels[k].view,
      clip: clip && clip[0] < clip[1] ? [clip[0], clip[1]] : null,
    };
  });
  return state;
}

function numbers(text: string | null, count: number): number[] | null {
  const values = (text ?? '').split(',').map((v) => (v === '' ? NaN : Number(v)));
  return values.length === count && values.every(Number.isFinite) ? values : null;
}
