// The view of one panel: a direction around the box, a zoom and a shift of the picture.
//
// The azimuth turns around the z axis, counter-clockwise seen from above: -90 looks along +y with x
// to the right. From the side the perspective is mild, from above there is none: that is a map.

import { kFloor, kTop, type Ray, type Vec3 } from './height_field';

export interface View {
  azimuth: number; // degrees
  elevation: number; // degrees, 0 to 90
  zoom: number;
  shift_x: number; // of the picture, in half widths, to the right
  shift_y: number; // in half heights, upwards
}

export interface Preset {
  name: string;
  azimuth: number;
  elevation: number;
}

export const kPresets: Preset[] = [
  { name: 'high', azimuth: -70, elevation: 50 },
  { name: 'middle', azimuth: -70, elevation: 30 },
  { name: 'low', azimuth: -70, elevation: 20 },
  { name: 'top', azimuth: -90, elevation: 90 },
];

export const kBarRoom = 66; // pixels at the right edge of a picture, for the colour bar
const kRadians = Math.PI / 180;
const kCentre = (kTop + kFloor) / 2;
const clamp = (v: number, lo: number, hi: number): number => Math.min(hi, Math.max(lo, v));

export function view_of(azimuth: number, elevation: number): View {
  return { azimuth: wrap(azimuth), elevation: clamp(elevation, 0, 90), zoom: 1, shift_x: 0, shift_y: 0 };
}

/** The same angle in (-180, 180]. */
function wrap(degrees: number): number {
  const turned = ((degrees % 360) + 360) % 360;
  return turned > 180 ? turned - 360 : turned;
}

export function turned(view: View, azimuth: number, elevation: number): View {
  return { ...view, azimuth: wrap(view.azimuth + azimuth), elevation: clamp(view.elevation + elevation, 0, 90) };
}

export function shifted(view: View, x: number, y: number): View {
  const room = view.zoom;
  return { ...view, shift_x: clamp(view.shift_x + x, -room, room), shift_y: clamp(view.shift_y + y, -room, room) };
}

/** Zooms so that what lies at (x, y), both -1 to 1 in the picture, stays there. */
export function zoomed(view: View, by: number, x = 0, y = 0): View {
  const zoom = clamp(view.zoom * by, 0.5, 12);
  const grown = zoom / view.zoom;
  const moved = { ...view, zoom, shift_x: x - (x - view.shift_x) * grown, shift_y: y - (y - view.shift_y) * grown };
  return shifted(moved, 0, 0);
}

/** The view at w of the way from a to b, turning the shorter way round. */
export function between(a: View, b: View, w: number): View {
  const mix = (p: number, q: number): number => p + (q - p) * w;
  return {
    azimuth: wrap(a.azimuth + wrap(b.azimuth - a.azimuth) * w),
    elevation: mix(a.elevation, b.elevation),
    zoom: mix(a.zoom, b.zoom),
    shift_x: mix(a.shift_x, b.shift_x),
    shift_y: mix(a.shift_y, b.shift_y),
  };
}

export interface Margins {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** Room for the labels of the axes and the colour bar beside a picture so wide. */
export function margins_of(width: number): Margins {
  return { left: width < 420 ? 40 : 46, right: kBarRoom - 10, top: 10, bottom: 34 };
}

const dot = (a: Vec3, b: Vec3): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

/**
 * How far the box is seen to the sides, above and below its centre, if its corners are `half` wide and
 * deep. Given the largest that turning makes it, the picture does not breathe while it turns.
 */
function reach_of_box(half: number, se: number, ce: number, distance: number): { side: number; above: number; below: number } {
  let [above, below] = [0, 0];
  for (const away of [-half, half])
    for (const z of [(kFloor - kTop) / 2, (kTop - kFloor) / 2]) {
      const y = ((away * se + z * ce) * distance) / (distance + away * ce - z * se);
      [above, below] = [Math.max(above, y), Math.max(below, -y)];
    }
  return { side: 1.03 * half, above, below };
}

/** A view onto a picture of width x height pixels; what is to be seen stays within the margins. */
export class Camera {
  readonly right: Vec3;
  readonly up: Vec3;
  readonly towards: Vec3; // from the centre to the viewer
  private readonly distance: number;
  private readonly scale_x: number; // half widths of the picture per unit at the centre
  private readonly scale_y: number;
  private readonly shift_x: number;
  private readonly shift_y: number;

