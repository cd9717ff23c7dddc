/**
 * Who may import whom. The table is the architecture: the pure core knows nobody, a protocol knows
 * no sibling, and only the composition root knows concrete classes. Imports of types count too,
 * because knowing a name is knowing; only for cycles they do not, because they vanish when compiled.
 */

import { posix } from 'node:path';
import ts from 'typescript';
import { parse, place, type SourceText, walk } from './sources';

interface Zone {
  readonly name: string;
  /** Which files belong to it. The first zone that matches is the file's. */
  readonly files: RegExp;
  /** Project files that it may import: `*` is one name, `**` a path, `<p>` the same protocol. */
  readonly mayImport: readonly string[];
  /** Packages; `node:` stands for all modules of Node. */
  readonly packages: readonly string[];
}

const WORDS = 'kv/core/*';
const MACHINE = 'kv/core/machine/**';
const STORAGE = 'kv/storage/storage';
const METRICS = '@prometheus-io/client';

/** What the composition root puts together: all but sim, http and the protocols of others. */
const PARTS = [
  ...['kv/core/<p>/**', MACHINE, WORDS, 'kv/runtime/**', 'kv/storage/**'],
  ...['kv/service', 'kv/config', 'kv/version'],
];

/** The law. Read a row as: these files may import those files and packages, and nothing else. */
export const ZONES: readonly Zone[] = [
  zone('core words', WORDS, [WORDS], []),
  zone('core/machine', MACHINE, [MACHINE, WORDS], []),
  zone('core/<protocol>', 'kv/core/<p>/**', ['kv/core/<p>/**', MACHINE, WORDS], []),
  zone('sim library', 'kv/sim', ['kv/sim/**', 'kv/core/**'], []),
  zone('sim', 'kv/sim/**', ['kv/sim/**', 'kv/core/**'], []),
  zone(
    'sim_disk',
    'kv/sim_disk/**',
    ['kv/sim_disk/**', 'kv/sim/disk', 'kv/storage/**', WORDS],
    ['node:'],
  ),
  zone('storage', 'kv/storage/**', ['kv/storage/**', WORDS], ['node:']),
  zone(
    'runtime',
    'kv/runtime/**',
    ['kv/runtime/**', STORAGE, WORDS],
    ['node:', 'winston', METRICS],
  ),
  zone('http', 'kv/http/**', ['kv/http/**', 'kv/service', WORDS], ['node:', 'express']),
  zone('client', 'kv/client/**', ['kv/client/**', WORDS], ['node:', 'axios']),
  zone('dashboard', 'kv/dashboard/**', ['kv/dashboard/**', 'kv/core/**'], []),
  zone('service', 'kv/service', [WORDS], []),
  zone(
    'config',
    'kv/config',
    [
      ...['kv/config_numbers', 'kv/config_checks', 'kv/config_urls', 'kv/config_log'],
      'kv/runtime/peer_options',
      WORDS,
    ],
    ['node:'],
  ),
  zone('config checks', 'kv/config_checks', ['kv/config_numbers'], []),
  zone(
    'config of URLs',
    'kv/config_urls',
    ['kv/config_checks', 'kv/runtime/peer_url', WORDS],
    ['node:'],
  ),
  zone(
    'config of the log',
    'kv/config_log',
    ['kv/config_numbers', 'kv/config_checks', 'kv/config_urls'],
    [],
  ),
  zone('config numbers', 'kv/config_numbers', [], []),
  zone(
    'command_line',
    'kv/command_*',
    ['kv/command_flags', 'kv/config', 'kv/config_*', 'kv/version', WORDS],
    ['node:', 'yargs'],
  ),
  zone('version', 'kv/version', [], []),
  zone('<protocol>_service', 'kv/<p>_service/**', ['kv/<p>_service/**', ...PARTS], ['node:']),
  zone('embedding', 'kv/embedding', [WORDS], []),
  zone(
    'options of kvstorage',
    'kv/kvstorage_options',
    ['kv/embedding', 'kv/service', MACHINE, WORDS],
    [],
  ),
  zone(
    '<protocol>_storage',
    'kv/<p>_storage',
    ['kv/<p>_service/**', 'kv/embedding', ...PARTS],
    ['node:'],
  ),
  zone(
    'kvstorage',
    'kv/kvstorage',
    ['kv/raft_service/**', 'kv/embedding', 'kv/kvstorage_options', 'kv/*_storage', ...PARTS],
    ['node:'],
  ),
  zone(
    'kvstorage_http',
    'kv/kvstorage_http',
    [
      ...['kv/kvstorage', 'kv/http/**', 'kv/runtime/**', 'kv/config', 'kv/command_line'],
      ...['dynamo', 'convergent', 'log'].map((one) => `kv/${one}_service/${one}_service`),
      ...['kv/service', 'kv/version', WORDS],
    ],
    ['node:', 'express'],
  ),
  // The programs about the simulator, and what plants bugs into the program, which compiles.
  ...['bin/sim', 'bin/sim_*', 'bin/planted_bug*'].map((files) =>
    zone(
      'bin of the simulator',
      files,
      ['bin/**', 'kv/sim/**', 'kv/sim_disk/**'],
      ['node:', 'yargs'],
    ),
  ),
  zone('bin/mutated_copy', 'bin/mutated_copy', [], ['node:', 'typescript']),
  zone('bin', 'bin/**', ['bin/**', 'kv/*', 'kv/client/**'], ['node:', 'axios', 'yargs']),
];

