/** A child that is asked: what becomes of a question that is not answered. */

import { Worker } from '../../../bin/bench/worker';

/** Answers everything but `sleep`. */
const PROGRAM = `
  require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
    const [what, about] = JSON.parse(line);
    if (what === 'end') process.exit(3);
    if (what !== 'sleep') console.log(JSON.stringify({ answer: about }));
  });
`;

const start = (answerTimeoutMs?: number): Worker =>
  new Worker('the child', [process.execPath, '-e', PROGRAM], answerTimeoutMs);

test('answers, one at a time', async () => {
  const worker = start();
  const first = worker.ask('echo', [1]);
  await expect(worker.ask('echo', [2])).rejects.toThrow('the child is asked one thing at a time');
  await expect(first).resolves.toEqual([1]);
  await expect(worker.askForLong('echo', [3])).resolves.toEqual([3]);
  await worker.stop();
});

test('a child that ends answers nothing any more', async () => {
  const worker = start();
  await expect(worker.ask('end')).rejects.toThrow('the child ended: exit code 3');
  await expect(worker.ask('echo')).rejects.toThrow('the child ended: exit code 3');
  await worker.stop();
});

test('a child that does not answer in time is killed, and that is said', async () => {
  const worker = start(100);
  await expect(worker.ask('sleep')).rejects.toThrow("the child: no answer to 'sleep' in 100 ms");
  await expect(worker.ask('echo')).rejects.toThrow("the child: no answer to 'sleep' in 100 ms");
  await worker.stop();
});
