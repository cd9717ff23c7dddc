/**
 * D10, looked for where it is broken and not where it does harm: a node acknowledges what it was
 * asked or handed only if it goes by the table of members that the asker went by. The harm (two nodes
 * that each drop a key because the other has said that it has it) needs two such answers to cross.
 */

import { decodeRecord } from '../../core/dynamo/journal';
import { MemberTable } from '../../core/dynamo/members';
import type { DynamoMessage } from '../../core/dynamo/messages';
import type { DynamoReply } from '../../core/dynamo/requests';
import type { NodeId } from '../../core/ids';
import type { Effect } from '../../core/protocol';
import { Violation } from '../violation';

type DynamoEffect = Effect<DynamoMessage, DynamoReply>;

interface Question {
  readonly table: number;
  readonly askedAt: number;
}

export class OfOneMind {
  /** By asker, receiver and number. */
  private readonly questions = new Map<string, Question>();
  /** The step in which a node went by a table the last time. */
  private readonly lastHeld = new Map<string, number>();
  private readonly tables = new Map<NodeId, number>();
  private steps = 0;

  constructor(private readonly replicas: number) {}

  /** Looks at what a node wants to say, and at the table that it has after the step. */
  observe(node: NodeId, table: number, effects: readonly DynamoEffect[]): void {
    this.steps++;
    // What came in before the news of this step was answered by the table from before it, or by one
    // that it had for a moment; each is written down.
    const before = this.tables.get(node) ?? table;
    for (const each of [before, ...tablesIn(effects, this.replicas), table]) {
      this.lastHeld.set(`${node} ${each}`, this.steps);
    }
    this.tables.set(node, table);
    for (const effect of effects) if (effect.kind === 'send') this.look(node, effect);
  }

  private look(node: NodeId, { to, message }: Extract<DynamoEffect, { kind: 'send' }>): void {
    switch (message.kind) {
      case 'compare':
      case 'push':
      case 'survey': {
        const { exchange, table } = message;
        this.questions.set(`${node} ${to} ${exchange}`, { table, askedAt: this.steps });
        return;
      }
      case 'compared':
      case 'pushed':
      case 'surveyed': {
        const question = this.questions.get(`${to} ${node} ${message.exchange}`);
        if (question === undefined) return;
        const held = this.lastHeld.get(`${node} ${question.table}`) ?? 0;
        if (held >= question.askedAt) return;
        const said = `${node} says ${message.kind} to ${to}, which has asked by another table`;
        throw new Violation('of one mind', said);
      }
      default:
        return;
    }
  }
}

function tablesIn(effects: readonly DynamoEffect[], replicas: number): number[] {
  const records = effects.flatMap((effect) => (effect.kind === 'persist' ? effect.records : []));
  return records.map(decodeRecord).flatMap((record) => {
    if (record.kind !== 'members') return [];
    const table = new MemberTable(replicas);
    table.merge(record.members);
    return [table.digest];
  });
}
