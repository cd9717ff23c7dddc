/** `api_description.yml` as the tests read it, and what it means for an answer to be described. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv from 'ajv';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';
import type { RawResponse } from './raw_client';

export interface Described {
  readonly $ref?: string;
  readonly required?: boolean;
  readonly schema?: object;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
}
export interface Parameter extends Described {
  readonly name: string;
  readonly in: string;
}
interface ResponseObject {
  readonly $ref?: string;
  readonly headers?: Readonly<Record<string, Described>>;
  readonly content?: Readonly<Record<string, Described>>;
}
interface Operation {
  readonly parameters?: readonly Parameter[];
  readonly responses: Readonly<Record<string, ResponseObject>>;
}
interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

export const METHODS = ['get', 'head', 'post', 'delete', 'options', 'put', 'patch', 'trace'];
const FILE = join(__dirname, '..', '..', 'api_description.yml');
export const TEXT = readFileSync(FILE, 'utf8');
export const DESCRIPTION = parse(TEXT) as Description;
export const ajv = addFormats(new Ajv({ strict: false, coerceTypes: false }));
ajv.addSchema(DESCRIPTION, 'api');
/** Headers and parameters are text, whatever type they are described with. */
const ajvOfText = new Ajv({ strict: false, coerceTypes: true });

export function resolve<T extends { readonly $ref?: string }>(item: T): T {
  if (item.$ref === undefined) return item;
  let found: unknown = DESCRIPTION;
  for (const name of item.$ref.slice(2).split('/')) {
    found = (found as Readonly<Record<string, unknown>>)[name];
  }
  if (found === undefined) throw new Error(`${item.$ref} is not there`);
  return found as T;
}

export function expectValid(schema: object, value: unknown): void {
  const inDescription = JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"api#/')) as object;
  const validate = ajv.compile(inDescription);
  validate(value);
  expect(validate.errors ?? []).toEqual([]);
}

/** Every operation: its path, its method, and what is described of it. */
export const OPERATIONS = Object.entries(DESCRIPTION.paths).flatMap(([path, item]) =>
  METHODS.flatMap((method) => {
    const operation = item[method];
    return operation === undefined ? [] : [{ path, method, operation }];
  }),
);

/** Holds one answer to its DESCRIPTION, body and headers; returns the status it is under. */
export function expectDescribed(path: string, method: string, answer: RawResponse): string {
  const { responses } = OPERATIONS.find((each) => each.path === path && each.method === method)
    ?.operation ?? { responses: {} };
  const status = String(answer.status) in responses ? String(answer.status) : 'default';
  const where = `${method} ${path} ${answer.status}`;
  expect({ where, statuses: Object.keys(responses) }).toEqual({
    where,
    statuses: expect.arrayContaining([status]) as string[],
  });
  const response = resolve(responses[status] as ResponseObject);
  expectHeaders(where, response.headers ?? {}, answer.headers);
  const contents = Object.entries(response.content ?? {});
  if (contents.length === 0) {
    expect({ where, body: answer.body }).toEqual({ where, body: '' });
  } else {
    const [type, content] = contents[0] as [string, Described];
    const contentType = answer.headers['content-type'] ?? '';
    expect({ where, type: contentType.split(';')[0] }).toEqual({ where, type });
    const value = type === 'application/json' ? (JSON.parse(answer.body) as unknown) : answer.body;
    expectValid(content.schema ?? {}, value);
  }
  return status;
}

/** Headers that HTTP itself defines for every answer, and ours that are on every answer. */
const EVERYWHERE =
  /^(date|connection|keep-alive|content-type|content-length|transfer-encoding|cache-control|x-content-type-options)$/;

function expectHeaders(
  where: string,
  described: Readonly<Record<string, Described>>,
  sent: Readonly<Record<string, string>>,
): void {
  const own = Object.keys(sent).filter((name) => !EVERYWHERE.test(name));
  const names = Object.keys(described).map((name) => name.toLowerCase());
  expect({ where, undescribed: own.filter((name) => !names.includes(name)) }).toEqual({
    where,
    undescribed: [],
  });
  for (const [name, item] of Object.entries(described)) {
    const header = resolve(item);
    const value = sent[name.toLowerCase()];
    if (header.required === true)
      expect({ where, [name]: value }).not.toHaveProperty(name, undefined);
    if (value !== undefined) {
      const fits = ajvOfText.validate({ properties: { value: header.schema } }, { value });
      expect({ where, name, value, fits }).toEqual({ where, name, value, fits: true });
    }
  }
}
