import { describe, expect, test } from 'vitest';
import { read_page, type Panel } from '#viewer/data';
import { first_state, from_hash, own_log_of, ranges_of, Store, to_hash, type State } from '#viewer/state';
import { advanced, pace, stepped, toggled_play } from '#viewer/timeline';
import { loss_range, starts_logarithmic } from '#viewer/curves_range';
import { nearest_point } from '#viewer/hover';
import { wrapped } from '#viewer/save';
import { bowl, gallery_page, page_json, waves } from '../pages';

const page = read_page(JSON.stringify(gallery_page()));
const first = first_state(page);

describe('the address', () => {
  test('of a page as it opens says nothing', () => {
    expect(to_hash(first, first, page)).toBe('#');
    expect(from_hash('', first, page)).toEqual(first);
  });

  test('brings a view back', () => {
    const state: State = {
      ...first,
      step: 37,
      speed: 0.5,
      loop: true,
      hidden: new Set(['SGD', 'AdaGrad']),
      sorted: true,
      trail: 20,
      labels: !first.labels,
      map: 'cividis',
      log_height: false,
      log_color: true,
      log_loss: false,
      linked: false,
      theme: 'dark',
      selected: 2,
      panels: first.panels.map((p, k) =>
        k === 1 ? { view: { azimuth: 12.5, elevation: 41, zoom: 2, shift_x: 0.25, shift_y: -0.5 }, clip: [0.5, 20] as const } : p,
      ),
    };
    expect(from_hash(to_hash(state, first, page), first, page)).toEqual(state);
  });

  test('never starts the race', () => {
    expect(to_hash({ ...first, playing: true }, first, page)).toBe('#');
    expect(from_hash('#step=3', first, page).playing).toBe(false);
  });

  test('with nonsense opens the page as usual', () => {
    const hash = '#step=1e9&speed=x&trail=-3&map=__proto__&theme=pink&hide=Nobody&panel=none&view.bowl=1,2&clip.bowl=5,1&view.f4=0,0,0,0,0';
    expect(from_hash(hash, first, page)).toEqual(first);
  });
});

describe('the logarithm', () => {
  const own = (...panels: [log: boolean, f: typeof bowl][]): boolean | null => {
    const made = read_page(JSON.stringify(page_json('t', panels.map(([log, f], k) => ({ id: `p${k}`, title: 'p', f, half: 5, n: 9, change: { log } })))));
    return own_log_of(made, ranges_of(made));
  };
  test('is what the panels want that have a log scale, if they agree', () => {
    expect(own([false, bowl], [false, bowl])).toBe(false);
    expect(own([true, bowl], [true, bowl])).toBe(true);
    expect(own([true, bowl], [false, bowl])).toBeNull();
    expect(own([true, bowl], [false, waves])).toBe(true); // waves are negative somewhere
    expect(own([true, waves])).toBe(false);
  });
  test('is not chosen at first, and in the address once it is', () => {
    expect([first.log_height, first.log_color]).toEqual([null, null]);
    for (const log of [false, true]) {
      const hash = to_hash({ ...first, log_height: log }, first, page);
      expect(hash).toBe(`#log-height=${Number(log)}`);
      expect(from_hash(hash, first, page)).toEqual({ ...first, log_height: log });
    }
  });
});

describe('the store', () => {
  const store = (): Store => new Store(first);
  test('turns all panels while they are linked, else one', () => {
    const s = store();
    const view = { ...first.panels[0].view, azimuth: 10 };
    s.set_view(1, view);
    expect(s.state.panels.every((p) => p.view.azimuth === 10)).toBe(true);
    s.set({ linked: false });
    s.set_view(2, { ...view, azimuth: 20 });
    expect(s.state.panels.map((p) => p.view.azimuth)).toEqual([10, 10, 20, 10, 10, 10]);
  });
  test('hides, shows and singles out racers', () => {
    const s = store();
    s.toggle_racer('SGD');
    expect([...s.state.hidden]).toEqual(['SGD']);
    s.toggle_racer('SGD');
    expect(s.state.hidden.size).toBe(0);
    s.solo_racer('NAG', page.racers);
    expect(page.racers.filter((l) => !s.state.hidden.has(l))).toEqual(['NAG']);
    s.solo_racer('NAG', page.racers);
    expect(s.state.hidden.size).toBe(0);
  });
});

