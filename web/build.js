// Bundles src/app.js and all that it needs into one file: `node build.js [FILE]`. The same sources give the same bytes.
import { readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = dirname(fileURLToPath(import.meta.url))
const target = process.argv[2] ?? join(here, '../src/strata/mesh/page/static/app.js')

const { outputFiles } = await build({
  absWorkingDir: here,
  entryPoints: ['src/app.js'],
  bundle: true,
  minify: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  charset: 'ascii',
  legalComments: 'eof',
  define: { 'process.env.NODE_DEBUG': 'undefined', 'process.env.DUMP_SESSION_KEYS': 'undefined' },
  write: false
})
await writeFile(target, outputFiles[0].contents)
console.log(`${target}: ${outputFiles[0].contents.length} bytes`)
