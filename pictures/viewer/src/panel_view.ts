// One panel on the page: its picture, what the pointer and the keys do on it, title and caption.

import { between, kPresets, shifted, turned, zoomed, type View } from './camera';
import { bar_place, ClipHandles } from './color_bar';
import { type Panel } from './data';
import { element, reduced_motion } from './dom';
import { HoverCard } from './hover';
import { Picture, type Spot } from './picture';
import { short_number, type Range } from './scales';
import { type Stage } from './stage';
import { type State, type Store } from './state';
import { type Theme } from './theme';

/** What the picture shows, in words. */
export function description(panel: Panel, range: Range): string {
  const { x, y } = panel;
  const racers = panel.tracks.map((t) => t.label).join(', ');
  return (
    `${panel.title}: ${panel.value_name} over ${x.name} from ${short_number(x.lo)} to ${short_number(x.hi)} and ${y.name} ` +
    `from ${short_number(y.lo)} to ${short_number(y.hi)}, shown from ${short_number(range.lo)} to ${short_number(range.hi)}` +
    (racers === '' ? '.' : `, with the ways of ${racers}.`) +
    ' The arrow keys turn it, + and - zoom.'
  );
}

const kMorph = 380; // milliseconds
const ease = (w: number): number => w * w * (3 - 2 * w);

export class PanelView {
  readonly element: HTMLElement;
  readonly stage_element: HTMLElement;
  private picture: Picture | null = null; // made when it is first seen
  private readonly canvas = element('canvas', {});
  private readonly card: HoverCard;
  private readonly clip: ClipHandles | null = null;
  private readonly pointers = new Map<number, { x: number; y: number }>();
  private pointer: { x: number; y: number } | null = null; // hovering at
  private spot: Spot | null = null;
  private dirty = true;
  private visible = false;
  private last_frame = 0;
  private turning: { from: View; to: View; start: number } | null = null;

  constructor(
    private readonly panel: Panel,
    private readonly index: number,
    private readonly range: Range,
    private readonly store: Store,
    private readonly stage: Stage | null,
    private readonly wake: () => void,
    alone: boolean, // on its page
    actions: HTMLElement,
  ) {
    this.card = new HoverCard(panel);
    const about = description(panel, range);
    this.stage_element = element('div', { class: 'stage', role: 'group', 'aria-label': panel.title });
    if (stage) {
      this.stage_element.tabIndex = 0;
      this.canvas.setAttribute('role', 'img');
      this.canvas.setAttribute('aria-label', about);
      this.stage_element.append(this.canvas, this.card.element);
      this.clip = new ClipHandles(this.stage_element, (lo, hi) => {
        const whole = this.picture!.whole_scale();
        store.set_clip(index, lo <= 0 && hi >= 1 ? null : [lo <= 0 ? whole.lo : whole.value(lo), hi >= 1 ? whole.hi : whole.value(hi)]);
      });
      this.listen(alone);
    } else if (panel.picture !== '') {
      this.stage_element.append(element('img', { src: panel.picture, alt: about }));
    } else {
      this.stage_element.classList.add('empty');
      this.stage_element.append('No picture of this panel is stored in the page.');
    }
    this.element = element(
      'figure',
      { class: 'panel', id: `panel-${index}` },
      element('header', {}, element('h2', {}, panel.title), actions),
      this.stage_element,
      element('figcaption', {}, panel.caption),
    );
    this.element.addEventListener('pointerdown', () => store.state.selected !== index && store.set({ selected: index }));
    this.stage_element.addEventListener('focus', () => store.state.selected !== index && store.set({ selected: index }));
    new ResizeObserver(() => this.invalidate()).observe(this.stage_element);
    const watch = (entries: IntersectionObserverEntry[]): void => {
      this.visible = entries[entries.length - 1].isIntersecting;
      if (this.visible) this.wake();
    };
    new IntersectionObserver(watch, { rootMargin: '120px' }).observe(this.stage_element);
  }

  invalidate(): void {
    this.dirty = true;
    this.wake();
  }

  private get view(): View {
    return this.store.state.panels[this.index].view;
  }
  private set_view(view: View): void {
    this.turning = null;
    this.store.set_view(this.index, view);
  }

  /** Turns to a view, smoothly unless the reader wants less motion. */
  turn_to(to: View): void {
    if (reduced_motion()) return this.set_view(to);
    this.turning = { from: this.view, to, start: performance.now() };
    this.wake();
  }
  reset(): void {
    const { azimuth, elevation } = this.panel;
    this.turn_to({ azimuth, elevation, zoom: 1, shift_x: 0, shift_y: 0 });
  }
  preset(name: string): void {
    const { azimuth, elevation } = kPresets.find((p) => p.name === name)!;
    this.turn_to({ azimuth, elevation, zoom: 1, shift_x: 0, shift_y: 0 });
  }

