// The bar at the bottom: playing, stepping and scrubbing through the race.

import { type Page } from './data';
import { element, set_pressed } from './dom';
import { type State, type Store } from './state';

/** Steps a second at speed 1: a race takes about ten seconds, short ones run at 8 steps a second. */
export const pace = (steps: number): number => Math.max(8, steps / 10);

/** The state `seconds` later while playing; a frame may be stamped before the click that it follows. */
export function advanced(state: State, steps: number, seconds: number): Partial<State> {
  const step = state.step + Math.max(0, seconds) * pace(steps) * state.speed;
  if (step < steps) return { step };
  return state.loop ? { step: 0 } : { step: steps, playing: false };
}

/** Starts again from the beginning when at the end. */
export function toggled_play(state: State, steps: number): Partial<State> {
  if (state.playing) return { playing: false, step: Math.round(state.step) };
  return { playing: true, step: state.step >= steps ? 0 : state.step };
}

export function stepped(state: State, steps: number, by: number): Partial<State> {
  const from = by > 0 ? Math.floor(state.step) : Math.ceil(state.step);
  return { playing: false, step: Math.min(steps, Math.max(0, from + by)) };
}

export class Timeline {
  readonly element: HTMLElement;
  private readonly play: HTMLButtonElement;
  private readonly loop: HTMLButtonElement;
  private readonly slider: HTMLInputElement;
  private readonly speed: HTMLSelectElement;
  private readonly readout = element('output', { class: 'step', 'aria-live': 'off' });

  constructor(
    private readonly page: Page,
    store: Store,
  ) {
    const { steps } = page;
    const button = (text: string, title: string, change: () => Partial<State>): HTMLButtonElement =>
      element('button', { title, 'aria-label': title, onclick: () => store.set(change()) }, text);
    this.play = button('', 'Play', () => toggled_play(store.state, steps));
    this.play.classList.add('play');
    this.loop = button('loop', 'Start again at the end', () => ({ loop: !store.state.loop }));
    this.slider = element('input', { type: 'range', min: '0', max: String(steps), step: '1', 'aria-label': 'Step' });
    this.slider.addEventListener('input', () => store.set({ playing: false, step: Number(this.slider.value) }));
    const speeds = [0.25, 0.5, 1, 2, 4].map((v) => element('option', { value: String(v) }, `${v}\u00d7`));
    this.speed = element('select', { 'aria-label': 'Speed', title: 'Speed' }, ...speeds);
    this.speed.addEventListener('change', () => store.set({ speed: Number(this.speed.value) }));
    this.element = element(
      'div',
      { class: 'timeline', role: 'group', 'aria-label': 'Race' },
      this.play,
      button('\u2212', 'One step back (,)', () => stepped(store.state, steps, -1)),
      button('+', 'One step on (.)', () => stepped(store.state, steps, 1)),
      this.slider,
      this.readout,
      this.speed,
      this.loop,
    );
  }

  update(state: State): void {
    const name = state.playing ? 'Pause (space)' : 'Play (space)';
    this.play.classList.toggle('playing', state.playing);
    this.play.title = name;
    this.play.setAttribute('aria-label', name);
    set_pressed(this.loop, state.loop);
    const step = Math.floor(state.step);
    this.slider.value = String(state.step);
    this.slider.style.setProperty('--part', String(state.step / Math.max(1, this.page.steps)));
    const digits = String(step).padStart(String(this.page.steps).length, '\u2007');
    this.readout.replaceChildren(element('span', { class: 'word' }, 'step '), `${digits} / ${this.page.steps}`);
    this.speed.value = String(state.speed);
  }
}
