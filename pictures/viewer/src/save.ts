// A panel as a PNG file: title, picture, legend and caption.

import { fate, type Page } from './data';
import { download, file_name } from './dom';
import { loss_at } from './legend';
import { css, kShapes, racer_look, trace_shape } from './palette';
import { type PanelView } from './panel_view';
import { live_number } from './scales';
import { type State } from './state';
import { type Theme } from './theme';

const kRatio = 2; // pixels of the file per pixel of the page
const kPad = 24;

/** The text in lines of at most `width` pixels, broken at spaces. */
export function wrapped(text: string, width: number, measure: (text: string) => number): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let line = '';
    for (const word of paragraph.split(' ')) {
      const longer = line === '' ? word : `${line} ${word}`;
      if (line !== '' && measure(longer) > width) {
        lines.push(line);
        line = word;
      } else {
        line = longer;
      }
    }
    lines.push(line);
  }
  return lines;
}

function context(width: number, height: number): CanvasRenderingContext2D {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [Math.round(width * kRatio), Math.round(height * kRatio)];
  const ctx = canvas.getContext('2d')!;
  ctx.scale(kRatio, kRatio);
  return ctx;
}

function draw_legend(ctx: CanvasRenderingContext2D, page: Page, index: number, state: State, theme: Theme, width: number, top: number): void {
  const tracks = page.panels[index].tracks.filter((t) => !state.hidden.has(t.label));
  const columns = legend_columns(width);
  tracks.forEach((track, k) => {
    const x = kPad + ((width - 2 * kPad) / columns) * (k % columns);
    const y = top + 20 * Math.floor(k / columns);
    const look = racer_look(track.racer, theme.dark);
    ctx.strokeStyle = ctx.fillStyle = css(look.color);
    ctx.lineWidth = 2;
    ctx.setLineDash(look.dash);
    ctx.beginPath();
    ctx.moveTo(x, y);
    ctx.lineTo(x + 30, y);
    ctx.stroke();
    ctx.setLineDash([]);
    trace_shape(ctx, kShapes[look.shape], x + 15, y, 4.6);
    ctx.fill();
    ctx.fillStyle = theme.ink;
    const flag = fate(track, state.step);
    ctx.fillText(`${track.label}  ${live_number(loss_at(track, state.step)).trim()}${flag === '' ? '' : `  (${flag})`}`, x + 38, y);
  });
}

const legend_columns = (width: number): number => Math.max(1, Math.floor((width - 2 * kPad) / 300));

export async function save_png(page: Page, view: PanelView, index: number, state: State, theme: Theme): Promise<void> {
  const panel = page.panels[index];
  const { clientWidth, clientHeight } = view.stage_element;
  const width = clientWidth + 2 * kPad;
  const picture = context(clientWidth, clientHeight);
  view.paint_for_file(picture, clientWidth, clientHeight, kRatio, theme);
  const small = `12px ${theme.font}`;
  picture.font = small;
  const shown = panel.tracks.filter((t) => !state.hidden.has(t.label)).length;
  const rows = Math.ceil(shown / legend_columns(width));
  const caption = panel.caption === '' ? [] : wrapped(panel.caption, clientWidth, (text) => picture.measureText(text).width);
  const head = 52;
  const ctx = context(width, head + clientHeight + 20 * rows + 17 * caption.length + kPad + 10);
  ctx.fillStyle = theme.paper;
  ctx.fillRect(0, 0, width, ctx.canvas.height);
  ctx.fillStyle = theme.ink;
  ctx.textBaseline = 'middle';
  ctx.font = `600 18px ${theme.font}`;
  ctx.fillText(panel.title, kPad, 30, clientWidth);
  if (panel.tracks.length > 0) {
    ctx.font = small;
    ctx.fillStyle = theme.soft;
    ctx.textAlign = 'right';
    ctx.fillText(`step ${Math.floor(state.step)} of ${page.steps}`, width - kPad, 30);
    ctx.textAlign = 'left';
  }
  ctx.drawImage(picture.canvas, kPad, head, clientWidth, clientHeight);
  ctx.font = small;
  draw_legend(ctx, page, index, state, theme, width, head + clientHeight + 14);
  ctx.fillStyle = theme.soft;
  caption.forEach((line, k) => ctx.fillText(line, kPad, head + clientHeight + 20 * rows + 17 * k + 18));
  const blob = await new Promise<Blob | null>((done) => ctx.canvas.toBlob(done, 'image/png'));
  if (blob) download(`${file_name(panel.title)}.png`, blob);
}
