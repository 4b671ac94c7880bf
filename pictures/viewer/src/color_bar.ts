// The colour bar at the right edge of a panel: drawn with the picture, its ends are handles that
// clip the values.

import { kBarRoom } from './camera';
import { css, kMaps, type MapName } from './palette';
import { type Scale } from './scales';
import { type Theme } from './theme';

export interface BarPlace {
  x: number;
  top: number;
  width: number;
  height: number;
}

export function bar_place(width: number, height: number): BarPlace {
  const length = Math.min(260, Math.max(80, 0.56 * height));
  const x = Math.min(width - kBarRoom + 8, width / 2 + 0.68 * height); // not far from the box
  return { x, top: (height - length) / 2, width: 10, height: length };
}

/** `whole`: the scale along the bar; `shown`: between which the colours run. */
export function draw_color_bar(ctx: CanvasRenderingContext2D, place: BarPlace, map: MapName, whole: Scale, shown: Scale, name: string, theme: Theme): void {
  const { x, top, width, height } = place;
  const rows = Math.ceil(height);
  for (let k = 0; k < rows; ++k) {
    ctx.fillStyle = css(kMaps[map](shown.at(whole.value(1 - (k + 0.5) / rows))));
    ctx.fillRect(x, top + k, width, Math.min(1.5, height - k));
  }
  ctx.font = `11px ${theme.font}`;
  ctx.textAlign = 'left';
  ctx.textBaseline = 'middle';
  ctx.strokeStyle = theme.soft;
  ctx.fillStyle = theme.ink;
  ctx.lineWidth = 1;
  ctx.beginPath();
  for (const { at, label } of whole.ticks(Math.max(3, Math.floor(height / 42)))) {
    const y = top + height * (1 - whole.at(at));
    ctx.moveTo(x + width, y);
    ctx.lineTo(x + width + 4, y);
    ctx.fillText(label, x + width + 7, y);
  }
  ctx.stroke();
  ctx.fillStyle = theme.soft;
  ctx.textAlign = 'right';
  ctx.fillText(name, x + width + 1, top - 14);
}

/** The two handles of a panel's bar; `set` gets the new ends in 0 .. 1 of the whole scale. */
export class ClipHandles {
  readonly elements: HTMLElement[];

  constructor(
    parent: HTMLElement,
    private readonly set: (lo: number, hi: number) => void,
  ) {
    this.elements = ['lowest value shown', 'highest value shown'].map((name, end) => {
      const handle = document.createElement('div');
      handle.className = 'clip';
      handle.tabIndex = 0;
      handle.setAttribute('role', 'slider');
      handle.setAttribute('aria-label', name);
      handle.setAttribute('aria-orientation', 'vertical');
      handle.title = `${name}: drag, or double-click for all`;
      handle.addEventListener('pointerdown', (event) => {
        event.stopPropagation();
        handle.setPointerCapture(event.pointerId);
      });
      handle.addEventListener('pointermove', (event) => {
        if (!handle.hasPointerCapture(event.pointerId)) return;
        const top = parent.getBoundingClientRect().top + this.place.top;
        this.move(end, 1 - (event.clientY - top) / this.place.height);
      });
      handle.addEventListener('dblclick', (event) => {
        event.stopPropagation();
        this.set(0, 1);
      });
      handle.addEventListener('keydown', (event) => {
        const by = { ArrowUp: 0.02, ArrowRight: 0.02, ArrowDown: -0.02, ArrowLeft: -0.02, PageUp: 0.1, PageDown: -0.1 }[event.key];
        if (by === undefined) return;
        event.preventDefault();
        event.stopPropagation();
        this.move(end, this.ends[end] + by);
      });
      parent.append(handle);
      return handle;
    });
  }

  private place: BarPlace = { x: 0, top: 0, width: 0, height: 1 };
  private ends: [number, number] = [0, 1];

  private move(end: number, to: number): void {
    const [lo, hi] = this.ends;
    if (end === 0) this.set(Math.min(Math.max(0, to), hi - 0.02), hi);
    else this.set(lo, Math.max(Math.min(1, to), lo + 0.02));
  }

  show(place: BarPlace, lo: number, hi: number, texts: [string, string]): void {
    this.place = place;
    this.ends = [lo, hi];
    this.elements.forEach((handle, end) => {
      handle.style.left = `${place.x - 5}px`;
      handle.style.top = `${place.top + place.height * (1 - this.ends[end])}px`;
      handle.setAttribute('aria-valuemin', '0');
      handle.setAttribute('aria-valuemax', '1');
      handle.setAttribute('aria-valuenow', this.ends[end].toFixed(3));
      handle.setAttribute('aria-valuetext', texts[end]);
    });
  }
}
