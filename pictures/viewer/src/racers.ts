// The racers of a panel as markers with their losses beside them.

import { type Camera } from './camera';
import { kFloor, type Vec3 } from './height_field';
import { trace_shape } from './palette';
import { type Theme } from './theme';

export interface Racer {
  at: Vec3; // in the scene
  color: string;
  shape: Parameters<typeof trace_shape>[1];
  inside: boolean; // of the surface's domain
  gone: boolean; // diverged: this is its last finite place
  text: string; // loss
  flag: string; // what happened to it, "" if nothing
}

const kRadius = 5.5;

export function draw_racers(ctx: CanvasRenderingContext2D, camera: Camera, racers: Racer[], hides: (at: Vec3) => boolean, labels: boolean, theme: Theme): void {
  const seen = racers
    .map((racer) => {
      const [x, y, depth] = camera.project(racer.at);
      return { racer, x, y, depth, hidden: hides(racer.at) };
    })
    .sort((a, b) => b.depth - a.depth);
  if (camera.towards[2] < 0.995)
    for (const { racer } of seen) {
      const [x, y] = camera.project([racer.at[0], racer.at[1], kFloor]);
      ctx.globalAlpha = 0.9;
      ctx.fillStyle = racer.color;
      trace_shape(ctx, racer.shape, x, y, 2.6);
      ctx.fill();
    }
  for (const { racer, x, y, hidden } of seen) {
    ctx.globalAlpha = hidden ? 0.4 : 1;
    draw_marker(ctx, racer, x, y, theme);
  }
  ctx.globalAlpha = 1;
  if (labels) draw_labels(ctx, camera, seen, theme);
}

/** Filled inside the domain, hollow at its edge; crossed out once diverged. */
function draw_marker(ctx: CanvasRenderingContext2D, racer: Racer, x: number, y: number, theme: Theme): void {
  trace_shape(ctx, racer.shape, x, y, kRadius);
  ctx.lineWidth = 3.6;
  ctx.strokeStyle = racer.inside ? 'white' : theme.paper;
  ctx.stroke();
  ctx.lineWidth = racer.inside ? 1.2 : 2;
  ctx.strokeStyle = racer.inside ? 'rgb(20 22 26 / 75%)' : racer.color;
  ctx.fillStyle = racer.inside ? racer.color : theme.paper;
  ctx.fill();
  ctx.stroke();
  if (!racer.gone) return;
  ctx.lineWidth = 2;
  ctx.strokeStyle = theme.accent;
  ctx.beginPath();
  for (const [dx, dy] of [[1, 1], [1, -1]]) {
    ctx.moveTo(x - 8 * dx, y - 8 * dy);
    ctx.lineTo(x + 8 * dx, y + 8 * dy);
  }
  ctx.stroke();
}

interface Seen {
  racer: Racer;
  x: number;
  y: number;
  hidden: boolean;
}

const kLine = 13; // height of a label
const kMostStacked = 4; // labels that wait below each other before they are only counted

interface Label extends Seen {
  text: string;
  left: number;
  width: number;
  at: number;
}

/** Labels to the right of the markers, moved down where they would cover each other. */
function place_labels(ctx: CanvasRenderingContext2D, camera: Camera, seen: Seen[]): Label[] {
  const placed: Label[] = [];
  const more = new Map<Label, number>();
  for (const one of [...seen].sort((a, b) => a.y - b.y)) {
    const text = one.racer.flag === '' ? one.racer.text : `${one.racer.text} !`;
    const width = ctx.measureText(text).width + 9;
    const left = Math.min(one.x + 12, camera.width - width - 4);
    let at = one.y;
    let above: Label | null = null;
    for (const other of placed)
      if (left < other.left + other.width && left + width > other.left && Math.abs(at - other.at) < kLine) [at, above] = [other.at + kLine, other];
    if (above && at - one.y > (kMostStacked - 0.5) * kLine) {
      more.set(above, (more.get(above) ?? 0) + 1);
      continue;
    }
    placed.push({ ...one, text, left, width, at });
    placed.sort((a, b) => a.at - b.at);
  }
  for (const [label, count] of more) {
    label.text += ` +${count}`;
    label.width = ctx.measureText(label.text).width + 9;
  }
  return placed;
}

function draw_labels(ctx: CanvasRenderingContext2D, camera: Camera, seen: Seen[], theme: Theme): void {
  ctx.font = `11px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace`;
  ctx.textAlign = 'left';
  ctx.textBaseline = 'middle';
  for (const { racer, x, y, hidden, text, left, width, at } of place_labels(ctx, camera, seen)) {
    const strength = hidden ? 0.85 : 1;
    ctx.globalAlpha = strength;
    if (at !== y) {
      ctx.strokeStyle = racer.color;
      ctx.lineWidth = 1;
      ctx.beginPath();
      ctx.moveTo(x + 5, y);
      ctx.lineTo(left, at);
      ctx.stroke();
    }
    ctx.fillStyle = theme.paper;
    ctx.globalAlpha = 0.82 * strength;
    ctx.beginPath();
    ctx.roundRect(left, at - kLine / 2, width, kLine - 1, 2);
    ctx.fill();
    ctx.globalAlpha = strength;
    ctx.fillStyle = racer.color;
    ctx.fillRect(left, at - kLine / 2, 3, kLine - 1);
    ctx.fillStyle = theme.ink;
    ctx.fillText(text, left + 6, at);
  }
  ctx.globalAlpha = 1;
}
