// Elements with their texts: data reach the page as text only, never as markup.

type Attributes = Record<string, string | boolean | EventListener>;

/** A true boolean sets an empty attribute; "on..." with a function listens. */
export function element<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Attributes = {}, ...children: (Node | string)[]): HTMLElementTagNameMap[K] {
  const result = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') result.addEventListener(name.slice(2), value);
    else if (value !== false) result.setAttribute(name, value === true ? '' : value);
  }
  result.append(...children);
  return result;
}

const kSvg = 'http://www.w3.org/2000/svg';

export function svg(tag: string, attributes: Record<string, string>, ...children: Node[]): SVGElement {
  const result = document.createElementNS(kSvg, tag);
  for (const [name, value] of Object.entries(attributes)) result.setAttribute(name, value);
  result.append(...children);
  return result;
}

/** A button that is pressed or not, or for some of what it is about ("mixed"). */
export function set_pressed(button: HTMLElement, on: boolean | 'mixed'): void {
  button.setAttribute('aria-pressed', String(on));
}

export const reduced_motion = (): boolean => matchMedia('(prefers-reduced-motion: reduce)').matches;

/** Saves a file to the reader's downloads. */
export function download(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  element('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

/** A title as the name of a file. */
export const file_name = (title: string): string => title.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '') || 'descent';
