// One panel's picture: the scene from the stage, the box around it, racers, marks and colour bar.

import { Scene, type DataTexture } from 'three';
import { Box } from './box';
import { Camera, margins_of } from './camera';
import { bar_place, draw_color_bar } from './color_bar';
import { fate, type Panel } from './data';
import { kFloor, kTop, pick_floor, type Vec3 } from './height_field';
import { kShapes, kStar, racer_look, trace_shape, css, type RacerLook } from './palette';
import { draw_racers, type Racer } from './racers';
import { contour_levels, live_number, Scale, type Range } from './scales';
import { type Stage } from './stage';
import { type State } from './state';
import { blend, color_texture, Surface } from './surface';
import { type Theme } from './theme';
import { Trail } from './trails';

export interface Spot {
  sx: number; // in the scene
  sy: number;
  x: number; // in the panel's coordinates
  y: number;
  value: number;
}

const kMapTextures = new Map<string, DataTexture>();

export class Picture {
  private readonly scene = new Scene();
  private readonly surface: Surface;
  private readonly trails: Trail[];
  private shaped = ''; // what the meshes were last shaped for
  private scaled = '';
  private linear: Scale;
  private log: Scale;
  private camera: Camera | null = null;
  /** Part of the way from linear (0) to logarithmic (1), moved by the animation. */
  height_log: number;
  color_log: number;

  constructor(
    private readonly panel: Panel,
    private readonly index: number,
    private readonly range: Range,
    state: State,
    private readonly stage: Stage,
  ) {
    this.linear = new Scale(range.lo, range.hi, false);
    this.log = range.log === null ? this.linear : new Scale(range.log.lo, range.log.hi, true);
    this.height_log = this.wanted_log(state.log_height);
    this.color_log = this.wanted_log(state.log_color);
    this.surface = new Surface(panel, this.height_log ? this.log : this.linear);
    this.trails = panel.tracks.map((t) => new Trail(panel, t, this.surface.field));
    const [floor, top] = this.surface.meshes;
    this.scene.add(floor, top);
    for (let pass = 0; pass < 4; ++pass) for (const trail of this.trails) this.scene.add(trail.meshes[pass]);
    this.scene.matrixWorldAutoUpdate = false;
  }

  /** `chosen` by the reader; null: as the panel wants it. */
  wanted_log(chosen: boolean | null): number {
    return (chosen ?? this.panel.log) && this.range.log !== null ? 1 : 0;
  }

  /** The scale along the whole colour bar. */
  whole_scale(): Scale {
    const { lo, hi, log } = this.range;
    return this.color_log > 0.5 && log !== null ? new Scale(log.lo, log.hi, true) : new Scale(lo, hi, false);
  }

  /** The scale of colours or heights between the clip handles. */
  private shown(w: number): Scale {
    return w > 0.5 ? this.log : this.linear;
  }

  private height = (value: number): number => blend(this.linear.at(value), this.log.at(value), this.height_log);

  private log_scale(clip: readonly [number, number] | null): Scale {
    const { log } = this.range;
    if (log === null) return this.linear;
    if (clip === null) return new Scale(log.lo, log.hi, true);
    const [lo, hi] = clip;
    return new Scale(Math.min(Math.max(log.lo, lo), hi * 0.999), hi, true);
  }

  private shape(state: State): void {
    const { clip } = state.panels[this.index];
    const [lo, hi] = clip ?? [this.range.lo, this.range.hi];
    const scaled = `${lo} ${hi} ${clip === null}`;
    if (scaled !== this.scaled) {
      this.linear = new Scale(lo, hi, false);
      this.log = this.log_scale(clip);
      this.surface.set_scales(this.linear, this.log);
    }
    const shaped = `${scaled} ${this.height_log} ${this.color_log}`;
    if (shaped === this.shaped) return;
    [this.scaled, this.shaped] = [scaled, shaped];
    this.surface.shape(this.height_log, this.color_log);
    for (const trail of this.trails) trail.shape(this.height);
  }

  /** `coarse`: in less detail, to be quick. */
  paint(ctx: CanvasRenderingContext2D, width: number, height: number, pixel: number, state: State, theme: Theme, cross: Spot | null, coarse: boolean): void {
    this.shape(state);
    const camera = new Camera(state.panels[this.index].view, width, height, margins_of(width));
    this.camera = camera;
    const font = width < 420 ? 10.5 : 12;
    const box = new Box(this.panel, camera, this.shown(this.height_log), font, theme);
    ctx.save();
    ctx.setTransform(pixel, 0, 0, pixel, 0, 0);
    ctx.lineJoin = 'round';
    ctx.clearRect(0, 0, width, height);
    box.draw_walls(ctx);
    this.paint_scene(ctx, camera, pixel, state, theme, cross, coarse);
    box.draw_axes(ctx);
    this.paint_marks(ctx, camera, theme, font);
    const shown = this.shown(this.color_log);
    draw_color_bar(ctx, bar_place(width, height), state.map, this.whole_scale(), shown, this.panel.value_name, theme);
    draw_racers(ctx, camera, this.racers_at(state, theme), (at) => this.hides(at), state.labels, theme);
    ctx.restore();
  }

