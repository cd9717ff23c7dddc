/** The embedding example of the README is run as it stands there, but for ports and folder. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { freePorts } from '../../bin/free_ports';

const root = join(__dirname, '..', '..');

test('the embedding example prints what it says, and is as short as it claims', async () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const example = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  expect(example).toContain("from 'quorum-kv'");
  expect(example.trim().split('\n').length).toBeLessThanOrEqual(21);

  const ports = await freePorts('127.0.0.1', 3);
  const folder = mkdtempSync(join(tmpdir(), 'quorum-kv-readme-'));
  try {
    const library = JSON.stringify(join(root, 'dist', 'kv', 'kvstorage.js'));
    const source = ['7100', '7101', '7102'].reduce(
      (text, port, i) => text.replace(`:${port}`, `:${ports[i]}`),
      example.replace("'quorum-kv'", library),
    );
    const options = { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 };
    const file = join(folder, 'example.js');
    writeFileSync(file, ts.transpile(source, options));
    // The second time it finds what the first has left in its data folders.
    for (let run = 1; run <= 2; run++) {
      const printed = execFileSync(process.execPath, [file], { cwd: folder, encoding: 'utf8' });
      expect(printed).toBe("[ 'cat', 'dog', 'mouse' ]\n");
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
