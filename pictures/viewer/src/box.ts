// The box around the surface: walls behind it, and the ticks and names of its axes before it.

import { type Camera } from './camera';
import { type Panel } from './data';
import { kFloor, kTop, type Vec3 } from './height_field';
import { nice_ticks, type Scale, type Tick } from './scales';
import { type Theme } from './theme';

type Point = readonly [number, number];
type Corner = readonly [number, number, number, number]; // left, top, right, bottom

const flat = (p: Vec3): Point => [p[0], p[1]];
const side = (v: number): number => (v >= 0 ? 1 : -1);

function area(ctx: CanvasRenderingContext2D, camera: Camera, corners: Vec3[], fill: string): void {
  ctx.fillStyle = fill;
  ctx.beginPath();
  for (const corner of corners) ctx.lineTo(...flat(camera.project(corner)));
  ctx.fill();
}

function line(ctx: CanvasRenderingContext2D, camera: Camera, from: Vec3, to: Vec3): void {
  ctx.moveTo(...flat(camera.project(from)));
  ctx.lineTo(...flat(camera.project(to)));
}

interface BoxTicks {
  x: Tick[];
  y: Tick[];
  z: Tick[];
}

export class Box {
  private readonly ticks: BoxTicks;
  private readonly near_x: number; // the sides of the box that face the viewer
  private readonly near_y: number;

  constructor(
    private readonly panel: Panel,
    private readonly camera: Camera,
    private readonly scale: Scale,
    private readonly font: number,
    private readonly theme: Theme,
  ) {
    const most = camera.width < 380 ? 4 : 6;
    this.ticks = {
      x: nice_ticks(panel.x.lo, panel.x.hi, most),
      y: nice_ticks(panel.y.lo, panel.y.hi, most),
      z: scale.ticks(most - 1),
    };
    this.near_x = side(camera.towards[0]);
    this.near_y = side(camera.towards[1]);
  }

  private x(at: number): number {
    return ((at - this.panel.x.lo) / (this.panel.x.hi - this.panel.x.lo)) * 2 - 1;
  }
  private y(at: number): number {
    return ((at - this.panel.y.lo) / (this.panel.y.hi - this.panel.y.lo)) * 2 - 1;
  }

  draw_walls(ctx: CanvasRenderingContext2D): void {
    const { camera, theme } = this;
    const [fx, fy] = [-this.near_x, -this.near_y];
    area(ctx, camera, [[fx, -1, kFloor], [fx, 1, kFloor], [fx, 1, kTop], [fx, -1, kTop]], theme.wall);
    area(ctx, camera, [[-1, fy, kFloor], [1, fy, kFloor], [1, fy, kTop], [-1, fy, kTop]], theme.wall);
    area(ctx, camera, [[-1, -1, kFloor], [1, -1, kFloor], [1, 1, kFloor], [-1, 1, kFloor]], theme.floor);
    ctx.strokeStyle = theme.rule;
    ctx.lineWidth = 1;
    ctx.beginPath();
    for (const { at } of this.ticks.x) line(ctx, camera, [this.x(at), fy, kFloor], [this.x(at), fy, kTop]);
    for (const { at } of this.ticks.y) line(ctx, camera, [fx, this.y(at), kFloor], [fx, this.y(at), kTop]);
    for (const { at } of this.ticks.z) {
      const z = kTop * this.scale.at(at);
      line(ctx, camera, [fx, -1, z], [fx, 1, z]);
      line(ctx, camera, [-1, fy, z], [1, fy, z]);
    }
    line(ctx, camera, [fx, fy, kFloor], [fx, fy, kTop]);
    ctx.stroke();
  }

  draw_axes(ctx: CanvasRenderingContext2D): void {
    const { near_x: nx, near_y: ny, ticks, panel } = this;
    this.draw_axis(ctx, ticks.x, panel.x.name, [-1, ny, kFloor], [1, ny, kFloor], [0, ny, 0], (at) => [this.x(at), ny, kFloor]);
    this.draw_axis(ctx, ticks.y, panel.y.name, [nx, -1, kFloor], [nx, 1, kFloor], [nx, 0, 0], (at) => [nx, this.y(at), kFloor]);
    // Of the two upright edges at the sides the one further left.
    const left = this.camera.project([nx, -ny, 0])[0] < this.camera.project([-nx, ny, 0])[0];
    const [x, y] = left ? [nx, -ny] : [-nx, ny];
    const outwards = this.camera.right.map((v) => -v) as unknown as Vec3;
    this.draw_axis(ctx, ticks.z, panel.value_name, [x, y, 0], [x, y, kTop], outwards, (at) => [x, y, kTop * this.scale.at(at)]);
  }