function zone(
  name: string,
  files: string,
  mayImport: readonly string[],
  packages: readonly string[],
): Zone {
  return { name, files: pattern(files), mayImport, packages };
}

/** The pattern of the table as a regular expression; the name of the protocol is its group. */
function pattern(glob: string, protocol = '([^/]+)'): RegExp {
  const source = glob
    .replace('<p>', protocol)
    .replace(/\*\*?/g, (stars) => (stars === '*' ? '[^/]+' : '.+'));
  return new RegExp(`^${source}$`);
}

/** Every import against the law, and every cycle, each as one readable line. */
export function importProblems(sources: readonly SourceText[]): string[] {
  const imports = sources.flatMap(importsOf);
  return [
    ...sources.filter((source) => !zoneOf(source.path)).map(homeless),
    ...imports.flatMap(directionProblem),
    ...cycles(imports.filter((one) => !one.typeOnly)),
  ];
}

interface Import {
  readonly from: string;
  /** A project file without its ending, or the name of a package. */
  readonly to: string;
  readonly isFile: boolean;
  readonly typeOnly: boolean;
  readonly place: string;
}

const withoutEnding = (path: string): string =>
  path.replace(/\.[jt]s$/, '').replace(/\/index$/, '');
const zoneOf = (path: string): Zone | undefined =>
  ZONES.find((zone) => zone.files.test(withoutEnding(path)));
const homeless = (source: SourceText): string =>
  `${source.path} belongs to no zone: add a row for it to the table in tests/laws/import_law.ts`;

function importsOf(source: SourceText): Import[] {
  const file = parse(source);
  const found: Import[] = [];
  walk(file, (node) => {
    const name = importedName(node);
    if (name === undefined) return;
    const isFile = name.startsWith('.');
    const from = withoutEnding(source.path);
    const to = isFile ? withoutEnding(posix.join(posix.dirname(source.path), name)) : name;
    found.push({ from, to, isFile, typeOnly: isTypeOnly(node), place: place(file, node) });
  });
  return found;
}

/** What a node imports, in any of the ways in which TypeScript can say it. */
function importedName(node: ts.Node): string | undefined {
  let name: ts.Node | undefined;
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) name = node.moduleSpecifier;
  else if (ts.isExternalModuleReference(node)) name = node.expression;
  else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
    name = node.argument.literal;
  else if (
    ts.isCallExpression(node) &&
    /^(import|require|require\.resolve)$/.test(node.expression.getText())
  )
    name = node.arguments[0];
  return name && ts.isStringLiteralLike(name) ? name.text : undefined;
}

function isTypeOnly(node: ts.Node): boolean {
  if (ts.isImportTypeNode(node)) return true;
  if (ts.isExportDeclaration(node)) return node.isTypeOnly;
  if (!ts.isImportDeclaration(node) || !node.importClause) return false;
  const clause = node.importClause;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const names = clause.namedBindings;
  return (
    !clause.name &&
    names !== undefined &&
    ts.isNamedImports(names) &&
    names.elements.length > 0 &&
    names.elements.every((one) => one.isTypeOnly)
  );
}

function directionProblem(one: Import): string[] {
  const zone = zoneOf(one.from);
  if (!zone || isAllowed(zone, one)) return [];
  const allowed = [...zone.mayImport, ...zone.packages].join(', ');
  return [`${one.place}: ${zone.name} must not import ${one.to}; it may import ${allowed}`];
}

function isAllowed(zone: Zone, one: Import): boolean {
  if (!one.isFile) {
    return zone.packages.includes(one.to.startsWith('node:') ? 'node:' : packageName(one.to));
  }
  const protocol = zone.files.exec(one.from)?.[1];
  return zone.mayImport.some((glob) => pattern(glob, protocol).test(one.to));
}

/** `yargs` of `yargs/helpers`, `@scope/name` of `@scope/name/deep`. */
const packageName = (specifier: string): string =>
  specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');

/** Each file is entered once; an import of a file that is still open closes a cycle. */
function cycles(imports: readonly Import[]): string[] {
  const targets = new Map<string, string[]>();
  for (const { from, to, isFile } of imports)
    if (isFile) targets.set(from, [...(targets.get(from) ?? []), to]);
  const found: string[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const enter = (file: string, path: readonly string[]): void => {
    const trail = [...path, file];
    if (state.get(file) === 'open')
      found.push(`a cycle of imports: ${trail.slice(trail.indexOf(file)).join(' → ')}`);
    if (state.has(file)) return;
    state.set(file, 'open');
    for (const target of targets.get(file) ?? []) enter(target, trail);
    state.set(file, 'done');
  };
  for (const file of targets.keys()) enter(file, []);
  return found;
}
