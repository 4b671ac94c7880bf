// The ways of the racers as ribbons of constant width: what the surface hides stays faintly visible.
//
// Between two points a way runs straight over the plane and along the surface; where a point's loss is
// not the surface's, it lies above or below by that difference. Points outside of the surface are left
// out: the way is cut at the edge.

import {
  CustomBlending, GLSL3, GreaterDepth, InstancedBufferGeometry, InstancedInterleavedBuffer, InterleavedBufferAttribute,
  BufferAttribute, LessEqualDepth, Mesh, OneFactor, OneMinusSrcAlphaFactor, RawShaderMaterial,
} from 'three';
import { clip_to_square, kFloor, kTop, type HeightField, type Vec3 } from './height_field';
import { type Camera } from './camera';
import { type Panel, type Track } from './data';
import { type Color } from './palette';

const kVertex = `
precision highp float;
uniform mat4 u_camera;
uniform vec2 u_size;        // of the picture, device pixels
uniform vec3 u_lift;        // towards the viewer
uniform vec2 u_steps;       // shown from, to
uniform float u_radius, u_floor;
in vec2 a_corner;
in vec4 a_from, a_to;       // place and step
out vec2 v_at, v_from, v_to;
void main() {
  float length_in_steps = max(a_to.w - a_from.w, 1e-9);
  vec2 part = clamp((u_steps - a_from.w) / length_in_steps, 0.0, 1.0);
  vec3 p = mix(a_from.xyz, a_to.xyz, part.x), q = mix(a_from.xyz, a_to.xyz, part.y);
  if (u_floor > 0.5) p.z = q.z = ${kFloor} + 0.002;
  vec4 a = u_camera * vec4(p + u_lift, 1.0), b = u_camera * vec4(q + u_lift, 1.0);
  v_from = (a.xy / a.w * 0.5 + 0.5) * u_size;
  v_to = (b.xy / b.w * 0.5 + 0.5) * u_size;
  vec2 way = v_to - v_from;
  vec2 along = length(way) > 1e-4 ? normalize(way) : vec2(1.0, 0.0);
  vec4 end = a_corner.x < 0.0 ? a : b;
  v_at = (a_corner.x < 0.0 ? v_from : v_to) + (along * a_corner.x + vec2(-along.y, along.x) * a_corner.y) * (u_radius + 1.0);
  gl_Position = part.y > part.x ? vec4((v_at / u_size * 2.0 - 1.0) * end.w, end.zw) : vec4(2.0, 2.0, 2.0, 1.0);
}`;

const kFragment = `
precision highp float;
uniform vec4 u_color;
uniform float u_radius;
in vec2 v_at, v_from, v_to;
out vec4 color;
void main() {
  vec2 way = v_to - v_from, to = v_at - v_from;
  float along = clamp(dot(to, way) / max(dot(way, way), 1e-6), 0.0, 1.0);
  float alpha = u_color.a * clamp(u_radius + 0.5 - length(to - way * along), 0.0, 1.0);
  if (alpha < 0.02) discard;
  color = vec4(u_color.rgb * alpha, alpha);
}`;

interface Pass {
  name: 'floor' | 'halo' | 'line' | 'hidden';
  radius: number; // pixels of the page
  alpha: number;
}
// The hidden pass draws where something is nearer; writing depth keeps it from drawing twice.
const kPasses: Pass[] = [
  { name: 'floor', radius: 0.8, alpha: 0.9 },
  { name: 'halo', radius: 2.3, alpha: 0.75 },
  { name: 'line', radius: 1.3, alpha: 1 },
  { name: 'hidden', radius: 1.0, alpha: 0.34 },
];

function material(pass: Pass): RawShaderMaterial {
  return new RawShaderMaterial({
    glslVersion: GLSL3,
    vertexShader: kVertex,
    fragmentShader: kFragment,
    transparent: true,
    blending: CustomBlending,
    blendSrc: OneFactor,
    blendDst: OneMinusSrcAlphaFactor,
    depthFunc: pass.name === 'hidden' ? GreaterDepth : LessEqualDepth,
    depthWrite: pass.name === 'hidden' || pass.name === 'line',
    uniforms: {
      u_camera: { value: [] },
      u_size: { value: [1, 1] },
      u_lift: { value: [0, 0, 0] },
      u_steps: { value: [0, 0] },
      u_radius: { value: 1 },
      u_floor: { value: pass.name === 'floor' ? 1 : 0 },
      u_color: { value: [0, 0, 0, 1] },
    },
  });
}

const kMostPieces = 16000; // of one trail
const kStride = 8;

/** The way of one track, in pieces short enough to follow the surface. */
export class Trail {
  readonly meshes: Mesh[];
  private readonly pieces: Float32Array; // from (x, y, z, step) to (x, y, z, step)
  private readonly buffer: InstancedInterleavedBuffer;
  private readonly materials: RawShaderMaterial[];
  private readonly places: [number, number][]; // scene coordinates of the points that can be drawn

