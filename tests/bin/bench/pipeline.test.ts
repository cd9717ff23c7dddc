/** Connections that clients share: every client gets the answer to its own request, in order. */

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Client } from '../../../bin/bench/load/client';
import type { LoadOrder } from '../../../bin/bench/load/load_order';
import { Pipeline, PipelineClient } from '../../../bin/bench/load/pipeline';
import { KeysPipelineTalk, ZooKeeperPipelineTalk } from '../../../bin/bench/load/pipeline_talks';
import { Run } from '../../../bin/bench/load/run';
import { CONNECT, packet, ZooKeeperTalk } from '../../../bin/bench/load/zookeeper_talk';

const DONE = 'HTTP/1.1 204 No Content\r\nX-Quorum-Index: 7\r\n\r\n';
const VALUE = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"abc"';
const REFUSED = 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\n{}';

test('answers of HTTP are told one by one, in however many pieces they come', () => {
  const text = DONE + VALUE + REFUSED + DONE;
  for (let cut = 1; cut < text.length; cut++) {
    const talk = new KeysPipelineTalk(5);
    const complaints: (string | undefined)[] = [];
    const input = Buffer.alloc(1000);
    for (const piece of [text.slice(0, cut), text.slice(cut)]) {
      talk.take(input, input.write(piece, 'latin1'), (complaint) => complaints.push(complaint));
    }
    expect(complaints.map((complaint) => complaint?.slice(9, 12))).toEqual([
      ...[undefined, undefined, '503', undefined],
    ]);
  }
});

/** A frame of ZooKeeper's: xid, transaction, code of error, body. */
function frame(error: number, body: number): Buffer {
  const head = Buffer.alloc(16);
  head.writeInt32BE(error, 12);
  return packet(head, Buffer.alloc(body));
}

test("answers of ZooKeeper's are told one by one, in however many pieces they come", () => {
  const bytes = Buffer.concat([
    packet(Buffer.alloc(37)),
    frame(0, 21),
    frame(-101, 0),
    frame(0, 9),
  ]);
  for (let cut = 1; cut < bytes.length; cut++) {
    const talk = new ZooKeeperPipelineTalk(5, false);
    const complaints: (string | undefined)[] = [];
    const input = Buffer.alloc(1000);
    for (const piece of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
      talk.take(input, piece.copy(input), (complaint) => complaints.push(complaint));
    }
    expect([cut, complaints]).toEqual([cut, [undefined, undefined, 'error -101', undefined]]);
  }
});

const ORDER: Omit<LoadOrder, 'ports' | 'protocol' | 'workload'> = {
  ...{ clients: 3, keys: 10, valueBytes: 5, requests: 3000 },
};

/** Runs three clients over one connection to a server that gets whatever arrives. */
async function load(
  workload: LoadOrder['workload'],
  protocol: 'http' | 'zookeeper',
  serve: (socket: Socket) => void,
) {
  const server = createServer({ noDelay: true }, serve).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const run = new Run({ ...ORDER, workload, protocol, ports: [port] });
  const talk = protocol === 'http' ? new KeysPipelineTalk(5) : new ZooKeeperPipelineTalk(5, false);
  const pipeline = new Pipeline(run, port, talk);
  try {
    await pipeline.connect();
    return await run.go(Array.from({ length: 3 }, () => new PipelineClient(pipeline)));
  } finally {
    await pipeline.close();
    server.close();
  }
}

const REQUEST = /GET \/keys\/key(\d+) HTTP\/1\.1\r\nHost: bench\r\n\r\n/g;

test('three clients have three requests under way on one connection', async () => {
  let most = 0;
  const result = await load('get', 'http', (socket) => {
    socket.on('data', (bytes) => {
      const asked = [...bytes.toString().matchAll(REQUEST)].length;
      most = Math.max(most, asked);
      socket.write(VALUE.repeat(asked));
    });
  });
  expect(most).toBe(3);
  expect([result.operations, result.errors]).toEqual([3000, 0]);
});

test('a refusal is counted, and the others go on', async () => {
  let answers = 0;
  const result = await load('get', 'http', (socket) => {
    socket.on('data', (bytes) => {
      for (const _ of bytes.toString().matchAll(REQUEST)) {
        answers += 1;
        socket.write(answers % 100 === 0 ? REFUSED : VALUE);
      }
    });
  });
  expect([result.operations, result.errors]).toEqual([2970, 30]);
  expect(result.firstError).toMatch('503');
});

test('a linearizable read of ZooKeeper is whole with its second answer', async () => {
  let frames = 0;
  const result = await load('get', 'zookeeper', (socket) => {
    socket.once('data', (greeting) => {
      expect(greeting.equals(CONNECT)).toBe(true);
      socket.write(packet(Buffer.alloc(37)));
      let unread = Buffer.alloc(0);
      socket.on('data', (bytes) => {
        unread = Buffer.concat([unread, bytes]);
        while (unread.length >= 4 && unread.length >= 4 + unread.readInt32BE(0)) {
          unread = unread.subarray(4 + unread.readInt32BE(0));
          frames += 1;
          // The sync of every tenth read fails, and the read behind it does not.
          socket.write(frame(frames % 20 === 1 ? -4 : 0, 9));
        }
      });
    });
  });
  // Two for each read, and the farewell.
  expect(frames).toBe(6001);
  expect([result.operations, result.errors, result.firstError]).toEqual([2700, 300, 'error -4']);
});

test('a connection that breaks before its greeting is answered is no connection', async () => {
  const broken = load('get', 'zookeeper', (socket) => {
    socket.once('data', () => socket.destroy());
  });
  await expect(broken).rejects.toThrow('a connection was closed');
});

test('a client pings when it has waited for long, and goes on', async () => {
  let pings = 0;
  const server = createServer({ noDelay: true }, (socket) => {
    socket.once('data', () => {
      socket.write(packet(Buffer.alloc(37)));
      // The first request of all gets no answer until anything else comes.
      socket.once('data', () => {
        socket.once('data', () => {
          pings += 1;
          socket.write(Buffer.concat([frame(0, 9), frame(0, 0)]));
          socket.on('data', () => socket.write(frame(0, 9)));
        });
      });
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const order = {
    ...ORDER,
    clients: 1,
    requests: 5,
    workload: 'put',
    protocol: 'zookeeper',
  } as const;
  const run = new Run({ ...order, ports: [port] });
  const client = new Client(run, new ZooKeeperTalk(5, false));
  await client.connect(port);
  const result = await run.go([client]);
  await client.close();
  server.close();
  expect([pings, result.operations, result.errors]).toEqual([1, 5, 0]);
});

test('a connection that breaks ends the run', async () => {
  const broken = load('get', 'http', (socket) => {
    socket.once('data', () => socket.destroy());
  });
  await expect(broken).rejects.toThrow('a connection was closed');
});
