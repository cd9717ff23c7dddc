/**
 * The compose file and its Dockerfile, as texts: there is no Docker where these tests run. What the
 * containers would be started with is held to the scripts and the command line that they are for.
 */

import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { parseCommandLine } from '../../kv/command_line';
import type { NodeConfig } from '../../kv/config';
import { ROOT } from '../laws/sources';

interface Service {
  readonly build: { readonly context: string; readonly dockerfile: string };
  readonly command: readonly string[];
  readonly ports: readonly string[];
  readonly volumes: readonly string[];
}

const compose = parse(readFileSync(join(ROOT, 'docs', 'compose_log.yml'), 'utf8'), {
  merge: true,
}) as { services: Record<string, Service>; volumes: Record<string, unknown> };
const services = Object.entries(compose.services);

/** As the start scripts make it of their arguments. */
function configOf({ command }: Service): NodeConfig {
  const [script = '', port = '', ...rest] = command;
  const isMaster = script.includes('master');
  const flags = isMaster ? rest : ['--master', ...rest];
  const line = parseCommandLine([port, '--protocol', 'log', ...flags]);
  if (line.kind === 'exit') throw new Error(line.stderr);
  return line.config;
}

test('there are one master and two secondaries, which name each other as the network does', () => {
  const configs = new Map(services.map(([name, service]) => [name, configOf(service)]));
  const [master, ...others] = [...configs.values()].sort((a, b) => a.httpPort - b.httpPort);
  expect([...configs.keys()]).toEqual(['master', 'secondary1', 'secondary2']);
  for (const [name, config] of configs) {
    expect(config).toMatchObject({
      ...{ publicUrl: `http://${name}:${config.httpPort}`, httpHost: '0.0.0.0' },
      dataDir: '/data',
    });
  }
  expect(master?.messageLog.secondaries).toEqual(others.map(({ publicUrl }) => publicUrl));
  for (const { messageLog } of others) expect(messageLog.master).toBe(master?.publicUrl);
});

test.each(services)('%s runs a script of the project, on a volume of its own', (name, service) => {
  const { build, command, ports, volumes } = service;
  const script = join(ROOT, command[0] ?? '');
  accessSync(script, constants.X_OK);
  expect(ports).toEqual([`127.0.0.1:${command[1]}:${command[1]}`]);
  expect(volumes).toEqual([`${name}:/data`]);
  expect(Object.keys(compose.volumes)).toContain(name);
  expect(join(ROOT, 'docs', build.context)).toBe(ROOT);
  expect(existsSync(join(ROOT, build.dockerfile))).toBe(true);
});

test('the Dockerfile copies what is there, and uses a Node that the package allows', () => {
  const lines = readFileSync(join(ROOT, 'docs', 'Dockerfile'), 'utf8').split('\n');
  const copied = lines
    .filter((line) => line.startsWith('COPY '))
    .flatMap((line) => line.split(' ').slice(1, -1));
  expect(copied.length).toBeGreaterThan(4);
  for (const path of copied.filter((each) => !each.includes('*'))) {
    expect([path, existsSync(join(ROOT, path))]).toEqual([path, true]);
  }
  const version = /^FROM node:(\d+)/m.exec(lines.join('\n'))?.[1];
  expect(Number(version)).toBeGreaterThanOrEqual(20);
});
