/** The page on the leaderless system is true: its example compiles for a user, and prints what it says. */

import { runExample } from './example';

test('the example of embedding prints what it says, on other ports', async () => {
  const { problems, printed, promised } = await runExample('dynamo.md', [7201, 7202]);
  expect(problems).toEqual([]);
  expect(printed).toBe(promised);
});
