// The shaded surface and its map on the floor, with contour lines, as two meshes of one geometry.

import { BufferAttribute, BufferGeometry, DataTexture, DoubleSide, DynamicDrawUsage, GLSL3, LinearFilter, Mesh, RawShaderMaterial } from 'three';
import { HeightField, kFloor, kTop } from './height_field';
import { color_table, type MapName } from './palette';
import { type Levels, type Scale } from './scales';
import { type Panel } from './data';
import { type Camera } from './camera';

const kVertex = `
precision highp float;
uniform mat4 u_camera;
uniform float u_floor;      // 1: the map
in vec2 a_place;
in vec4 a_state;            // height, colour, slopes
out float v_color;
out vec2 v_place;
out vec3 v_normal;
void main() {
  v_color = a_state.y;
  v_place = a_place;
  v_normal = vec3(-a_state.zw, 1.0);
  gl_Position = u_camera * vec4(a_place, mix(a_state.x, ${kFloor}, u_floor), 1.0);
}`;

// Lines are measured on the screen through the derivatives of what they are levels of.
const kFragment = `
precision highp float;
uniform sampler2D u_colors;
uniform float u_floor, u_pixel, u_contrast;
uniform vec3 u_levels;      // first, step, every so many a stronger one
uniform vec3 u_light, u_towards;
uniform vec3 u_cross;       // x, y and strength of the cross-hair
in float v_color;
in vec2 v_place;
in vec3 v_normal;
out vec4 color;
float cover(float distance_in_pixels, float width) {
  return clamp(0.5 * width + 0.5 - distance_in_pixels, 0.0, 1.0);
}
void main() {
  float t = clamp(v_color, 0.0, 1.0);
  vec3 base = texture(u_colors, vec2((t * 255.0 + 0.5) / 256.0, 0.5)).rgb;
  vec3 normal = normalize(v_normal);
  float back = gl_FrontFacing ? 1.0 : 0.88;
  if (!gl_FrontFacing) normal = -normal;
  float shine = pow(max(0.0, dot(normal, normalize(u_light + u_towards))), 40.0);
  float light = mix(back * (0.56 + 0.46 * max(0.0, dot(normal, u_light)) + 0.14 * shine), 1.06, u_floor);
  vec3 lit = light < 1.0 ? base * light : mix(base, vec3(1.0), light - 1.0);

  float u = (v_color - u_levels.x) / u_levels.y;
  float per_pixel = fwidth(u);
  float nearest = floor(u + 0.5);
  float level = u_levels.x + nearest * u_levels.y;
  if (per_pixel > 1e-6 && level > 1e-4 && level < 1.0 - 1e-4) {
    float spacing = 1.0 / (per_pixel * u_pixel);
    float fade = clamp((spacing - 2.5) / 6.0, 0.0, 1.0);
    float major = mod(nearest + 0.5, u_levels.z) < 1.0 ? 1.0 : 0.55;
    vec3 there = texture(u_colors, vec2((level * 255.0 + 0.5) / 256.0, 0.5)).rgb;
    vec3 ink = dot(there, vec3(0.299, 0.587, 0.114)) < 0.36 ? vec3(1.0) : vec3(0.1, 0.11, 0.13);
    lit = mix(lit, ink, cover(abs(u - nearest) / per_pixel, 1.1 * u_pixel) * fade * major * u_contrast);
  }
  if (u_cross.z > 0.0) {
    vec2 away = abs(v_place - u_cross.xy) / max(fwidth(v_place), vec2(1e-6));
    float line = max(cover(away.x, 1.4 * u_pixel), cover(away.y, 1.4 * u_pixel));
    lit = mix(lit, vec3(1.0, 0.3, 0.2), line * u_cross.z);
  }
  color = vec4(lit, 1.0);
}`;

/** One texture of 256 colours per colour map. */
export function color_texture(name: MapName): DataTexture {
  const texture = new DataTexture(color_table(name), 256, 1);
  texture.magFilter = texture.minFilter = LinearFilter;
  texture.needsUpdate = true;
  return texture;
}

function material(floor: boolean): RawShaderMaterial {
  return new RawShaderMaterial({
    glslVersion: GLSL3,
    vertexShader: kVertex,
    fragmentShader: kFragment,
    side: DoubleSide,
    polygonOffset: !floor,
    polygonOffsetFactor: 1,
    polygonOffsetUnits: 2,
    uniforms: {
      u_camera: { value: [] },
      u_floor: { value: floor ? 1 : 0 },
      u_colors: { value: null },
      u_pixel: { value: 1 },
      u_contrast: { value: 0.5 },
      u_levels: { value: [0, 1, 1] },
      u_light: { value: [0, 0, 1] },
      u_towards: { value: [0, 0, 1] },
      u_cross: { value: [0, 0, 0] },
    },
  });
}

