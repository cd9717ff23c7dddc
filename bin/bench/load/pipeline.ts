/**
 * One connection that many clients share, each with one request under way, whose answers come in the
 * order of the requests: HTTP/1.1 (RFC 9112, section 9.3.2) and ZooKeeper's protocol allow it. What the
 * clients ask in one turn goes out in one write.
 */

import type { Operation } from '../workload';
import { LoadSocket } from './load_socket';
import type { Run } from './run';

/** So many of those who have their answer are kept before they are forgotten. */
const MOST_SERVED = 1024;

/** What is said on such a connection, and how the answers are told apart. */
export interface PipelineTalk {
  /** What is sent first on a new connection; the load begins when it has been answered. */
  readonly greeting: Buffer | undefined;
  /** What is sent before the connection is closed. */
  readonly farewell: Buffer | undefined;
  /** The bytes of a request; valid until the next one. */
  request(operation: Operation, key: number): Buffer;
  /** How many answers it brings. */
  answersTo(operation: Operation): number;
  /** Calls `answered` for each answer that ends in the first `size` bytes. */
  take(bytes: Buffer, size: number, answered: (complaint: string | undefined) => void): void;
}

/** Whoever waits for an answer, and how many come before it is whole. */
interface Waiting {
  answers: number;
  finish(complaint: string | undefined): void;
}

export class Pipeline {
  /** In the order of the requests; those before `first` have their answers. */
  private waiting: Waiting[] = [];
  private first = 0;
  /** What was wrong with the first answers of several. */
  private complaint: string | undefined;
  /** What goes out at the end of this turn. */
  private output: Buffer[] = [];
  private readonly socket: LoadSocket;

  constructor(
    readonly run: Run,
    private readonly port: number,
    private readonly talk: PipelineTalk,
  ) {
    this.socket = new LoadSocket(run, (bytes, size) => talk.take(bytes, size, this.answered));
  }

  /** Resolves when the connection stands and the greeting is answered. */
  connect(): Promise<void> {
    const { greeting } = this.talk;
    return this.socket.open(this.port, (ready) => {
      if (greeting === undefined) return ready();
      this.waiting.push({ answers: 1, finish: () => ready() });
      this.socket.write(greeting);
    });
  }

  close(): Promise<void> {
    return this.socket.close(this.talk.farewell);
  }

  /** Sends the request with this number of the run. */
  ask(client: Waiting, n: number): void {
    const { run, talk, output } = this;
    const operation = run.operationOf(n);
    client.answers = talk.answersTo(operation);
    this.waiting.push(client);
    if (output.length === 0) process.nextTick(() => this.flush());
    output.push(Buffer.from(talk.request(operation, run.keyOf(n))));
  }

  private flush(): void {
    const bytes = Buffer.concat(this.output);
    this.output = [];
    this.socket.write(bytes);
  }

  private readonly answered = (complaint: string | undefined): void => {
    const client = this.waiting[this.first];
    if (client === undefined) throw new Error('an answer that nobody asked for');
    client.answers -= 1;
    this.complaint ??= complaint;
    if (client.answers > 0) return;
    const first = this.complaint;
    this.complaint = undefined;
    this.first += 1;
    if (this.first === MOST_SERVED) {
      this.waiting = this.waiting.slice(this.first);
      this.first = 0;
    }
    client.finish(first);
  };
}

/** One client of a pipeline. */
export class PipelineClient implements Waiting {
  answers = 0;
  private sentAt = 0;

  constructor(private readonly pipeline: Pipeline) {}

  start(now: number): void {
    const n = this.pipeline.run.next(now);
    if (n < 0) return;
    this.sentAt = now;
    this.pipeline.ask(this, n);
  }

  finish(complaint: string | undefined): void {
    const now = performance.now();
    this.pipeline.run.done(now - this.sentAt, complaint);
    this.start(now);
  }
}
