// The row of choices above the panels.

import { kPresets } from './camera';
import { element, set_pressed } from './dom';
import { kMaps, type MapName } from './palette';
import { type State, type Store } from './state';

export interface ToolbarActions {
  preset: (name: string) => void;
  reset: () => void;
  copy_view: () => void;
  save_data: () => void;
  toggle_theme: () => void;
  help: () => void;
}

const button = (text: string, title: string, onclick: () => void): HTMLButtonElement => element('button', { title, onclick }, text);

function group(name: string, ...children: HTMLElement[]): HTMLElement {
  return element('span', { class: 'group', role: 'group', 'aria-label': name }, element('span', { class: 'label' }, name), ...children);
}

const kTrails: [number, string][] = [[0, 'full'], [50, 'last 50'], [20, 'last 20'], [5, 'last 5']];

/** Chooses between a linear and a logarithmic scale. */
class ScaleChoice {
  readonly element: HTMLElement;
  private readonly buttons: HTMLButtonElement[];

  constructor(name: string, choose: (log: boolean) => void) {
    this.buttons = [button('linear', `Linear ${name} (l)`, () => choose(false)), button('log', `Logarithmic ${name}, where no value is negative (l)`, () => choose(true))];
    this.element = group(name, ...this.buttons);
  }
  /** null: some panels are linear, some logarithmic. */
  show(log: boolean | null): void {
    this.buttons.forEach((b, k) => set_pressed(b, log === null ? 'mixed' : log === (k === 1)));
  }
}

export class Toolbar {
  readonly element = element('nav', { class: 'toolbar', 'aria-label': 'View' });
  private readonly updates: ((state: State) => void)[] = [];

  constructor(store: Store, actions: ToolbarActions, has: { scene: boolean; racers: boolean; log: boolean; own_log: boolean | null; several: boolean }) {
    if (has.scene) {
      const views = kPresets.map(({ name, azimuth, elevation }) => button(name, `From azimuth ${azimuth}, elevation ${elevation}`, () => actions.preset(name)));
      this.element.append(group('view', ...views, button('reset', 'Back to the first view (r)', actions.reset)));
      if (has.log) this.add_scales(store, has.own_log);
      this.add_map(store);
      if (has.racers) this.add_trails(store);
      if (has.several) this.add_toggle(store, 'linked', 'linked views', 'Turn all panels together');
    }
    this.element.append(element('span', { class: 'space' }));
    const page_actions: [string, string, () => void][] = [
      ['copy view', 'Copy the address of this view', actions.copy_view],
      ['data', 'Save the numbers as JSON', actions.save_data],
      ['dark / light', 'Change between dark and light', actions.toggle_theme],
      ['?', 'Help (?)', actions.help],
    ];
    this.element.append(element('span', { class: 'group' }, ...page_actions.map(([text, title, action]) => button(text, title, action))));
  }

  private add_scales(store: Store, own_log: boolean | null): void {
    const heights = new ScaleChoice('height', (log_height) => store.set({ log_height }));
    const colors = new ScaleChoice('colour', (log_color) => store.set({ log_color }));
    this.element.append(heights.element, colors.element);
    this.updates.push((state) => (heights.show(state.log_height ?? own_log), colors.show(state.log_color ?? own_log)));
  }

  private add_map(store: Store): void {
    const maps = element('select', { 'aria-label': 'Colour map' }, ...Object.keys(kMaps).map((name) => element('option', { value: name }, name)));
    maps.addEventListener('change', () => store.set({ map: maps.value as MapName }));
    this.element.append(group('map', maps));
    this.updates.push((state) => (maps.value = state.map));
  }

  private add_trails(store: Store): void {
    const trails = element('select', { 'aria-label': 'Trails' }, ...kTrails.map(([steps, name]) => element('option', { value: String(steps) }, name)));
    trails.addEventListener('change', () => store.set({ trail: Number(trails.value) }));
    this.element.append(group('trails', trails));
    this.updates.push((state) => (trails.value = String(state.trail)));
    this.add_toggle(store, 'labels', 'losses', 'Show the losses beside the racers');
  }

  private add_toggle(store: Store, key: 'linked' | 'labels', name: string, title: string): void {
    const toggle = button(name, title, () => store.set({ [key]: !store.state[key] }));
    this.element.append(element('span', { class: 'group' }, toggle));
    this.updates.push((state) => set_pressed(toggle, state[key]));
  }

  update(state: State): void {
    for (const update of this.updates) update(state);
  }
}
