import { describe, expect, test } from 'vitest';
import { between, Camera, kPresets, margins_of, shifted, turned, view_of, zoomed, type View } from '#viewer/camera';
import { kFloor, kTop, type Vec3 } from '#viewer/height_field';

const camera = (view: View, width = 800, height = 600): Camera => new Camera(view, width, height, margins_of(width));
const kCorners: Vec3[] = [-1, 1].flatMap((x) => [-1, 1].flatMap((y) => [kFloor, kTop].map((z): Vec3 => [x, y, z])));

describe('a camera', () => {
  test('at azimuth -90 sees x to the right and y away or up', () => {
    const top = camera(view_of(-90, 90));
    const [cx, cy] = top.project([0, 0, 0]);
    const [rx, ry] = top.project([1, 0, 0]);
    const [ux, uy] = top.project([0, 1, 0]);
    expect(rx).toBeGreaterThan(cx + 50);
    expect(ry).toBeCloseTo(cy, 6);
    expect(ux).toBeCloseTo(cx, 6);
    expect(uy).toBeLessThan(cy - 50);
    const side = camera(view_of(-90, 20));
    expect(side.project([0, 1, 0])[2]).toBeGreaterThan(side.project([0, -1, 0])[2]);
  });

  test('shows a map without perspective from the top', () => {
    const top = camera(view_of(-90, 90));
    const [ax, ay] = top.project([0.7, -0.7, kFloor]);
    const [bx, by] = top.project([0.7, -0.7, kTop]);
    expect(Math.hypot(bx - ax, by - ay)).toBeLessThan(1.5);
  });

  test('keeps the whole box within the margins from everywhere', () => {
    for (const [width, height] of [[800, 600], [1500, 500], [360, 320]])
      for (let azimuth = -180; azimuth < 180; azimuth += 15)
        for (const elevation of [0, 10, 30, 50, 75, 82, 90]) {
          const m = margins_of(width);
          const seen = kCorners.map((c) => camera(view_of(azimuth, elevation), width, height).project(c));
          const where = `${width} ${azimuth} ${elevation}`;
          for (const [x, y] of seen) {
            expect(x, where).toBeGreaterThan(m.left - 0.08 * width);
            expect(x, where).toBeLessThan(width - m.right + 0.08 * width);
            expect(y, where).toBeGreaterThan(m.top - 1);
            expect(y, where).toBeLessThan(height - m.bottom + 1);
          }
        }
  });

  test('sees along a ray what it projects to the ray\'s pixel', () => {
    for (const view of [view_of(-70, 30), { ...view_of(20, 60), zoom: 2.5, shift_x: 0.4, shift_y: -0.7 }, view_of(-90, 90)]) {
      const c = camera(view);
      const p: Vec3 = [0.3, -0.6, 0.5];
      const [px, py] = c.project(p);
      const { origin, way } = c.ray(px, py);
      const w = (p[2] - origin[2]) / way[2];
      expect(origin[0] + w * way[0]).toBeCloseTo(p[0], 6);
      expect(origin[1] + w * way[1]).toBeCloseTo(p[1], 6);
      const back = c.sight(p);
      const q = [0, 1, 2].map((k) => back.origin[k] + 0.37 * back.way[k]) as unknown as Vec3;
      expect(c.project(q)[0]).toBeCloseTo(px, 5);
      expect(c.project(q)[1]).toBeCloseTo(py, 5);
    }
  });

  test('has one matrix for the shaders and the labels', () => {
    for (const view of [view_of(-70, 30), { ...view_of(130, 5), zoom: 3, shift_x: -0.5, shift_y: 0.25 }]) {
      const c = camera(view);
      const m = c.matrix();
      for (const p of [...kCorners, [0.1, 0.2, 0.3] as Vec3]) {
        const [x, y, z, w] = [0, 1, 2, 3].map((k) => m[k] * p[0] + m[4 + k] * p[1] + m[8 + k] * p[2] + m[12 + k]);
        expect(((x / w + 1) / 2) * 800).toBeCloseTo(c.project(p)[0], 6);
        expect(((1 - y / w) / 2) * 600).toBeCloseTo(c.project(p)[1], 6);
        expect(Math.abs(z / w)).toBeLessThan(1);
      }
    }
  });
});

describe('a view', () => {
  test('turns round and stops above and level', () => {
    expect(turned(view_of(170, 30), 20, 0).azimuth).toBe(-170);
    expect(turned(view_of(0, 80), 0, 30).elevation).toBe(90);
    expect(turned(view_of(0, 5), 0, -30).elevation).toBe(0);
    expect(view_of(290, 30).azimuth).toBe(-70);
  });
  test('zooms about the pointer', () => {
    const view = view_of(-70, 30);
    const c = camera(view);
    const p: Vec3 = [0.5, 0.5, 0.4];
    const [px, py] = c.project(p);
    const [qx, qy] = camera(zoomed(view, 1.4, (px / 800) * 2 - 1, 1 - (py / 600) * 2)).project(p);
    expect(qx).toBeCloseTo(px, 6);
    expect(qy).toBeCloseTo(py, 6);
  });
  test('is neither lost beside the picture nor zoomed to nothing', () => {
    expect(shifted(view_of(0, 0), 50, -50)).toMatchObject({ shift_x: 1, shift_y: -1 });
    expect(zoomed(view_of(0, 0), 1e-9).zoom).toBe(0.5);
    expect(zoomed(view_of(0, 0), 1e9).zoom).toBe(12);
  });
  test('turns to another the shorter way', () => {
    expect(between(view_of(170, 0), view_of(-170, 0), 0.5).azimuth).toBe(180);
    expect(between(view_of(0, 10), view_of(90, 50), 0.25)).toMatchObject({ azimuth: 22.5, elevation: 20 });
  });
  test('has the presets of the gallery', () => {
    expect(kPresets.map((p) => [p.elevation, p.azimuth])).toEqual([[50, -70], [30, -70], [20, -70], [90, -90]]);
  });
});
