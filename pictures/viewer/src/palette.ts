// Colours of values and of racers, and the shapes that tell racers apart without colour.

export type Color = readonly [number, number, number]; // sRGB, 0 to 1

/** "#rrggbb" or "#rgb". */
export function hex(code: string): Color {
  const full = code.length === 4 ? code.replace(/[^#]/g, '$&$&') : code;
  return [1, 3, 5].map((k) => parseInt(full.slice(k, k + 2), 16) / 255) as unknown as Color;
}

export const css = (c: Color): string => `rgb(${c.map((v) => Math.round(v * 255)).join(' ')})`;
export const mix = (a: Color, b: Color, w: number): Color => a.map((v, k) => v + (b[k] - v) * w) as unknown as Color;
export const brightness = (c: Color): number => 0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2];

// van der Walt and Smith 2015, CC0: every eighth colour of the table of 256.
const kViridis = (
  '440154 470d60 48186a 482374 472d7b 453681 424086 3f4989 3b528b 375a8d 33638d 2f6a8e 2c728e 297a8e 26818e ' +
  '23898e 21908c 1f988b 1fa088 21a685 28ae80 31b57b 3ebc74 4cc26c 5dc963 6ece58 82d34c 96d83f abdc32 c0df24 ' +
  'd5e21a eae51a fde725'
)
  .split(' ')
  .map((code) => hex(`#${code}`));

function viridis(t: number): Color {
  const at = t * (kViridis.length - 1);
  const k = Math.min(Math.floor(at), kViridis.length - 2);
  return mix(kViridis[k], kViridis[k + 1], at - k);
}

// Nunez, Anderton and Renslow 2018, as a polynomial of degree 5 for each part.
function cividis(t: number): Color {
  const parts = [
    [-4.54, -35.34, 2381.73, -6402.7, 7024.72, -2710.57],
    [32.49, 170.73, 52.82, -131.46, 176.58, -67.37],
    [81.24, 442.36, -2482.43, 6167.24, -6614.94, 2475.67],
  ];
  const value = (p: number[]): number => p.reduceRight((sum, c) => sum * t + c, 0) / 255;
  return parts.map((p) => Math.min(1, Math.max(0, value(p)))) as unknown as Color;
}

const grey = (t: number): Color => [0.16 + 0.8 * t, 0.165 + 0.795 * t, 0.18 + 0.78 * t];
const cool = (t: number): Color => [t, 1 - t, 1];

export type MapName = 'viridis' | 'cividis' | 'grey' | 'cool';
export const kMaps: Record<MapName, (t: number) => Color> = { viridis, cividis, grey, cool };

/** 256 colours, 4 bytes each. */
export function color_table(name: MapName): Uint8Array {
  const table = new Uint8Array(1024);
  for (let k = 0; k < 256; ++k) table.set([...kMaps[name](k / 255).map((v) => Math.round(v * 255)), 255], 4 * k);
  return table;
}

// The colours of pictures/race.cpp: Okabe and Ito 2008, what stands out most from viridis first (the eighth is the ink), then Tol
// 2021, "muted".
const kColors = [
  '#d55e00', '#56b4e9', '#cc79a7', '#e69f00', '#0072b2', '#f0e442', '#009e73', '#000000', '#332288',
  '#882255', '#999933', '#aa4499', '#117733', '#ddcc77', '#88ccee', '#cc6677', '#44aa99', '#dddddd',
].map(hex);

export interface RacerLook {
  color: Color;
  shape: number; // of the marker, index in kShapes
  dash: number[]; // of lines in charts, pixels
}

const kDashes = [[], [7, 3], [2, 2.5], [9, 3, 2, 3]];

/** How racer k looks on a dark or light page; no two of 100 look the same. */
export function racer_look(k: number, dark: boolean): RacerLook {
  let color = kColors[k % kColors.length];
  const bright = brightness(color);
  if (dark && bright < 0.42) color = mix(color, [1, 1, 1], bright < 0.05 ? 0.92 : (0.42 - bright) / (1 - bright) + 0.12);
  if (!dark && bright > 0.72) color = mix(color, [0.25, 0.2, 0], (bright - 0.72) * 1.4);
  const round = Math.floor(k / kColors.length);
  return { color, shape: (k + 3 * round) % kShapes.length, dash: kDashes[(k + round) % kDashes.length] };
}

type Corner = readonly [number, number];

function polygon(corners: number, turn: number, inner = 1): Corner[] {
  const points: Corner[] = [];
  for (let k = 0; k < corners; ++k) {
    const angle = turn + (2 * Math.PI * k) / corners;
    const r = k % 2 ? inner : 1;
    points.push([Math.sin(angle) * r, -Math.cos(angle) * r]);
  }
  return points;
}

function plus(turn: number): Corner[] {
  const w = 0.36;
  const arm = [[-w, -1], [w, -1], [w, -w], [1, -w], [1, w], [w, w], [w, 1], [-w, 1], [-w, w], [-1, w], [-1, -w], [-w, -w]];
  const [s, c] = [Math.sin(turn), Math.cos(turn)];
  return arm.map(([x, y]) => [c * x - s * y, s * x + c * y]);
}

/** Outlines of the markers within about the unit circle, y downwards. */
export const kShapes: Corner[][] = [
  polygon(28, 0),
  polygon(4, Math.PI / 4).map(([x, y]) => [x * 1.15, y * 1.15]),
  polygon(3, 0).map(([x, y]) => [x * 1.2, y * 1.2 + 0.15]),
  polygon(4, 0).map(([x, y]) => [x * 1.15, y * 1.15]),
  polygon(3, Math.PI).map(([x, y]) => [x * 1.2, y * 1.2 - 0.15]),
  plus(0),
  polygon(5, 0).map(([x, y]) => [x * 1.1, y * 1.1]),
  plus(Math.PI / 4),
  polygon(6, Math.PI / 6),
  polygon(8, 0, 0.5).map(([x, y]) => [x * 1.25, y * 1.25]),
];

/** Five-pointed star, for marked places. */
export const kStar: Corner[] = polygon(10, 0, 0.42);

export function trace_shape(ctx: CanvasRenderingContext2D, shape: Corner[], x: number, y: number, radius: number): void {
  ctx.beginPath();
  for (const [dx, dy] of shape) ctx.lineTo(x + dx * radius, y + dy * radius);
  ctx.closePath();
}
