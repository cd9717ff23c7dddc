/** The page on the convergent system is true: its example compiles for a user, and prints what it says. */

import { runExample } from './example';

test('the example of embedding prints what it says, on other ports', async () => {
  const { problems, printed, promised } = await runExample('convergent.md', [7301, 7302]);
  expect(problems).toEqual([]);
  expect(printed).toBe(promised);
});
