/** Runs tasks that end with a callback one after another, in the order in which they came. */

export type Task = (done: () => void) => void;

export class Serial {
  running = false;
  private readonly tasks: Task[] = [];

  /** `idle` is called whenever the last task has ended. */
  constructor(private readonly idle: () => void) {}

  add(task: Task): void {
    this.tasks.push(task);
    if (!this.running) this.next();
  }

  private next(): void {
    const task = this.tasks.shift();
    this.running = task !== undefined;
    if (task === undefined) this.idle();
    else task(() => this.next());
  }
}
