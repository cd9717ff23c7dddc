/** Disks that break their word a little: whatever the protocol makes of it, the run says `recovery`. */

import { journalSequence } from '../../kv/core/ids';
import type { Recovered } from '../../kv/core/protocol';
import { DiskDamaged } from '../../kv/sim/disk';
import { ModelDisk } from '../../kv/sim/model_disk';
import { simulate } from '../../kv/sim/simulate';

const SEEDS = 6;

/** A disk whose starts, from the third on, do not give back what it held. */
class Forgetful extends ModelDisk {
  private starts = 0;

  constructor(
    private readonly change: (held: Recovered) => Recovered,
    ...args: ConstructorParameters<typeof ModelDisk>
  ) {
    super(...args);
  }

  override open(...args: Parameters<ModelDisk['open']>): Recovered {
    const held = super.open(...args);
    return ++this.starts < 3 ? held : this.change(held);
  }
}

const withoutLast = (held: Recovered): Recovered => ({
  ...held,
  records: [...held.records].slice(0, -1),
});

const withoutFirst = (held: Recovered): Recovered => {
  const [first, ...records] = held.records;
  if (first === undefined) return held;
  return { ...held, records, firstSequence: journalSequence(held.firstSequence + 1) };
};

const withAnotherByte = (held: Recovered): Recovered => {
  const records = [...held.records];
  const last = records.pop();
  if (last === undefined) return held;
  const payload = last.payload.slice();
  payload[payload.length - 1] = (payload.at(-1) ?? 0) ^ 1;
  return { ...held, records: [...records, { ...last, payload }] };
};

const withoutSnapshot = (held: Recovered): Recovered => ({ ...held, snapshot: undefined });

const refused = (): never => {
  throw new DiskDamaged('nothing is wrong with it');
};

test.each([
  ['the last record is gone', withoutLast, /had durable records up to \d+, and has them up to/],
  ['the first record is gone', withoutFirst, /needs its records from \d+, and has them from/],
  ['a byte is another', withAnotherByte, /has another record \d+ than it wrote/],
  ['the snapshot is gone', withoutSnapshot, /had saved the snapshot .*, and has undefined/],
  ['a sound disk is refused', refused, /refuses a disk that nothing has harmed/],
])('%s', (_, change, message) => {
  const violations = Array.from({ length: SEEDS }, (_, i) =>
    simulate({ seed: i + 1, disk: (id, prng) => new Forgetful(change, id, prng) }),
  ).flatMap(({ violation }) => (violation === undefined ? [] : [violation]));
  expect(violations.map(({ message }) => message)).toContainEqual(expect.stringMatching(message));
  expect(new Set(violations.map(({ checker }) => checker))).toEqual(new Set(['recovery']));
});
