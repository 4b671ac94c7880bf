import { readFileSync } from 'node:fs';
import { defineConfig, type Plugin } from 'vite';

const licence = (name: string): string => {
  const text = readFileSync(new URL(`node_modules/${name}/LICENSE`, import.meta.url), 'utf8').trim();
  return `${name}\n\n${text}`;
};

/** Puts script and style into the page, which becomes viewer.html, with the licences of what is in it. */
function one_file(): Plugin {
  return {
    name: 'one-file',
    enforce: 'post',
    generateBundle(_, bundle) {
      let script = '';
      let style = '';
      for (const [file, part] of Object.entries(bundle)) {
        if (file.endsWith('.html')) continue;
        if (part.type === 'chunk') script += part.code;
        else style += part.source;
        delete bundle[file];
      }
      const page = bundle['index.html'];
      if (page?.type !== 'asset') throw new Error('one-file: no index.html in the bundle');
      const notices = `/*\nThis page contains:\n\n${['three', 'uplot'].map(licence).join('\n\n')}\n*/`;
      const safe = script.replace(/<\/script/gi, '<\\/script').replace(/<!--/g, '<\\!--');
      page.source = String(page.source)
        .replace(/\s*<(script|link)[^>]*(src|href)="\.?\/?assets\/[^>]*>(<\/script>)?/g, '')
        .replace('</head>', () => `  <style>${style}</style>\n  </head>`)
        .replace('</body>', () => `  <script type="module">${notices}\n${safe}</script>\n  </body>`);
      page.fileName = 'viewer.html';
    },
  };
}

/** Leaves the shaders of three's own materials out: all materials of this page bring theirs. */
function without_shader_library(): Plugin {
  return {
    name: 'without-shader-library',
    transform(code, id) {
      if (!id.endsWith('/three.module.js')) return undefined;
      let left_out = 0;
      const shorter = code.replace(/^((?:var|const) [\w$]*(?:vertex|fragment)[\w$]* = )".*";$/gm, (_, start: string) => (++left_out, `${start}"";`));
      if (left_out < 100) throw new Error(`without-shader-library: ${left_out} shaders found in three, must be at least 100`);
      return { code: shorter, map: null };
    },
  };
}

export default defineConfig({
  base: './',
  plugins: [without_shader_library(), one_file()],
  build: {
    target: 'es2022',
    outDir: 'dist',
    emptyOutDir: true,
    modulePreload: false,
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    reportCompressedSize: false,
  },
});