  constructor(
    private readonly panel: Panel,
    readonly track: Track,
    private readonly field: HeightField,
  ) {
    const { x, y } = panel;
    this.places = Array.from({ length: track.drawable }, (_, k) => [
      ((track.x[k] - x.lo) / (x.hi - x.lo)) * 2 - 1,
      ((track.y[k] - y.lo) / (y.hi - y.lo)) * 2 - 1,
    ]);
    this.pieces = new Float32Array(this.cut());
    this.buffer = new InstancedInterleavedBuffer(this.pieces, kStride);
    const geometry = new InstancedBufferGeometry();
    geometry.setAttribute('a_corner', new BufferAttribute(new Float32Array([-1, -1, 1, -1, 1, 1, -1, 1]), 2));
    geometry.setIndex([0, 1, 2, 0, 2, 3]);
    geometry.setAttribute('a_from', new InterleavedBufferAttribute(this.buffer, 4, 0));
    geometry.setAttribute('a_to', new InterleavedBufferAttribute(this.buffer, 4, 4));
    geometry.instanceCount = this.pieces.length / kStride;
    this.materials = kPasses.map(material);
    this.meshes = this.materials.map((m) => {
      const mesh = new Mesh(geometry, m);
      mesh.frustumCulled = false;
      return mesh;
    });
  }

  /** The last step that can be drawn. */
  get last(): number {
    return this.places.length - 1;
  }

  private cut(): number[] {
    const pieces: number[] = [];
    const cell = 1 / Math.max(this.panel.x.n, this.panel.y.n);
    const most = Math.max(1, Math.floor(kMostPieces / Math.max(1, this.last)));
    for (let k = 0; k < this.last; ++k) {
      const [[ax, ay], [bx, by]] = [this.places[k], this.places[k + 1]];
      const inside = clip_to_square(ax, ay, bx, by);
      if (!inside) continue;
      const [from, to] = inside;
      const parts = Math.min(most, Math.max(1, Math.ceil((Math.hypot(bx - ax, by - ay) * (to - from)) / (2 * cell))));
      for (let p = 0; p < parts; ++p)
        for (const w of [from + ((to - from) * p) / parts, from + ((to - from) * (p + 1)) / parts])
          pieces.push(ax + (bx - ax) * w, ay + (by - ay) * w, 0, k + w);
    }
    return pieces;
  }

  /** Lays the way onto the surface as it is shaped now; `height`: of a value, 0 to 1. */
  shape(height: (value: number) => number): void {
    const { field, pieces } = this;
    const wanted = Array.from(this.places, (_, k) => kTop * height(this.track.losses[k]));
    const above = this.places.map(([x, y], k) => {
      const z = field.sample(field.z, x, y);
      return Number.isNaN(z) ? 0 : wanted[k] - z;
    });
    for (let k = 0; k < pieces.length; k += 4) {
      const step = Math.min(Math.floor(pieces[k + 3]), this.last - 1);
      const w = pieces[k + 3] - step;
      const z = field.sample(field.z, pieces[k], pieces[k + 1]);
      const at = Number.isNaN(z) ? wanted[step] + (wanted[step + 1] - wanted[step]) * w : z + above[step] + (above[step + 1] - above[step]) * w;
      pieces[k + 2] = Math.min(kTop, Math.max(0, at));
    }
    this.buffer.needsUpdate = true;
  }

  /** Where the racer is at a step, moved to the edge if that is outside. */
  place(step: number, height: (value: number) => number): { at: Vec3; inside: boolean } {
    const s = Math.min(Math.max(0, step), this.last);
    const k = Math.min(Math.floor(s), Math.max(0, this.last - 1));
    const w = s - k;
    const [a, b] = [this.places[k], this.places[Math.min(k + 1, this.last)]];
    const [x, y] = [a[0] + (b[0] - a[0]) * w, a[1] + (b[1] - a[1]) * w];
    const inside = Math.abs(x) <= 1 && Math.abs(y) <= 1;
    const [ex, ey] = [Math.min(1, Math.max(-1, x)), Math.min(1, Math.max(-1, y))];
    const on = this.field.sample(this.field.z, ex, ey);
    const difference = (p: number): number => {
      const [px, py] = this.places[p];
      const z = this.field.sample(this.field.z, px, py);
      return Number.isNaN(z) ? 0 : kTop * height(this.track.losses[p]) - z;
    };
    const next = Math.min(k + 1, this.last);
    const z = inside && !Number.isNaN(on) ? on + difference(k) * (1 - w) + difference(next) * w : kTop * height(this.track.losses[w < 0.5 ? k : next]);
    return { at: [ex, ey, Math.min(kTop, Math.max(0, z))], inside };
  }

  prepare(camera: Camera, color: Color, halo: Color, from: number, to: number, pixel: number): void {
    const lift = camera.towards.map((v) => 0.012 * v);
    this.materials.forEach(({ uniforms }, k) => {
      const pass = kPasses[k];
      uniforms['u_camera'].value = camera.matrix();
      uniforms['u_size'].value = [camera.width * pixel, camera.height * pixel];
      uniforms['u_lift'].value = pass.name === 'floor' ? [0, 0, 0] : lift;
      uniforms['u_steps'].value = [from, to];
      uniforms['u_radius'].value = pass.radius * pixel;
      uniforms['u_color'].value = [...(pass.name === 'halo' ? halo : color), pass.alpha];
    });
  }
}