describe('time', () => {
  const at = (step: number, change = {}): State => ({ ...first, step, ...change });
  test('runs through a race in about ten seconds', () => {
    expect(pace(1000)).toBe(100);
    expect(pace(10)).toBe(8);
    expect(advanced(at(10), 1000, 0.5)).toEqual({ step: 60 });
    expect(advanced(at(0), 100, -0.2)).toEqual({ step: 0 });
    expect(advanced(at(10, { speed: 2 }), 1000, 0.5)).toEqual({ step: 110 });
  });
  test('ends at the end or starts again', () => {
    expect(advanced(at(99.9), 100, 1)).toEqual({ step: 100, playing: false });
    expect(advanced(at(99.9, { loop: true }), 100, 1)).toEqual({ step: 0 });
    expect(toggled_play(at(100), 100)).toEqual({ playing: true, step: 0 });
    expect(toggled_play(at(41.6, { playing: true }), 100)).toEqual({ playing: false, step: 42 });
  });
  test('moves by whole steps within the race', () => {
    expect(stepped(at(41.6), 100, 1).step).toBe(42);
    expect(stepped(at(41.6), 100, -1).step).toBe(41);
    expect(stepped(at(100), 100, 1).step).toBe(100);
    expect(stepped(at(0), 100, -1).step).toBe(0);
  });
});

describe('the chart', () => {
  const panel = (...losses: number[][]): Panel => ({ tracks: losses.map((l, k) => ({ label: `r${k}`, losses: Float64Array.from(l) })) }) as Panel;
  test('is not flattened by a racer that diverges', () => {
    const [lo, hi] = loss_range(panel([4, 2, 1], [4, 40, 1e30, NaN]), new Set(), false, { lo: 0, hi: 5 });
    expect(lo).toBeLessThan(1);
    expect(hi).toBeLessThan(7);
  });
  test('is not flattened by one that falls without end', () => {
    const [lo] = loss_range(panel([4, 2, 1], [4, -40, -1e30]), new Set(), false, { lo: -3, hi: 5 });
    expect(lo).toBeGreaterThan(-6);
  });
  test('begins logarithmic where no loss is negative', () => {
    expect(starts_logarithmic(panel([4, 2], [3, 0, NaN]))).toBe(true);
    expect(starts_logarithmic(panel([4, 2], [3, -1]))).toBe(false);
    expect(starts_logarithmic(panel([0, 0]))).toBe(false);
  });
  test('shows the racers that are not hidden', () => {
    const [, hi] = loss_range(panel([4, 2], [400, 200]), new Set(['r1']), false, { lo: 0, hi: 5 });
    expect(hi).toBeLessThan(7);
  });
  test('has positive ends for the logarithm, also where nothing is positive', () => {
    expect(loss_range(panel([4, 0, -1]), new Set(), true, { lo: 0, hi: 5 })[0]).toBeGreaterThan(0);
    expect(loss_range(panel([0, 0]), new Set(), true, { lo: 0, hi: 5 })).toEqual([0.1, 1]);
    expect(loss_range(panel([4, 1e-310, 5e-324]), new Set(), true, { lo: 0, hi: 5 })[0]).toBeGreaterThan(1e-17);
    expect(loss_range(panel([5e-324]), new Set(), true, { lo: 0, hi: 0 })[0]).toBeGreaterThan(0);
  });
});

test('the nearest racer is among those shown, up to the present step', () => {
  const bowl = page.panels[1];
  const track = bowl.tracks[2];
  const spot = { x: track.x[5], y: track.y[5] };
  expect(nearest_point(bowl, spot, 100, new Set())).toMatchObject({ track: { label: track.label }, step: 5 });
  expect(nearest_point(bowl, spot, 3, new Set())!.step).toBeLessThanOrEqual(3);
  expect(nearest_point(bowl, spot, 100, new Set([track.label]))!.track.label).not.toBe(track.label);
  expect(nearest_point(page.panels[3], { x: 0, y: 0 }, 100, new Set())).toBeNull();
});

test('captions are broken at spaces', () => {
  expect(wrapped('one two three\nfour', 8, (t) => t.length)).toEqual(['one two', 'three', 'four']);
  expect(wrapped('unbreakable', 3, (t) => t.length)).toEqual(['unbreakable']);
});
