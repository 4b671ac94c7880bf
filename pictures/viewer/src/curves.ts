// Losses over steps of the selected panel. The line at the present step can be dragged.

import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { loss_range, starts_logarithmic } from './curves_range';
import { type Page, type Panel } from './data';
import { element, set_pressed } from './dom';
import { css, kShapes, racer_look, trace_shape } from './palette';
import { nice_ticks, type Range, Scale, type Tick } from './scales';
import { type State, type Store } from './state';
import { type Theme } from './theme';

const kHeight = 220;

export class Curves {
  readonly element: HTMLElement;
  private readonly body = element('div', { class: 'chart' });
  private readonly scale_buttons: HTMLButtonElement[];
  private readonly heading = element('span', { class: 'where' });
  private chart: uPlot | null = null;
  private built = '';
  private state: State;
  private theme: Theme | null = null;

  constructor(
    private readonly page: Page,
    private readonly ranges: Range[], // of the panels' values
    private readonly store: Store,
  ) {
    this.state = store.state;
    this.scale_buttons = [false, true].map((log) => element('button', { onclick: () => store.set({ log_loss: log }) }, log ? 'log' : 'linear'));
    const scales = element('span', { class: 'choice', role: 'group', 'aria-label': 'Scale of the losses' }, ...this.scale_buttons);
    this.element = element('section', { class: 'curves', 'aria-label': 'Loss over steps' }, element('header', {}, element('h3', {}, 'Loss over steps'), this.heading, scales), this.body);
    new ResizeObserver(() => this.chart?.setSize({ width: this.body.clientWidth, height: kHeight })).observe(this.body);
  }

  update(state: State, theme: Theme): void {
    this.state = state;
    const panel = this.page.panels[state.selected];
    const built = JSON.stringify([state.selected, this.log, theme.dark, [...state.hidden].sort()]);
    if (built !== this.built || theme !== this.theme) {
      [this.built, this.theme] = [built, theme];
      this.build(panel, state, theme);
    }
    this.heading.textContent = this.page.panels.length > 1 ? panel.title : '';
    this.scale_buttons.forEach((button, k) => set_pressed(button, this.log === (k === 1)));
    this.chart?.redraw(false);
  }

  private get log(): boolean {
    return this.state.log_loss ?? starts_logarithmic(this.page.panels[this.state.selected]);
  }

  private build(panel: Panel, state: State, theme: Theme): void {
    this.chart?.destroy();
    this.chart = null;
    if (panel.tracks.length === 0) return this.body.replaceChildren(element('p', { class: 'note' }, 'No racers on this surface.'));
    const { log } = this;
    const points = Math.max(...panel.tracks.map((t) => t.x.length));
    const steps = Array.from({ length: points }, (_, k) => k);
    const series = panel.tracks.map((track) => {
      const look = racer_look(track.racer, theme.dark);
      return { label: track.label, show: !state.hidden.has(track.label), stroke: css(look.color), width: 1.5, dash: look.dash, points: { show: false }, spanGaps: false };
    });
    const usable = (v: number): boolean => Number.isFinite(v) && (!log || v > 0);
    const data = panel.tracks.map((t) => steps.map((k) => (k < t.losses.length && usable(t.losses[k]) ? t.losses[k] : null)));
    const font = `11px ${theme.font}`;
    const axis = { stroke: theme.soft, font, grid: { stroke: theme.rule, width: 1 }, ticks: { stroke: theme.rule, width: 1, size: 4 } };
    this.body.replaceChildren();
    this.chart = new uPlot(
      {
        width: this.body.clientWidth || 300,
        height: kHeight,
        legend: { show: false },
        cursor: { show: false },
        scales: {
          x: { time: false, range: [0, Math.max(1, points - 1)] },
          y: { distr: log ? 3 : 1, range: () => loss_range(panel, this.state.hidden, log, this.ranges[state.selected]) },
        },
        axes: [
          { ...axis, size: 26, gap: 4, splits: (_, __, lo, hi) => places(nice_ticks(lo, hi, 6).filter((t) => Number.isInteger(t.at))), values: labels(false) },
          { ...axis, size: 52, gap: 4, splits: (_, __, lo, hi) => places(new Scale(lo, hi, log).ticks(6)), values: labels(log), filter: (_, at) => at },
        ],
        series: [{}, ...series],
        hooks: { draw: [(chart) => this.draw_step(chart, panel)] },
      },
      [steps, ...data],
      this.body,
    );
    this.listen(this.chart);
  }

  private listen(chart: uPlot): void {
    const seek = (event: PointerEvent): void => {
      const at = chart.posToVal(event.clientX - chart.over.getBoundingClientRect().left, 'x');
      this.store.set({ playing: false, step: Math.min(this.page.steps, Math.max(0, Math.round(at))) });
    };
    chart.over.addEventListener('pointerdown', (event) => {
      chart.over.setPointerCapture(event.pointerId);
      seek(event);
    });
    chart.over.addEventListener('pointermove', (event) => chart.over.hasPointerCapture(event.pointerId) && seek(event));
  }

  /** The present step and where the racers are on their curves. */
  private draw_step(chart: uPlot, panel: Panel): void {
    const { ctx, bbox } = chart;
    const { log } = this;
    const { step, hidden } = this.state;
    const theme = this.theme!;
    const x = chart.valToPos(step, 'x', true);
    const ratio = uPlot.pxRatio;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left - 6, bbox.top - 6, bbox.width + 12, bbox.height + 12);
    ctx.clip();
    ctx.strokeStyle = theme.accent;
    ctx.lineWidth = ratio;
    ctx.setLineDash([]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    for (const track of panel.tracks) {
      const k = Math.min(Math.floor(step), track.losses.length - 1);
      const loss = track.losses[k];
      if (hidden.has(track.label) || !Number.isFinite(loss) || (log && loss <= 0)) continue;
      const next = track.losses[k + 1];
      const w = Number.isFinite(next) && (!log || next > 0) ? step - k : 0;
      const [a, b] = [chart.valToPos(loss, 'y', true), w > 0 ? chart.valToPos(next, 'y', true) : 0];
      const look = racer_look(track.racer, theme.dark);
      const y = Math.min(bbox.top + bbox.height, Math.max(bbox.top, a + (w > 0 ? (b - a) * Math.min(1, w) : 0)));
      trace_shape(ctx, kShapes[look.shape], Math.min(x, chart.valToPos(track.losses.length - 1, 'x', true)), y, 4 * ratio);
      ctx.fillStyle = css(look.color);
      ctx.strokeStyle = theme.paper;
      ctx.lineWidth = 1.5 * ratio;
      ctx.stroke();
      ctx.fill();
    }
    ctx.restore();
  }
}

const places = (ticks: Tick[]): number[] => ticks.map((t) => t.at);

/** Makes the labels of an axis from the places of its ticks. */
const labels = (log: boolean) => (chart: uPlot, at: number[], axis: number): string[] => {
  const { min, max } = chart.scales[axis === 0 ? 'x' : 'y'];
  const ticks = axis === 0 ? nice_ticks(min!, max!, 6) : new Scale(min!, max!, log).ticks(6);
  return at.map((v) => ticks.find((t) => t.at === v)?.label ?? '');
};
