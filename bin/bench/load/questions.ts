/**
 * The child's side of `worker.ts`: one line of JSON on standard input is a question, `[what, about]`,
 * and one line on standard output is its answer, `{"answer":…}` or `{"error":"…"}`. The child ends
 * with its input, so that it cannot outlive who asks.
 */

import { createInterface } from 'node:readline';

/** Each answers its own kind of question; what it is about was made by the parent's typed side. */
export type Answerers = Readonly<Record<string, (about: never) => unknown>>;

export function serveQuestions(answerers: Answerers): void {
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    void answerTo(line, answerers).then((answer) => process.stdout.write(`${answer}\n`));
  });
  lines.on('close', () => process.exit());
}

async function answerTo(line: string, answerers: Answerers): Promise<string> {
  try {
    const [what, about] = JSON.parse(line);
    const answerer = answerers[what];
    if (answerer === undefined) throw new Error(`there is no answer to '${what}'`);
    // What it is about is what the parent gave for this kind of question.
    return JSON.stringify({ answer: (await answerer(about as never)) ?? null });
  } catch (error) {
    return JSON.stringify({ error: error instanceof Error ? error.message : String(error) });
  }
}
