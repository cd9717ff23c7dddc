/** The flags of `kvstorage_http`: their names, what is said of them, and their defaults. */

import { LOG_FORMATS, LOG_LEVELS, PROTOCOLS } from './config';
import { ERROR_TIMES } from './config_log';
import {
  CONVERGENT_NUMBERS,
  DYNAMO_NUMBERS,
  LOG_NUMBERS,
  NODE_NUMBERS,
  type NumberSetting,
  RAFT_NUMBERS,
} from './config_numbers';

/** The suffixes of sizes. */
export const UNITS: Readonly<Record<string, number>> = {
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

export interface Flag {
  readonly name: string;
  readonly group: string;
  readonly help: string;
  readonly standard: string;
  /** It is given or not, and takes no value. */
  readonly isSwitch?: boolean;
}

export const kebab = (name: string): string =>
  name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** The protocol that flags of this group are for; undefined if they are for several. */
export const protocolOf = (group: string): string | undefined =>
  PROTOCOLS.find((protocol) => `${protocol}:` === group.toLowerCase());

const TEXT_FLAGS: readonly Flag[] = [
  textFlag('data-dir', 'Node:', 'folder of the journal and the snapshots', 'data/<http port>'),
  textFlag('http-host', 'Node:', 'address to bind for HTTP', '127.0.0.1'),
  textFlag('peer-host', 'Node:', 'address to bind for the peers', 'the host of <self>'),
  textFlag('log-level', 'Node:', `least level to log: ${LOG_LEVELS.join(', ')}`, 'info'),
  textFlag('log-format', 'Node:', `form of the log: ${LOG_FORMATS.join(', ')}`, 'text'),
  textFlag('protocol', 'Cluster:', `how to replicate: ${PROTOCOLS.join(', ')}`, PROTOCOLS[0]),
  textFlag('cluster-id', 'Cluster:', 'name that all nodes share', 'a hash of the members'),
  textFlag('node-name', 'Dynamo:', 'what the node is called in lists', '<self>'),
  textFlag('seed', 'Dynamo:', 'host:port of a member to join', 'begins a new group'),
  textFlag('peers', 'Convergent:', 'URLs of other replicas, with commas between', 'none'),
  textFlag('public-url', 'Node:', 'URL of convergent or log for its peers', 'its HTTP address'),
  textFlag('secondaries', 'Log:', 'URLs of all secondaries, with commas between', 'none'),
  textFlag('master', 'Log:', 'URL of the master, which makes this a secondary', 'is the master'),
  textFlag('error-rate', 'Log:', 'part of what a secondary is sent that fails, to try it', '0'),
  textFlag('error-when', 'Log:', `when it fails: ${ERROR_TIMES.join(', ')} the append`, 'before'),
  switchFlag('quorum-append', 'Log:', 'refuse appends without a majority of the nodes'),
  switchFlag('existing-log', 'Log:', 'with an empty disk: fill it, never begin a log alone'),
  switchFlag('allow-clear', 'Log:', 'let the log be cleared over HTTP'),
  textFlag('secret-file', 'Cluster:', 'file with the secret that all nodes share', 'no secret'),
];

export const FLAGS: readonly Flag[] = [
  ...TEXT_FLAGS,
  ...Object.entries(NODE_NUMBERS).map(([name, it]) => numberFlag(name, 'Node:', it)),
  ...Object.entries(RAFT_NUMBERS).map(([name, it]) => numberFlag(name, 'Raft:', it)),
  ...Object.entries(DYNAMO_NUMBERS).map(([name, it]) => numberFlag(name, 'Dynamo:', it)),
  ...Object.entries(CONVERGENT_NUMBERS).map(([name, it]) => numberFlag(name, 'Convergent:', it)),
  ...Object.entries(LOG_NUMBERS).map(([name, it]) => numberFlag(name, 'Log:', it)),
].filter(({ name }) => name !== 'http-port');

function textFlag(name: string, group: string, help: string, standard: string): Flag {
  return { name, group, help, standard };
}

function switchFlag(name: string, group: string, help: string): Flag {
  return { name, group, help, standard: 'off', isSwitch: true };
}

function numberFlag(name: string, group: string, setting: NumberSetting): Flag {
  const { help, standard, unit } = setting;
  return {
    ...{ name: kebab(name), group, help },
    standard:
      unit === 'bytes' ? sizeText(standard) : unit === 'ms' ? `${standard} ms` : `${standard}`,
  };
}

function sizeText(size: number): string {
  const unit = ['GiB', 'MiB', 'KiB'].find((one) => size > 0 && size % (UNITS[one] ?? 1) === 0);
  return unit ? `${size / (UNITS[unit] ?? 1)} ${unit}` : `${size} bytes`;
}