  constructor(
    view: View,
    readonly width: number,
    readonly height: number,
    margins: Margins,
  ) {
    const [a, e] = [view.azimuth * kRadians, view.elevation * kRadians];
    const [sa, ca, se, ce] = [Math.sin(a), Math.cos(a), Math.sin(e), Math.cos(e)];
    this.right = [-sa, ca, 0];
    this.up = [-se * ca, -se * sa, ce];
    this.towards = [ce * ca, ce * sa, se];

    const flat = clamp((view.elevation - 75) / 15, 0, 1);
    this.distance = 2 / (0.27 * (1 - flat) + 0.004);
    const reach = reach_of_box(Math.max(Math.abs(sa) + Math.abs(ca), Math.SQRT2 * (1 - flat)), se, ce, this.distance);
    const [inner_x, inner_y] = [width - margins.left - margins.right, height - margins.top - margins.bottom];
    const pixels = Math.max(1, Math.min(inner_x / (2 * reach.side), inner_y / (reach.above + reach.below)));
    this.scale_x = (2 * pixels * view.zoom) / width;
    this.scale_y = (2 * pixels * view.zoom) / height;
    this.shift_x = view.shift_x + (view.zoom * (margins.left - margins.right)) / width;
    this.shift_y = view.shift_y + (view.zoom * (margins.bottom - margins.top + (reach.below - reach.above) * pixels)) / height;
  }

  /** Pixels from the left and the top, and the depth along the line of sight. */
  project(p: Vec3): Vec3 {
    const q: Vec3 = [p[0], p[1], p[2] - kCentre];
    const depth = this.distance - dot(this.towards, q);
    const by = this.distance / depth;
    const x = this.scale_x * dot(this.right, q) * by + this.shift_x;
    const y = this.scale_y * dot(this.up, q) * by + this.shift_y;
    return [((x + 1) / 2) * this.width, ((1 - y) / 2) * this.height, depth];
  }

  /** The line of sight through a pixel, from the viewer's plane onwards. */
  ray(px: number, py: number): Ray {
    const x = ((px / this.width) * 2 - 1 - this.shift_x) / this.scale_x;
    const y = (1 - (py / this.height) * 2 - this.shift_y) / this.scale_y;
    const { right: r, up: u, towards: t, distance: d } = this;
    const way = [0, 1, 2].map((k) => (r[k] * x + u[k] * y) / d - t[k]) as unknown as Vec3;
    const origin: Vec3 = [t[0] * d, t[1] * d, t[2] * d + kCentre];
    return { origin, way };
  }

  /** The way from a point to the viewer. */
  sight(p: Vec3): Ray {
    const { towards: t, distance: d } = this;
    const way: Vec3 = [t[0] * d - p[0], t[1] * d - p[1], t[2] * d + kCentre - p[2]];
    return { origin: p, way };
  }

  /** For the shaders: scene to clip space, column by column. */
  matrix(): number[] {
    const { right: r, up: u, towards: t, distance: d } = this;
    const [near, far] = [d - 2, d + 2];
    const [depth_w, depth_1] = [(far + near) / (far - near), (-2 * far * near) / (far - near)];
    const row_w = [-t[0], -t[1], -t[2], d + t[2] * kCentre];
    const row = (s: number, v: Vec3, shift: number): number[] =>
      row_w.map((w, k) => (k < 3 ? s * d * v[k] : -s * d * v[2] * kCentre) + shift * w);
    const x = row(this.scale_x, r, this.shift_x);
    const y = row(this.scale_y, u, this.shift_y);
    const z = row_w.map((w, k) => depth_w * w + (k === 3 ? depth_1 : 0));
    return [0, 1, 2, 3].flatMap((k) => [x[k], y[k], z[k], row_w[k]]);
  }
}