  private paint_scene(ctx: CanvasRenderingContext2D, camera: Camera, page_pixel: number, state: State, theme: Theme, cross: Spot | null, coarse: boolean): void {
    const pixel = page_pixel * (coarse ? 0.6 : this.stage.samples);
    this.surface.set_coarse(coarse);
    let colors = kMapTextures.get(state.map);
    if (!colors) kMapTextures.set(state.map, (colors = color_texture(state.map)));
    const levels = contour_levels(this.shown(this.color_log));
    this.surface.prepare(camera, colors, levels, cross && [cross.sx, cross.sy], pixel);
    for (const trail of this.trails) {
      const visible = !state.hidden.has(trail.track.label);
      for (const mesh of trail.meshes) mesh.visible = visible;
      if (!visible) continue;
      const from = state.trail > 0 ? Math.max(0, Math.min(state.step, trail.last) - state.trail) : 0;
      trail.prepare(camera, this.look(trail, theme).color, theme.halo, from, state.step, pixel);
    }
    const [w, h] = [Math.round(camera.width * pixel), Math.round(camera.height * pixel)];
    this.stage.draw(this.scene, w, h);
    ctx.drawImage(this.stage.canvas, 0, 0, w, h, 0, 0, camera.width, camera.height);
  }

  private look(trail: Trail, theme: Theme): RacerLook {
    return racer_look(trail.track.racer, theme.dark);
  }

  private racers_at(state: State, theme: Theme): Racer[] {
    return this.trails
      .filter((trail) => trail.last >= 0 && !state.hidden.has(trail.track.label))
      .map((trail) => {
        const { track } = trail;
        const look = this.look(trail, theme);
        const step = Math.min(Math.floor(state.step), trail.last);
        const { at, inside } = trail.place(state.step, this.height);
        const gone = track.diverged && state.step >= trail.last;
        return { at, color: css(look.color), shape: kShapes[look.shape], inside, gone, text: live_number(track.losses[step]).trim(), flag: fate(track, state.step) };
      });
  }

  /** Whether the surface is between a point and the viewer. */
  private hides(at: Vec3): boolean {
    const sight = this.camera!.sight(at);
    return this.surface.field.pick(sight, 0.05 / Math.hypot(...sight.way)) !== null;
  }

  private paint_marks(ctx: CanvasRenderingContext2D, camera: Camera, theme: Theme, font: number): void {
    const { x, y, marks } = this.panel;
    for (const mark of marks) {
      const [sx, sy] = [((mark.x - x.lo) / (x.hi - x.lo)) * 2 - 1, ((mark.y - y.lo) / (y.hi - y.lo)) * 2 - 1];
      if (Math.abs(sx) > 1 || Math.abs(sy) > 1) continue;
      const at: Vec3 = [sx, sy, kTop * this.height(mark.height)];
      const hidden = this.hides(at);
      const [px, py] = camera.project(at);
      const [fx, fy] = camera.project([sx, sy, kFloor]);
      const on_map = camera.towards[2] > 0.995 ? 0 : 0.5;
      for (const [cx, cy, r, alpha] of [[fx, fy, 4, on_map], [px, py, 7, hidden ? 0.35 : 1]]) {
        ctx.globalAlpha = alpha;
        trace_shape(ctx, kStar, cx, cy, r);
        ctx.lineWidth = 2;
        ctx.strokeStyle = 'white';
        ctx.stroke();
        ctx.fillStyle = '#e8412a';
        ctx.fill();
      }
      if (mark.label !== '' && !hidden) {
        ctx.font = `${font}px ${theme.font}`;
        ctx.textAlign = 'center';
        ctx.textBaseline = 'top';
        ctx.lineWidth = 3;
        ctx.strokeStyle = theme.paper;
        ctx.fillStyle = theme.ink;
        ctx.strokeText(mark.label, px, py + 9);
        ctx.fillText(mark.label, px, py + 9);
      }
      ctx.globalAlpha = 1;
    }
  }

  /** What lies under a pixel of the last picture: on the surface, else on the map; null: nothing. */
  spot(px: number, py: number): Spot | null {
    const ray = this.camera?.ray(px, py);
    const hit = ray && (this.surface.field.pick(ray) ?? pick_floor(ray));
    if (!hit) return null;
    const { x, y, values } = this.panel;
    const value = this.surface.field.sample(values, hit.x, hit.y);
    if (Number.isNaN(value)) return null;
    return { sx: hit.x, sy: hit.y, x: x.lo + ((hit.x + 1) / 2) * (x.hi - x.lo), y: y.lo + ((hit.y + 1) / 2) * (y.hi - y.lo), value };
  }
}
