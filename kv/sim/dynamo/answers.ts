/** Whether the answer to a read can be true: values, metadata and merges belong together. */

import type { DynamoReply } from '../../core/dynamo/requests';
import { Violation } from '../violation';
import { textOf, type Write } from './true_history';

type Values = Extract<DynamoReply, { kind: 'values' }>;

/** Returns the texts of the values. `writeOf` finds the write that a part of metadata stands for. */
export function checkAnswer(
  key: string,
  { values, metadata }: Values,
  writeOf: (part: string) => Write,
): string[] {
  if (values.length !== metadata.length) {
    fail('answers', `${key} has not as many values as strings`);
  }
  const texts = values.map((value) => textOf({ value }));
  const writes = metadata.map((one) => one.split(',').map(writeOf));
  writes.forEach((parts, i) => {
    const expected = parts.length === 1 ? parts[0]?.value : unionOf(parts);
    if (texts[i] === expected) return;
    fail('answers', `${key} is ${texts[i]}, its metadata says ${expected}`);
  });
  const all = writes.flat();
  for (const one of all) {
    const seen = all.find((other) => one.ancestors.has(other));
    if (seen) fail('false siblings', `${key} has ${seen.value} beside ${one.value}`);
  }
  return texts;
}

/** The union of carts, found in another way than the core does. */
function unionOf(parts: readonly Write[]): string {
  const items: string[] = [];
  for (const { value } of parts) {
    for (const item of value.slice(1, -1).split(',')) if (!items.includes(item)) items.push(item);
  }
  return `"${items.sort().join(',')}"`;
}

function fail(checker: string, message: string): never {
  throw new Violation(checker, message);
}
