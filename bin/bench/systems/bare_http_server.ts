/** The process of the bare server; see `bare_http.ts`. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { jsonValue } from '../load/http_talk';
import { serveQuestions } from '../load/questions';

const HOST = '127.0.0.1';
let value = '';
let headers: string[] = [];

const server = createServer((req, res) => {
  req.on('data', () => undefined);
  req.on('end', () => {
    if (req.method === 'GET') res.writeHead(200, headers).end(value, 'latin1');
    else res.writeHead(204).end();
  });
});

serveQuestions({
  listen: () =>
    new Promise<number>((resolve) => {
      // The address of a server that listens on a port is a port and an address.
      server.listen(0, HOST, () => resolve((server.address() as AddressInfo).port));
    }),
  value: (valueBytes: number) => {
    value = jsonValue(valueBytes);
    headers = ['Content-Type', 'application/json', 'Content-Length', String(value.length)];
  },
});
