/**
 * A child process that is asked one question at a time: the load generator, an embedded node, a
 * node of PySyncObj. Questions and answers are lines of JSON, so that a child may be written in
 * anything; see `load/questions.ts` for their form.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

interface Pending {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

const LAST_WORDS = 500;
/** Whoever is asked has at most a process to start or connections to open. */
const ANSWER_TIMEOUT_MS = 60_000;

export class Worker {
  private readonly child: ChildProcess;
  private pending: Pending | undefined;
  private lastWords = '';
  private end: Error | undefined;
  private readonly ended: Promise<void>;

  constructor(
    readonly name: string,
    command: readonly string[],
    private readonly answerTimeoutMs = ANSWER_TIMEOUT_MS,
  ) {
    const [program = process.execPath, ...args] = command;
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.child = child;
    // A write to a child that has just ended: its end is told by `close`.
    child.stdin.on('error', () => undefined);
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.lastWords = (this.lastWords + text).slice(-LAST_WORDS);
    });
    createInterface({ input: child.stdout }).on('line', (line) => this.hear(line));
    child.on('error', (error) => this.fail(error.message));
    this.ended = new Promise((resolve) => {
      child.on('close', (code, signal) => {
        this.fail(`${signal ?? `exit code ${code}`} ${this.lastWords.trim()}`);
        resolve();
      });
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /**
   * Asks and waits for the answer; rejects with the child's error, or when it ends, or when it has
   * not answered for so long that it never will, and is killed.
   */
  async ask(what: string, about: unknown = null): Promise<unknown> {
    const { answerTimeoutMs } = this;
    const tooLate = setTimeout(() => {
      this.end ??= new Error(`${this.name}: no answer to '${what}' in ${answerTimeoutMs} ms`);
      this.kill();
    }, answerTimeoutMs);
    return this.askForLong(what, about).finally(() => clearTimeout(tooLate));
  }

  /** The same without a limit, for a load, which lasts as long as it is told to and watches itself. */
  async askForLong(what: string, about: unknown = null): Promise<unknown> {
    if (this.pending !== undefined) throw new Error(`${this.name} is asked one thing at a time`);
    if (this.end !== undefined) throw this.end;
    return new Promise((resolve, reject) => {
      this.pending = { resolve, reject };
      this.child.stdin?.write(`${JSON.stringify([what, about])}\n`);
    });
  }

  /** The end of its input tells it to end; resolves when it has. */
  async stop(): Promise<void> {
    this.child.stdin?.end();
    const tooLate = setTimeout(() => this.child.kill('SIGKILL'), 5000);
    await this.ended;
    clearTimeout(tooLate);
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }

  private hear(line: string): void {
    const { pending } = this;
    this.pending = undefined;
    const said: { readonly answer?: unknown; readonly error?: string } = JSON.parse(line);
    if (said.error === undefined) pending?.resolve(said.answer);
    else pending?.reject(new Error(`${this.name}: ${said.error}`));
  }

  private fail(why: string): void {
    const { pending } = this;
    this.pending = undefined;
    this.end ??= new Error(`${this.name} ended: ${why}`);
    pending?.reject(this.end);
  }
}
