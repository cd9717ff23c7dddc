/** What the tests of transports share: a message, its codec, a recording listener and a log. */

import { ByteReader, ByteWriter, DecodeError } from '../../kv/core/bytes';
import type { NodeId } from '../../kv/core/ids';
import type { MessageCodec } from '../../kv/core/protocol';
import type { Log, LogFields } from '../../kv/runtime/log';
import type { TransportListener } from '../../kv/runtime/transport';

export interface Note {
  readonly number: number;
  readonly load: Uint8Array;
}

export const note = (number: number, load: Uint8Array = new Uint8Array(0)): Note => ({
  number,
  load,
});

const MARK = 0x4e;

/** Parts on purpose: a head and the load, which is not copied. */
export const NOTES: MessageCodec<Note> = {
  encode({ number, load }) {
    const head = new ByteWriter(16).u8(MARK).u48(number).u32(load.length).finish();
    return load.length === 0 ? [head] : [head, load];
  },
  decode(body) {
    const reader = new ByteReader(body);
    const mark = reader.u8();
    if (mark !== MARK) throw new DecodeError(`a note begins with ${MARK}, not with ${mark}`);
    const number = reader.u48();
    const load = reader.bytes();
    reader.end();
    return { number, load };
  },
};

/** Lets a test wait until something holds that is looked at whenever it may have changed. */
export class Lookout {
  private readonly waiting = new Set<() => void>();

  async until(condition: () => boolean): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve) => {
      const look = () => {
        if (!condition()) return;
        this.waiting.delete(look);
        resolve();
      };
      this.waiting.add(look);
    });
  }

  look(): void {
    for (const look of this.waiting) look();
  }
}

/** Records everything and lets a test wait for a condition over it. */
export class Recorder implements TransportListener<Note> {
  readonly messages: { readonly from: NodeId; readonly message: Note }[] = [];
  readonly links: { readonly peer: NodeId; readonly up: boolean }[] = [];
  private readonly lookout = new Lookout();

  message(from: NodeId, message: Note): void {
    this.messages.push({ from, message });
    this.lookout.look();
  }

  link(peer: NodeId, up: boolean): void {
    this.links.push({ peer, up });
    this.lookout.look();
  }

  /** The numbers of the notes of one peer, in order of arrival. */
  numbers(from: NodeId): number[] {
    return this.messages.filter((each) => each.from === from).map((each) => each.message.number);
  }

  /** Resolves when `condition` holds; it is looked at after every event. */
  until(condition: () => boolean): Promise<void> {
    return this.lookout.until(condition);
  }
}

export interface Line {
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: LogFields;
}

export function reasonOf({ fields: { reason } }: Line): string {
  return String(reason);
}

/** A log that keeps its lines and lets a test wait for one. */
export class MemoryLog implements Log {
  readonly lines: Line[] = [];
  private readonly lookout = new Lookout();

  info(message: string, fields: LogFields = {}): void {
    this.add({ level: 'info', message, fields });
  }

  warn(message: string, fields: LogFields = {}): void {
    this.add({ level: 'warn', message, fields });
  }

  error(message: string, fields: LogFields = {}): void {
    this.add({ level: 'error', message, fields });
  }

  get warnings(): Line[] {
    return this.lines.filter((line) => line.level === 'warn');
  }

  warned(reason: RegExp): Promise<void> {
    return this.lookout.until(() => this.warnings.some((line) => reason.test(reasonOf(line))));
  }

  private add(line: Line): void {
    this.lines.push(line);
    this.lookout.look();
  }
}