export class Surface {
  readonly field: HeightField;
  readonly meshes: Mesh[];
  private readonly geometry = new BufferGeometry();
  private readonly fine: BufferAttribute;
  private coarse: BufferAttribute | null = null;
  private readonly state: BufferAttribute;
  private readonly materials: RawShaderMaterial[];
  private linear = new Float32Array(0); // of each value by either scale, not clamped
  private log = new Float32Array(0);

  constructor(
    private readonly panel: Panel,
    scale: Scale,
  ) {
    const { x, y, values } = panel;
    this.field = new HeightField(x.n, y.n, values.map((v) => scale.at(v)));
    const places = new Float32Array(2 * values.length);
    for (let i = 0; i < y.n; ++i)
      for (let j = 0; j < x.n; ++j) places.set([(2 * j) / (x.n - 1) - 1, (2 * i) / (y.n - 1) - 1], 2 * (i * x.n + j));
    this.state = new BufferAttribute(new Float32Array(4 * values.length), 4);
    this.state.setUsage(DynamicDrawUsage);
    const { geometry } = this;
    geometry.setAttribute('a_place', new BufferAttribute(places, 2));
    geometry.setAttribute('a_state', this.state);
    this.fine = new BufferAttribute(this.field.indices, 1);
    geometry.setIndex(this.fine);
    this.materials = [material(true), material(false)];
    this.meshes = this.materials.map((m) => {
      const mesh = new Mesh(geometry, m);
      mesh.frustumCulled = false;
      return mesh;
    });
  }

  /** Scales for both kinds of height and colour; the same twice where there is no logarithm. */
  set_scales(linear: Scale, log: Scale): void {
    this.linear = this.panel.values.map((v) => linear.raw(v));
    this.log = log === linear ? this.linear : this.panel.values.map((v) => log.raw(v));
  }

  /** Heights and colours: 0 linear, 1 logarithmic, in between on the way. */
  shape(height_log: number, color_log: number): void {
    const { linear, log, field } = this;
    const out = this.state.array;
    for (let k = 0; k < linear.length; ++k) {
      field.z[k] = kTop * blend(clamped(linear[k], 0, 1), clamped(log[k], 0, 1), height_log);
      out[4 * k] = field.z[k];
      out[4 * k + 1] = blend(clamped(linear[k], -1, 2), clamped(log[k], -1, 2), color_log);
    }
    for (let i = 0, k = 0; i < field.rows; ++i)
      for (let j = 0; j < field.columns; ++j, ++k) {
        const [dx, dy] = field.slope(i, j);
        out[4 * k + 2] = dx;
        out[4 * k + 3] = dy;
      }
    this.state.needsUpdate = true;
  }

  set_coarse(coarse: boolean): void {
    if (coarse) this.coarse ??= new BufferAttribute(this.field.coarse_indices(), 1);
    this.geometry.setIndex(coarse ? this.coarse : this.fine);
  }

  /** `cross`: scene coordinates of the cross-hair; `pixel`: device pixels per pixel of the page. */
  prepare(camera: Camera, colors: DataTexture, levels: Levels, cross: readonly [number, number] | null, pixel: number): void {
    const { right: r, up: u, towards: t } = camera;
    const light = [0, 1, 2].map((k) => -0.5 * r[k] + 0.62 * u[k] + 0.6 * t[k]);
    const length = Math.hypot(...light);
    for (const { uniforms } of this.materials) {
      uniforms['u_camera'].value = camera.matrix();
      uniforms['u_colors'].value = colors;
      uniforms['u_pixel'].value = pixel;
      uniforms['u_levels'].value = [levels.first, levels.step, levels.major];
      uniforms['u_light'].value = light.map((v) => v / length);
      uniforms['u_towards'].value = t;
      uniforms['u_cross'].value = cross ? [cross[0], cross[1], 0.85] : [0, 0, 0];
    }
  }
}

// NaN stays NaN: a hole.
const clamped = (v: number, lo: number, hi: number): number => (v < lo ? lo : v > hi ? hi : v);
export const blend = (linear: number, log: number, w: number): number => (w === 0 ? linear : w === 1 ? log : linear + (log - linear) * w);
