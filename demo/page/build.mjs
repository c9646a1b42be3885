// Bundles the page into dist/: no file of it comes from another host.
import { build } from 'esbuild';
import { cp, mkdir, rm } from 'node:fs/promises';

const here = new URL('./', import.meta.url).pathname;

await rm(`${here}dist`, { recursive: true, force: true });
await mkdir(`${here}dist`, { recursive: true });
await build({
  entryPoints: [`${here}src/main.js`],
  outfile: `${here}dist/main.js`,
  bundle: true,
  format: 'esm',
  minify: true,
  target: 'es2022',
  legalComments: 'linked',
  logLevel: 'warning',
});
for (const file of ['index.html', 'style.css', 'icon.svg']) {
  await cp(`${here}src/${file}`, `${here}dist/${file}`);
}
