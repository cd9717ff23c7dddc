/** What every transport must do, whatever carries it. Run by `transport.test.ts`. */

import type { NodeId } from '../../kv/core/ids';
import type { Transport } from '../../kv/runtime/transport';
import { type Note, note, Recorder } from '../runtime/peer_support';

/** Two nodes that know each other and a way to cut them off. */
export interface TransportWorld {
  readonly ids: readonly [NodeId, NodeId];
  /** A new transport of one of the two; used again after one was closed. */
  make(id: NodeId): Promise<Transport<Note>>;
  cut(): void;
  heal(): void;
  close(): Promise<void>;
}

interface End {
  readonly id: NodeId;
  readonly other: NodeId;
  readonly heard: Recorder;
  transport: Transport<Note>;
}

export function describeTransport(name: string, makeWorld: () => Promise<TransportWorld>): void {
  describe(`the conformance of ${name}`, () => {
    let world: TransportWorld;
    let a: End;
    let b: End;

    const open = async (id: NodeId, other: NodeId, heard = new Recorder()): Promise<End> => {
      const transport = await world.make(id);
      transport.listen(heard);
      return { id, other, heard, transport };
    };
    const linked = (end: End, up: boolean) =>
      end.heard.until(() => end.transport.connected(end.other) === up && lastLink(end) === up);
    const say = (end: End, ...numbers: number[]) => {
      for (const number of numbers) end.transport.send(end.other, 'control', note(number));
      end.transport.flush();
    };

    beforeEach(async () => {
      world = await makeWorld();
      a = await open(world.ids[0], world.ids[1]);
      b = await open(world.ids[1], world.ids[0]);
      await Promise.all([a.transport.start(), b.transport.start()]);
      await Promise.all([linked(a, true), linked(b, true)]);
    });

    afterEach(async () => {
      await Promise.all([a.transport.close(), b.transport.close()]);
      await world.close();
    });

    test('messages arrive, both ways, from whom they came', async () => {
      say(a, 1);
      say(b, 2);
      await b.heard.until(() => b.heard.messages.length === 1);
      await a.heard.until(() => a.heard.messages.length === 1);
      expect(b.heard.messages[0]).toEqual({ from: a.id, message: note(1) });
      expect(a.heard.messages[0]).toEqual({ from: b.id, message: note(2) });
    });

    test('nothing is delivered from within send and flush', async () => {
      say(a, 1);
      expect(b.heard.messages).toEqual([]);
      await b.heard.until(() => b.heard.messages.length === 1);
    });

    test('20,000 small messages of a lane arrive once and in order', async () => {
      const count = 20_000;
      for (let i = 0; i < count; i++) {
        a.transport.send(b.id, 'control', note(i));
        if (i % 100 === 99) a.transport.flush();
        if (i % 2000 === 1999) await b.heard.until(() => b.heard.messages.length > i - 2000);
      }
      await b.heard.until(() => b.heard.messages.length >= count);
      expect(b.heard.numbers(a.id)).toEqual(Array.from({ length: count }, (_, i) => i));
    });

    test('messages of 0 to 10 MiB arrive unchanged and in order on each lane', async () => {
      const sizes = [0, 1, 4095, 4096, 65_535, 65_536, 300_000, 10 * 1024 * 1024, 3];
      const loads = sizes.map((size, i) => new Uint8Array(size).fill(i + 1, Math.floor(size / 2)));
      loads.forEach((load, i) => {
        a.transport.send(b.id, 'bulk', note(i, load));
        a.transport.send(b.id, 'control', note(1000 + i));
      });
      a.transport.flush();
      await b.heard.until(() => b.heard.messages.length === 2 * sizes.length);
      const bulk = b.heard.messages.filter(({ message }) => message.number < 1000);
      expect(bulk.map(({ message }) => message.number)).toEqual(sizes.map((_, i) => i));
      for (const { message } of bulk) {
        expect(Buffer.compare(message.load, loads[message.number] as Uint8Array)).toBe(0);
      }
      const control = b.heard.numbers(a.id).filter((number) => number >= 1000);
      expect(control).toEqual(sizes.map((_, i) => 1000 + i));
    });

    test('what was received stays as it was, whatever comes later', async () => {
      say(a, ...Array.from({ length: 500 }, (_, i) => i));
      await b.heard.until(() => b.heard.messages.length === 500);
      const first = JSON.stringify(b.heard.messages);
      a.transport.send(b.id, 'control', note(9999, new Uint8Array(200_000).fill(255)));
      a.transport.flush();
      await b.heard.until(() => b.heard.messages.length === 501);
      expect(JSON.stringify(b.heard.messages.slice(0, 500))).toBe(first);
    });

    test('a message to a stranger is dropped and harms nobody', async () => {
      a.transport.send('nobody' as NodeId, 'control', note(1));
      expect(a.transport.connected('nobody' as NodeId)).toBe(false);
      say(a, 2);
      await b.heard.until(() => b.heard.messages.length === 1);
      expect(b.heard.numbers(a.id)).toEqual([2]);
    });

    test('a cut is reported by both, drops messages, and heals by itself', async () => {
      world.cut();
      await Promise.all([linked(a, false), linked(b, false)]);
      say(a, 1);
      world.heal();
      await Promise.all([linked(a, true), linked(b, true)]);
      say(a, 2);
      await b.heard.until(() => b.heard.numbers(a.id).includes(2));
      expect(b.heard.numbers(a.id)).toEqual([2]);
      for (const end of [a, b]) {
        const ups = end.heard.links.map(({ up }) => up);
        // Up is never reported twice in a row; down may be, once for each connection that was lost.
        expect(ups.every((up, i) => !up || up !== ups[i - 1])).toBe(true);
        const turns = ups.filter((up, i) => up !== ups[i - 1]);
        expect(turns.slice(0, 3)).toEqual([true, false, true]);
      }
    });

    test('a peer that closes is noticed, and found again when it is back', async () => {
      for (let round = 1; round <= 3; round++) {
        await b.transport.close();
        await linked(a, false);
        say(a, 100 + round);
        b = await open(b.id, a.id);
        await b.transport.start();
        await Promise.all([linked(a, true), linked(b, true)]);
        say(a, round);
        say(b, round);
        await b.heard.until(() => b.heard.messages.length === 1);
        await a.heard.until(() => a.heard.messages.length === round);
        expect(b.heard.numbers(a.id)).toEqual([round]);
      }
      expect(a.heard.numbers(b.id)).toEqual([1, 2, 3]);
    });

    test('nothing of an old connection is delivered after the link was up again', async () => {
      for (let round = 1; round <= 5; round++) {
        for (let i = 0; i < 200; i++) {
          a.transport.send(b.id, 'control', note(round, new Uint8Array(2000)));
          a.transport.send(b.id, 'bulk', note(round, new Uint8Array(20_000)));
        }
        a.transport.flush();
        world.cut();
        await Promise.all([linked(a, false), linked(b, false)]);
        world.heal();
        await Promise.all([linked(a, true), linked(b, true)]);
        const before = b.heard.messages.length;
        say(a, 1000 + round);
        await b.heard.until(() => b.heard.numbers(a.id).includes(1000 + round));
        expect(b.heard.numbers(a.id).slice(before)).toEqual([1000 + round]);
      }
    });

    test('after close nothing is called, and closing twice is fine', async () => {
      say(b, 1);
      await a.transport.close();
      await a.transport.close();
      const { messages, links } = a.heard;
      const before = [messages.length, links.length];
      expect(a.transport.connected(b.id)).toBe(false);
      say(a, 2);
      await linked(b, false);
      expect([messages.length, links.length]).toEqual(before);
      expect(b.heard.messages).toEqual([]);
    });
  });
}

const lastLink = (end: End): boolean | undefined => end.heard.links.at(-1)?.up;
