/** What is said on connections that clients share: to our own service, and to ZooKeeper. */

import type { Operation } from '../workload';
import { complaintOf, HttpAnswer, KeysTalk } from './http_talk';
import { JuteFrames } from './jute_frames';
import type { PipelineTalk } from './pipeline';
import { CLOSE, CONNECT, complaintOfError, ZooKeeperTalk } from './zookeeper_talk';

type Answered = (complaint: string | undefined) => void;

export class KeysPipelineTalk implements PipelineTalk {
  readonly greeting = undefined;
  readonly farewell = undefined;
  private readonly keys: KeysTalk;
  private readonly answer = new HttpAnswer();

  constructor(valueBytes: number) {
    this.keys = new KeysTalk(valueBytes);
  }

  request(operation: Operation, key: number): Buffer {
    return this.keys.request(operation, key);
  }

  answersTo(): number {
    return 1;
  }

  take(bytes: Buffer, size: number, answered: Answered): void {
    let at = 0;
    while (at >= 0 && at < size) {
      at = this.answer.takeFirst(bytes, at, size);
      if (at >= 0) answered(complaintOf(this.answer, 0));
    }
  }
}

/** One session for several clients. */
export class ZooKeeperPipelineTalk implements PipelineTalk {
  readonly greeting = CONNECT;
  readonly farewell = CLOSE;
  private readonly requests: ZooKeeperTalk;
  private readonly frames = new JuteFrames();

  constructor(valueBytes: number, creates: boolean) {
    this.requests = new ZooKeeperTalk(valueBytes, creates);
    this.frames.hasHeader = false;
  }

  request(operation: Operation, key: number): Buffer {
    return this.requests.request(operation, key);
  }

  /** A linearizable read is two requests. */
  answersTo(operation: Operation): number {
    return operation === 'get' ? 2 : 1;
  }

  take(bytes: Buffer, size: number, answered: Answered): void {
    this.frames.take(bytes, size, (error) => {
      // The greeting is answered first, and everything else afterwards.
      this.frames.hasHeader = true;
      answered(complaintOfError(error));
    });
  }
}
