// Keys that work anywhere on the page, except where something is typed or chosen.

import { type Page } from './data';
import { stepped, toggled_play } from './timeline';
import { type Store } from './state';

export interface KeyActions {
  reset: () => void;
  top: () => void;
  full_screen: () => void;
  toggle_log: () => void;
  help: () => void;
}

export function listen_to_keys(page: Page, store: Store, actions: KeyActions): void {
  const race = page.steps > 0;
  const keys: Record<string, () => void> = {
    r: actions.reset,
    t: actions.top,
    f: actions.full_screen,
    '?': actions.help,
    l: actions.toggle_log,
  };
  if (race) {
    keys[' '] = () => store.set(toggled_play(store.state, page.steps));
    keys[','] = () => store.set(stepped(store.state, page.steps, -1));
    keys['.'] = () => store.set(stepped(store.state, page.steps, 1));
  }
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
    const target = event.target as HTMLElement;
    if (target.closest('select')) return;
    if (event.key === ' ' && target.closest('button, summary')) return; // presses it
    const action = keys[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
}
