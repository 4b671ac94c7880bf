// The colours of pictures, from the style sheet: one text for the page and what is drawn on it.

import { hex, type Color } from './palette';

export type ThemeChoice = 'auto' | 'light' | 'dark';

export interface Theme {
  dark: boolean;
  paper: string;
  ink: string;
  soft: string; // for what is less important
  rule: string; // lines of the box
  floor: string;
  wall: string;
  halo: Color; // around trails and markers
  accent: string;
  font: string;
}

/** Applies the reader's choice to the page and reads its colours. */
export function apply_theme(choice: ThemeChoice): Theme {
  const root = document.documentElement;
  if (choice === 'auto') delete root.dataset['theme'];
  else root.dataset['theme'] = choice;
  const style = getComputedStyle(root);
  const variable = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    dark: variable('dark') === '1',
    paper: variable('paper'),
    ink: variable('ink'),
    soft: variable('soft'),
    rule: variable('rule'),
    floor: variable('floor'),
    wall: variable('wall'),
    halo: hex(variable('halo')),
    accent: variable('accent'),
    font: style.getPropertyValue('--sans').trim(),
  };
}
