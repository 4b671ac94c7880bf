// The dialog that says what mouse, fingers and keys do.

import { element } from './dom';

const kTexts: [string, string][] = [
  ['drag, or arrow keys on a panel', 'turn'],
  ['wheel or pinch, or + and \u2212', 'zoom; on a page of several panels click a panel first'],
  ['shift and drag', 'move the picture'],
  ['r, or double-click', 'back to the first view'],
  ['t', 'from the top: a map'],
  ['l', 'linear or logarithmic; on a page of several panels all of them'],
  ['f', 'the panel alone, on the whole screen'],
  ['space', 'play or pause'],
  [', and .', 'one step back, one step on'],
  ['a racer in the legend', 'click: hide or show; double-click, or shift and Enter: alone'],
  ['ends of the colour bar', 'drag: clip the values; double-click: all of them'],
  ['the chart of losses', 'click or drag: go to that step'],
  ['?', 'this help'],
];

const kNotes =
  'A way runs straight between two points and along the surface; behind the surface it is faint. Values beyond the ends of the colour bar ' +
  "are drawn at the end's height and colour. A racer that leaves the surface stays at its edge as a hollow marker; one that diverges " +
  'stays crossed out at its last finite point.';

export function help_dialog(): HTMLDialogElement {
  const list = element('dl', {});
  for (const [what, does] of kTexts) list.append(element('dt', {}, what), element('dd', {}, does));
  const dialog = element('dialog', { class: 'help', 'aria-label': 'Help' }, list, element('p', {}, kNotes));
  dialog.append(element('button', { onclick: () => dialog.close() }, 'close'));
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
  return dialog;
}
