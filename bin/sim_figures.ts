/**
 * `npm run sim:figures`: two figures of the convergent system that do not depend on the machine, from
 * the core of production in simulated time. They take a minute, so no test computes them.
 */

import { afterPartition, underLoss } from '../kv/sim/convergent/figures';

function main(): void {
  const cut = afterPartition(100_000, 100);
  const percent = ((100 * cut.bytes) / cut.stateBytes).toFixed(2);
  say(
    `two replicas, ${cut.keys} equal keys and ${cut.different} different ones after a partition:`,
  );
  say(`  ${cut.bytes} bytes in ${cut.messages} messages until they were equal`);
  say(`  the whole state is ${cut.stateBytes} bytes: ${percent} % of it`);
  const lossy = underLoss(10, 10_000, 20);
  const kinds = Object.entries(lossy.byKind).map(([kind, count]) => `${count} ${kind}`);
  say(`${lossy.replicas} replicas, ${lossy.updates} updates, ${lossy.lossPercent} % loss:`);
  say(`  ${lossy.messages} messages (${kinds.join(', ')}), ${lossy.bytes} bytes`);
  say(`  equal ${lossy.equalAfterMs} simulated ms after the last update`);
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

main();
