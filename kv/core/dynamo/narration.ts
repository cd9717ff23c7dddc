/** Messages in the words of the trace (`../trace.ts`). */

import type { DynamoMessage } from './messages';
import type { Versions } from './versions';

/** Numbers of operations, short enough to be read: they begin anew after each start. */
const short = (number: number): number => number % 2 ** 24;

const dots = (versions: Versions): string =>
  `[${versions.map(({ dot }) => `${dot.storage}.${dot.epoch}.${dot.counter}`).join(' ')}]`;

export function describe(message: DynamoMessage): string {
  switch (message.kind) {
    case 'store': {
      const { operation, key, versions, standsInFor } = message;
      const hint = standsInFor === undefined ? '' : ` for=${standsInFor}`;
      return `Store id=${short(operation)} ${key} ${dots(versions)}${hint}`;
    }
    case 'stored':
      return `Stored id=${short(message.operation)} ${message.result}`;
    case 'fetch':
      return `Fetch id=${short(message.operation)} ${message.key}`;
    case 'fetched':
      return `Fetched id=${short(message.operation)} ${dots(message.versions)}`;
    case 'ping':
      return 'Ping';
    case 'pong':
      return 'Pong';
    case 'join':
      return `Join ${message.member.name} version=${message.member.version}`;
    case 'members': {
      const list = message.members.map(
        ({ id, standing, version }) => `${id}:${standing}:${version}`,
      );
      return `Members ${list.join(' ')}`;
    }
    case 'root':
      return `Root ${message.digest.toString(16)}`;
    case 'branches':
      return 'Branches';
    case 'leaves':
      return `Leaves branch=${message.branch}`;
    case 'compare': {
      const { exchange, range, entries } = message;
      const where = range === undefined ? '' : ` partition=${range.partition}`;
      return `Compare id=${short(exchange)}${where} keys=${entries.length}`;
    }
    case 'compared': {
      const { exchange, wanted, extra } = message;
      return `Compared id=${short(exchange)} wanted=${wanted.length} extra=${extra}`;
    }
    case 'push':
      return `Push id=${short(message.exchange)} keys=${message.entries.map(({ key }) => key).join(',')}`;
    case 'pushed':
      return `Pushed id=${short(message.exchange)}`;
    case 'survey':
      return `Survey id=${short(message.exchange)} partitions=${message.partitions.length}`;
    case 'surveyed':
      return `Surveyed id=${short(message.exchange)} different=${message.different.length}`;
  }
}
