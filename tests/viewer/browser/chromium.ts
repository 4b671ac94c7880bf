// Chromium for the tests: found on the PATH, a fresh profile, no network, every message kept.

import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { chromium, type BrowserContext, type BrowserContextOptions, type Page } from 'playwright-core';

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The program in CHROMIUM, else the first of the usual names on the PATH. */
export function find_chromium(): string {
  const given = process.env['CHROMIUM'];
  if (given) return given;
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const found = ['chromium', 'chromium-browser', 'google-chrome'].flatMap((name) => folders.map((folder) => join(folder, name))).find(executable);
  if (!found) throw new Error('no chromium, chromium-browser or google-chrome on the PATH; set CHROMIUM to one');
  return found;
}

export class Browser {
  readonly folder = mkdtempSync(join(tmpdir(), 'descent-viewer-')); // for pages; the profile lies within
  readonly messages: string[] = []; // errors and warnings of pages, and requests for anything but the page
  private constructor(private context: BrowserContext | null) {}

  static async open(options: BrowserContextOptions = {}): Promise<Browser> {
    const browser = new Browser(null);
    browser.context = await chromium.launchPersistentContext(join(browser.folder, 'profile'), {
      executablePath: find_chromium(),
      headless: true,
      offline: true,
      viewport: { width: 1280, height: 860 },
      acceptDownloads: true,
      args: [
        '--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--disable-quic', '--no-first-run',
        '--disable-background-networking', '--disable-component-update', '--disable-sync',
      ],
      ...options,
    });
    return browser;
  }

  /** A page of a file, complete with its first frame. */
  async page(url: string, prepare?: (page: Page) => Promise<void>): Promise<Page> {
    const page = await this.context!.newPage();
    page.on('console', (message) => ['error', 'warning'].includes(message.type()) && this.messages.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => this.messages.push(`exception: ${error.message}`));
    page.on('request', (request) => {
      if (!/^(file|data|blob):/.test(request.url())) this.messages.push(`request: ${request.url()}`);
    });
    await prepare?.(page);
    await page.goto(url);
    return page;
  }

  async close(): Promise<void> {
    await this.context?.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
