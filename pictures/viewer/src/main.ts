import './style.css';
import { Detail } from './detail';
import { DataError, plain_json, read_page, type Page } from './data';
import { download, element, file_name, reduced_motion } from './dom';
import { Curves } from './curves';
import { help_dialog } from './help';
import { listen_to_keys } from './keys';
import { Legend } from './legend';
import { PanelView } from './panel_view';
import { save_png } from './save';
import { Stage } from './stage';
import { first_state, from_hash, own_log_of, ranges_of, Store, to_hash } from './state';
import { Tables } from './table';
import { apply_theme } from './theme';
import { advanced, Timeline } from './timeline';
import { Toolbar } from './toolbar';

const kNoWebGL = 'This browser shows no WebGL2, so the surfaces are still pictures; the losses and the table work as usual.';

function show(page: Page): void {
  const ranges = ranges_of(page);
  const first = first_state(page);
  const store = new Store(from_hash(location.hash, first, page));
  const race = page.racers.length > 0;
  let theme = apply_theme(store.state.theme);
  let ratio = Math.min(2, devicePixelRatio);
  let stale = true; // legend, chart, table and bars
  let wanted = false;
  let last = 0;
  const detail = new Detail(() => repaint());

  const wake = (): void => {
    if (wanted) return;
    wanted = true;
    requestAnimationFrame(frame);
  };
  const repaint = (): void => {
    stale = true;
    views.forEach((view) => view.invalidate());
    wake();
  };

  const stage = Stage.create(repaint);
  const views: PanelView[] = page.panels.map((panel, k) => new PanelView(panel, k, ranges[k], store, stage, wake, page.panels.length === 1, panel_actions(k)));

  function panel_actions(k: number): HTMLElement {
    if (!stage) return element('span', {});
    return element(
      'span',
      { class: 'actions' },
      element('button', { title: 'Save as PNG', onclick: () => void save_png(page, views[k], k, store.state, theme).then(repaint) }, 'save PNG'),
      element('button', { title: 'Whole screen (f)', onclick: () => full_screen(k) }, 'full screen'),
    );
  }

  /** Whole screen, or at least the whole window where that is not allowed. */
  function full_screen(k: number): void {
    const panel = views[k].element;
    if (document.fullscreenElement) return void document.exitFullscreen();
    if (panel.classList.toggle('whole')) document.documentElement.requestFullscreen?.().catch(() => undefined);
  }
  document.addEventListener('fullscreenchange', () => {
    if (!document.fullscreenElement) views.forEach((view) => view.element.classList.remove('whole'));
  });

  const notice = element('p', { class: 'notice', role: 'status' });
  function say(text: string): void {
    notice.textContent = text;
    notice.classList.add('shown');
    setTimeout(() => notice.classList.remove('shown'), 2500);
  }

  async function copy_view(): Promise<void> {
    history.replaceState(null, '', to_hash(store.state, first, page));
    try {
      await navigator.clipboard.writeText(location.href);
      say('The address of this view is copied.');
    } catch {
      say('The address line now holds this view.');
    }
  }

  const reach = (): PanelView[] => (store.state.linked ? [views[store.state.selected]] : views);
  const own_log = own_log_of(page, ranges);
  const help = help_dialog();
  const actions = {
    preset: (name: string) => reach().forEach((view) => view.preset(name)),
    reset: () => reach().forEach((view) => view.reset()),
    top: () => reach().forEach((view) => view.preset('top')),
    full_screen: () => full_screen(store.state.selected),
    copy_view: () => void copy_view(),
    save_data: () => download(`${file_name(page.title)}.json`, new Blob([plain_json(page)], { type: 'application/json' })),
    toggle_log: () => {
      const log = !(store.state.log_height ?? own_log);
      store.set({ log_height: log, log_color: log });
    },
    toggle_theme: () => store.set({ theme: theme.dark ? 'light' : 'dark' }),
    help: () => (help.open ? help.close() : help.showModal()),
  };

  const has_log = ranges.some((r) => r.log !== null);
  const toolbar = new Toolbar(store, actions, { scene: stage !== null, racers: race, log: has_log, own_log, several: page.panels.length > 1 });
  const legend = new Legend(page, store);
  const curves = new Curves(page, ranges, store);
  const timeline = new Timeline(page, store);
  const tables = new Tables(page, () => store.state);
  const several = page.panels.length > 1;
  const update_bars = (): void => {
    const { state } = store;
    toolbar.update(state);
    tables.update(state);
    if (several && race) views.forEach((view, k) => view.element.classList.toggle('selected', k === state.selected));
    if (!race) return;
    legend.update(state, theme.dark);
    curves.update(state, theme);
    timeline.update(state);
  };

  function frame(now: number): void {
    wanted = false;
    const seconds = Math.min(0.25, (now - last) / 1000);
    const coarse = detail.coarse_now(now);
    last = now;
    if (store.state.playing) store.set(advanced(store.state, page.steps, seconds));
    let more = store.state.playing;
    for (const view of views) more = view.frame(now, store.state, theme, ratio, coarse) || more;
    if (stale) {
      stale = false;
      update_bars();
    }
    if (more) wake();
  }

  store.listen((state, only) => {
    stale = true;
    if (state.playing && !wanted) last = performance.now();
    if (only === undefined) repaint();
    else views[only].invalidate();
  });
  const retheme = (): void => {
    theme = apply_theme(store.state.theme);
    repaint();
  };
  let choice = store.state.theme;
  store.listen((state) => {
    if (state.theme === choice) return;
    choice = state.theme;
    retheme();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', retheme);
  addEventListener('resize', () => ((ratio = Math.min(2, devicePixelRatio)), repaint()));
  addEventListener('hashchange', () => store.set(from_hash(location.hash, first, page)));

  const header = element('header', { class: 'page' }, element('h1', {}, page.title), element('p', { class: 'caption' }, page.caption));
  if (!stage) header.append(element('p', { class: 'note', role: 'status' }, kNoWebGL));
  const panels = element('div', { class: 'panels' }, ...views.map((view) => view.element));
  const body = element('div', { class: 'body' }, panels);
  if (race) body.append(element('aside', {}, legend.element, curves.element));
  document.body.classList.toggle('race', race);
  document.body.classList.toggle('single', !several);
  document.body.replaceChildren(header, toolbar.element, body, tables.element, help, notice);
  if (race) document.body.append(timeline.element);
  listen_to_keys(page, store, actions);
  if (race && page.steps > 0 && location.hash.length < 2 && !reduced_motion()) store.set({ playing: true, step: 0 });
  update_bars();
  wake();
}

try {
  show(read_page(document.getElementById('descent-data')?.textContent ?? 'null'));
} catch (error) {
  if (!(error instanceof DataError)) throw error;
  document.body.replaceChildren(element('p', { class: 'broken', role: 'alert' }, `This page cannot be shown: ${error.message}.`));
}
