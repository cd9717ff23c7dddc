import { importProblems } from './import_law';
import { readSources } from './sources';

const planted = (path: string, text: string) => importProblems([{ path, text }]);

test('the project obeys the import law', () => {
  expect(importProblems(readSources('kv', 'bin'))).toEqual([]);
});

test.each([
  ['kv/core/ids.ts', `import { x } from './assert';`],
  ['kv/core/machine/sessions.ts', `import { x } from '../ids'; import { y } from './key_value';`],
  [
    'kv/core/raft/raft.ts',
    `import { x } from '../machine/state_machine'; import { y } from './log';`,
  ],
  ['kv/core/raft/deep/er.ts', `import { x } from '../log';`],
  ['kv/sim/timeline.ts', `import { x } from '../core/raft/raft';`],
  [
    'kv/sim_disk/journal_disk.ts',
    `import { x } from '../sim/disk'; import { y } from '../storage/journal';`,
  ],
  ['kv/storage/journal.ts', `import { x } from 'node:fs'; import type { y } from '../core/ids';`],
  ['kv/runtime/driver.ts', `import type { x } from '../storage/storage'; import y from 'winston';`],
  ['kv/runtime/metrics.ts', `import { x } from '@prometheus-io/client';`],
  ['kv/http/routes.ts', `import { x } from '../service'; import express from 'express';`],
  [
    'kv/kvstorage.ts',
    `import { x } from './core/raft/raft'; import { y } from './storage/journal';`,
  ],
  ['kv/kvstorage_http.ts', `import { x } from './kvstorage'; import { y } from './command_line';`],
  ['kv/command_line.ts', `import yargs from 'yargs/yargs'; import { x } from './config';`],
  ['kv/raft_service/node.ts', `import { x } from '../core/raft/raft'; import y from './status';`],
  ['bin/demo.ts', `import { x } from './cluster'; import { y } from '../kv/config';`],
  ['kv/sim/index.ts', `export { x } from './simulate'; export { y } from '../core/prng';`],
  ['bin/sim.ts', `import { x } from './sim_flags'; import { y } from '../kv/sim/simulate';`],
  ['bin/sim_run.ts', `import { x } from '../kv/sim_disk/journal_disk';`],
  ['bin/planted_bug_hunt.ts', `import { x } from '../kv/sim/simulate';`],
])('%s may import what the table says', (path, text) => {
  expect(planted(path, text)).toEqual([]);
});

test.each([
  ['kv/core/ids.ts', `import { x } from './raft/raft';`],
  ['kv/core/ids.ts', `import { readFileSync } from 'node:fs';`],
  ['kv/core/ids.ts', `import type { x } from '../service';`],
  ['kv/core/ids.ts', `export * from '../runtime/driver';`],
  ['kv/core/ids.ts', `type X = import('../service').X;`],
  ['kv/core/ids.ts', `import x = require('../service');`],
  ['kv/core/ids.ts', `const x = require('../service');`],
  ['kv/core/machine/key_value.ts', `import { x } from '../raft/raft';`],
  ['kv/core/raft/raft.ts', `import type { x } from '../dynamo/ring';`],
  ['kv/core/raft/raft.ts', `import { x } from '../raft_like/ring';`],
  ['kv/sim/timeline.ts', `import { x } from '../runtime/driver';`],
  ['kv/sim/timeline.ts', `import { x } from '../sim_disk/journal_disk';`],
  ['kv/sim_disk/journal_disk.ts', `import { x } from '../sim/timeline';`],
  ['kv/runtime/driver.ts', `import { x } from '../sim/timeline';`],
  ['kv/runtime/driver.ts', `import { x } from '../storage/journal';`],
  ['kv/runtime/driver.ts', `import type { x } from '../core/raft/raft';`],
  ['kv/runtime/driver.ts', `const x = await import('express');`],
  ['kv/storage/journal.ts', `import { x } from '../runtime/log';`],
  ['kv/storage/journal.ts', `import { x } from 'winston';`],
  ['kv/http/routes.ts', `import { x } from '../kvstorage';`],
  ['kv/http/routes.ts', `import { x } from 'express-extras';`],
  ['kv/raft_service/node.ts', `import { x } from '../core/dynamo/ring';`],
  ['kv/raft_service/node.ts', `import { x } from '../http/routes';`],
  ['kv/kvstorage.ts', `import { x } from './sim/timeline';`],
  ['kv/kvstorage.ts', `import { x } from './sim_disk/journal_disk';`],
  ['kv/kvstorage.ts', `import { x } from './http/routes';`],
  ['kv/kvstorage_http.ts', `import { x } from './core/raft/raft';`],
  ['bin/demo.ts', `import { x } from '../kv/runtime/clock';`],
  ['bin/demo.ts', `import { x } from '../kv/sim/simulate';`],
  ['bin/simple.ts', `import { x } from '../kv/sim/simulate';`],
  ['bin/sim.ts', `import { x } from '../kv/storage/journal';`],
])('%s must not: %s', (path, text) => {
  const problems = planted(path, text);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(/^[a-z_/]+\.ts:1: .* must not import .*; it may import /);
});

test('the message names the allowed direction', () => {
  expect(planted('kv/runtime/a.ts', `\nimport e from 'express';`)).toEqual([
    'kv/runtime/a.ts:2: runtime must not import express; it may import ' +
      'kv/runtime/**, kv/storage/storage, kv/core/*, node:, winston, @prometheus-io/client',
  ]);
});

test('a file that no row covers is a problem', () => {
  expect(planted('kv/elsewhere/a.ts', '')[0]).toMatch('belongs to no zone');
});

test('a cycle is found and named once; one through a type-only import is none', () => {
  const ring = (last: string) =>
    importProblems([
      { path: 'kv/core/a.ts', text: `import { b } from './b';` },
      { path: 'kv/core/b.ts', text: `import { c } from './c';` },
      { path: 'kv/core/c.ts', text: last },
    ]);
  expect(ring(`export { a } from './a';`)).toEqual([
    'a cycle of imports: kv/core/a → kv/core/b → kv/core/c → kv/core/a',
  ]);
  expect(ring(`import { type a } from './a';`)).toEqual([]);
  expect(ring(`import type { a } from './a';`)).toEqual([]);
  expect(ring(`import { type a, z } from './a';`)).toHaveLength(1);
});
