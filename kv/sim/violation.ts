/** What a checker throws: a rule of the system was broken in this run. */

export class Violation extends Error {
  override readonly name = 'Violation';

  constructor(
    /** The checker that found it, in one or two words: `linearizability`, `election safety`. */
    readonly checker: string,
    message: string,
    /** What was thrown, where something was: its stack differs between machines, the message not. */
    override readonly cause?: unknown,
  ) {
    super(`${checker}: ${message}`);
  }
}