  /** Ticks and labels of the edge from `a` to `b`, away from the box in direction `outwards`. */
  private draw_axis(ctx: CanvasRenderingContext2D, ticks: Tick[], name: string, a: Vec3, b: Vec3, outwards: Vec3, place: (at: number) => Vec3): void {
    const { camera, font, theme } = this;
    const [from, to] = [flat(camera.project(a)), flat(camera.project(b))];
    const length = Math.hypot(to[0] - from[0], to[1] - from[1]);
    if (length < 3 * font) return; // seen from its end
    const along: Point = [(to[0] - from[0]) / length, (to[1] - from[1]) / length];
    const outer = flat(camera.project([a[0] + outwards[0], a[1] + outwards[1], a[2] + outwards[2]]));
    let way: Point = [outer[0] - from[0], outer[1] - from[1]];
    let normal: Point = [-along[1], along[0]];
    if (normal[0] * way[0] + normal[1] * way[1] < 0) normal = [-normal[0], -normal[1]];
    const along_normal = (p: Point): number => p[0] * normal[0] + p[1] * normal[1];
    const reach = Math.hypot(...way);
    // Ticks continue the lines of the scene unless that is almost along the axis itself.
    way = reach < 1 || along_normal(way) < 0.35 * reach ? normal : [way[0] / reach, way[1] / reach];

    ctx.strokeStyle = theme.soft;
    ctx.lineWidth = 1;
    ctx.fillStyle = theme.ink;
    ctx.font = `${font}px ${theme.font}`;
    ctx.textAlign = 'center';
    ctx.textBaseline = 'middle';
    ctx.beginPath();
    ctx.moveTo(...from);
    ctx.lineTo(...to);
    let widest = 0; // of the labels, along the normal
    let last: Corner | null = null;
    for (const tick of ticks) {
      const root = flat(camera.project(place(tick.at)));
      const end: Point = [root[0] + way[0] * 5, root[1] + way[1] * 5];
      ctx.moveTo(...root);
      ctx.lineTo(...end);
      const [w, h] = [ctx.measureText(tick.label).width / 2, 0.36 * font];
      const clear = (Math.abs(normal[0]) * w + Math.abs(normal[1]) * h + 4) / along_normal(way);
      const [x, y] = [end[0] + way[0] * clear, end[1] + way[1] * clear];
      const box: Corner = [x - w, y - h, x + w, y + h];
      if (last && box[0] < last[2] + 6 && box[2] > last[0] - 6 && box[1] < last[3] + 3 && box[3] > last[1] - 3) continue;
      last = box;
      ctx.fillText(tick.label, x, y);
      for (const p of [[box[0], box[1]], [box[2], box[1]], [box[0], box[3]], [box[2], box[3]]] as const)
        widest = Math.max(widest, along_normal([p[0] - from[0], p[1] - from[1]]));
    }
    ctx.stroke();
    this.draw_name(ctx, name, from, to, along, normal, widest);
  }

  private draw_name(ctx: CanvasRenderingContext2D, name: string, from: Point, to: Point, along: Point, normal: Point, widest: number): void {
    let angle = Math.atan2(along[1], along[0]);
    if (angle > Math.PI / 2 - 1e-3) angle -= Math.PI; // upright names read from below
    if (angle < -Math.PI / 2 - 1e-3) angle += Math.PI;
    const away = widest + 0.95 * this.font;
    ctx.save();
    ctx.translate((from[0] + to[0]) / 2 + normal[0] * away, (from[1] + to[1]) / 2 + normal[1] * away);
    ctx.rotate(angle);
    ctx.fillStyle = this.theme.soft;
    ctx.fillText(name, 0, 0);
    ctx.restore();
  }
}
