import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { kBundle, page_html, race_page } from '../pages';

const bundle = readFileSync(kBundle, 'utf8');
const count = (text: string): number => bundle.split(text).length - 1;

test('the built page has each place that C++ fills exactly once', () => {
  expect(count('<script type="application/json" id="descent-data">null</script>')).toBe(1);
  expect(count('<title>descent</title>')).toBe(1);
});

test('the built page loads nothing', () => {
  const markup = bundle.replace(/<script[^]*?<\/script>/g, '');
  expect(markup).not.toMatch(/(src|href)\s*=\s*"(?!data:)/);
  expect(markup).not.toMatch(/@import|url\((?!["']?data:)/);
  expect(count('<script')).toBe(2);
});

test('the built page carries the licences of what is in it', () => {
  expect(bundle).toContain('three\n\nThe MIT License');
  expect(bundle).toContain('uplot\n\nThe MIT License');
  expect(bundle).toMatch(/Copyright . 2010-20\d\d three\.js authors/);
  expect(bundle).toContain('Leon Sorokin');
});

test('the pages stay small', () => {
  expect(bundle.length).toBeLessThan(650e3);
  expect(page_html(race_page(200)).length).toBeLessThan(1.2e6);
});