  private listen(alone: boolean): void {
    const stage = this.stage_element;
    stage.addEventListener('pointerdown', (event) => {
      stage.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      this.hover(null);
    });
    stage.addEventListener('pointermove', (event) => {
      if (this.pointers.has(event.pointerId)) this.drag(event);
      else if (event.pointerType !== 'touch') this.hover(event);
    });
    const end = (event: PointerEvent): void => void this.pointers.delete(event.pointerId);
    stage.addEventListener('pointerup', end);
    stage.addEventListener('pointercancel', end);
    stage.addEventListener('pointerleave', () => this.hover(null));
    stage.addEventListener('contextmenu', (event) => event.preventDefault());
    stage.addEventListener('dblclick', () => this.reset());
    stage.addEventListener(
      'wheel',
      (event) => {
        if (!alone && !event.ctrlKey && document.activeElement !== stage) return; // the page scrolls
        event.preventDefault();
        const { x, y } = this.relative(event);
        this.set_view(zoomed(this.view, Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), x, y));
      },
      { passive: false },
    );
    stage.addEventListener('keydown', (event) => {
      const turn = { ArrowLeft: [-5, 0], ArrowRight: [5, 0], ArrowUp: [0, 4], ArrowDown: [0, -4] }[event.key];
      const zoom = { '+': 1.15, '=': 1.15, '-': 1 / 1.15 }[event.key];
      if (!turn && !zoom) return;
      event.preventDefault();
      this.set_view(turn ? turned(this.view, turn[0], turn[1]) : zoomed(this.view, zoom!));
    });
  }

  /** The pointer in -1 .. 1 of the picture. */
  private relative(event: MouseEvent): { x: number; y: number } {
    const box = this.stage_element.getBoundingClientRect();
    return { x: ((event.clientX - box.left) / box.width) * 2 - 1, y: 1 - ((event.clientY - box.top) / box.height) * 2 };
  }

  private drag(event: PointerEvent): void {
    const before = this.pointers.get(event.pointerId)!;
    const [dx, dy] = [event.clientX - before.x, event.clientY - before.y];
    const { clientWidth: w, clientHeight: h } = this.stage_element;
    if (this.pointers.size === 2) {
      const other = [...this.pointers.entries()].find(([id]) => id !== event.pointerId)![1];
      const grown = Math.hypot(event.clientX - other.x, event.clientY - other.y) / Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
      this.set_view(turned(shifted(zoomed(this.view, grown), dx / w, 0), 0, dy * 0.2));
    } else if (event.shiftKey || event.buttons === 2) {
      this.set_view(shifted(this.view, (2 * dx) / w, (-2 * dy) / h));
    } else {
      this.set_view(turned(this.view, -dx * 0.4, dy * 0.4));
    }
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  }

  private hover(event: PointerEvent | null): void {
    const box = this.stage_element.getBoundingClientRect();
    this.pointer = event && { x: event.clientX - box.left, y: event.clientY - box.top };
    this.invalidate();
  }

  /** Advances what moves by itself; true: more to come. */
  private animate(now: number): boolean {
    let moving = false;
    if (this.turning) {
      const { from, to, start } = this.turning;
      const w = Math.min(1, Math.max(0, (now - start) / kMorph));
      this.store.set_view(this.index, between(from, to, ease(w)));
      if (w === 1) this.turning = null;
      moving = true;
    }
    const { picture } = this;
    if (!picture) return moving;
    const { log_height, log_color } = this.store.state;
    const part = Math.min(now - this.last_frame, 60) / kMorph;
    this.last_frame = now;
    const towards = (at: number, to: number): number => {
      if (at === to) return at;
      this.dirty = moving = true;
      return reduced_motion() ? to : at < to ? Math.min(to, at + part) : Math.max(to, at - part);
    };
    picture.height_log = towards(picture.height_log, picture.wanted_log(log_height));
    picture.color_log = towards(picture.color_log, picture.wanted_log(log_color));
    return moving;
  }

  /** Draws what changed; true: wants another frame. */
  frame(now: number, state: State, theme: Theme, ratio: number, coarse: boolean): boolean {
    if (!this.stage) return false;
    const moving = this.animate(now);
    if (!this.visible) return moving;
    this.picture ??= new Picture(this.panel, this.index, this.range, state, this.stage);
    const { clientWidth: width, clientHeight: height } = this.stage_element;
    if (!this.dirty || width === 0) return moving;
    this.dirty = false;
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== w || this.canvas.height !== h) [this.canvas.width, this.canvas.height] = [w, h];
    this.canvas.dataset['detail'] = coarse ? 'coarse' : 'fine';
    this.spot = this.pointer && this.picture.spot(this.pointer.x, this.pointer.y);
    this.picture.paint(this.canvas.getContext('2d')!, width, height, ratio, this.store.state, theme, this.spot, coarse);
    if (this.spot && this.pointer) this.card.show(this.spot, this.pointer.x, this.pointer.y, width, state, theme.dark);
    else this.card.hide();
    const whole = this.picture.whole_scale();
    const [lo, hi] = state.panels[this.index].clip ?? [whole.lo, whole.hi];
    this.clip!.show(bar_place(width, height), whole.at(lo), whole.at(hi), [short_number(lo), short_number(hi)]);
    return moving;
  }

  /** The picture alone, larger, for a file. */
  paint_for_file(ctx: CanvasRenderingContext2D, width: number, height: number, ratio: number, theme: Theme): void {
    this.picture!.paint(ctx, width, height, ratio, this.store.state, theme, null, false);
  }
}
