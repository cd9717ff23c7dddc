/** The description of an interface as the tests read it, and what it means for an answer to be described. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv from 'ajv';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';
import { ask, type RawResponse, request } from './raw_client';

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
/** Headers and parameters are text, whatever type they are described with. */
const ajvOfText = new Ajv({ strict: false, coerceTypes: true });

export class ApiDescription {
  readonly text: string;
  readonly paths: Description['paths'];
  /** Everything that is described, to be walked through. */
  readonly whole: object;
  readonly ajv = addFormats(new Ajv({ strict: false, coerceTypes: false }));

  constructor(file: string) {
    this.text = readFileSync(join(__dirname, '..', '..', file), 'utf8');
    const whole = parse(this.text) as Description;
    this.whole = whole;
    this.paths = whole.paths;
    this.ajv.addSchema(whole, 'api');
  }

  /** Every operation: its path, its method, and what is described of it. */
  get operations(): { path: string; method: string; operation: Operation }[] {
    return Object.entries(this.paths).flatMap(([path, item]) =>
      METHODS.flatMap((method) => {
        const operation = item[method];
        return operation === undefined ? [] : [{ path, method, operation }];
      }),
    );
  }

  resolve<T extends { readonly $ref?: string }>(item: T): T {
    if (item.$ref === undefined) return item;
    let found: unknown = this.whole;
    for (const name of item.$ref.slice(2).split('/')) {
      found = (found as Readonly<Record<string, unknown>>)[name];
    }
    if (found === undefined) throw new Error(`${item.$ref} is not there`);
    return found as T;
  }

  expectValid(schema: object, value: unknown): void {
    const inDescription = JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"api#/')) as object;
    const validate = this.ajv.compile(inDescription);
    validate(value);
    expect(validate.errors ?? []).toEqual([]);
  }

  /** Holds one answer to its description, body and headers; returns the status it is under. */
  expectDescribed(path: string, method: string, answer: RawResponse): string {
    const { responses } = this.operations.find(
      (each) => each.path === path && each.method === method,
    )?.operation ?? { responses: {} };
    const status = String(answer.status) in responses ? String(answer.status) : 'default';
    const where = `${method} ${path} ${answer.status}`;
    expect({ where, statuses: Object.keys(responses) }).toEqual({
      where,
      statuses: expect.arrayContaining([status]) as string[],
    });
    const response = this.resolve(responses[status] as ResponseObject);
    this.expectHeaders(where, response.headers ?? {}, answer.headers);
    const contents = Object.entries(response.content ?? {});
    if (contents.length === 0) {
      expect({ where, body: answer.body }).toEqual({ where, body: '' });
    } else {
      const [type, content] = contents[0] as [string, Described];
      const contentType = answer.headers['content-type'] ?? '';
      expect({ where, type: contentType.split(';')[0] }).toEqual({ where, type });
      const isJson = type === 'application/json';
      const value = isJson ? (JSON.parse(answer.body) as unknown) : answer.body;
      this.expectValid(content.schema ?? {}, value);
    }
    return status;
  }

  /** Every example fits its schema; how many there are. */
  expectExamplesFit(): number {
    let examples = 0;
    const visit = (item: unknown): void => {
      if (typeof item !== 'object' || item === null) return;
      const { schema, example, examples: named } = item as Described;
      const values = Object.values(named ?? {}).map((each) => each.value);
      if (schema !== undefined && example !== undefined) values.push(example);
      for (const value of values) {
        examples++;
        this.expectValid(schema ?? {}, value);
      }
      for (const child of Object.values(item)) visit(child);
    };
    visit(this.whole);
    return examples;
  }

  private expectHeaders(
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
      const header = this.resolve(item);
      const value = sent[name.toLowerCase()];
      if (header.required === true)
        expect({ where, [name]: value }).not.toHaveProperty(name, undefined);
      if (value !== undefined) {
        const fits = ajvOfText.validate({ properties: { value: header.schema } }, { value });
        expect({ where, name, value, fits }).toEqual({ where, name, value, fits: true });
      }
    }
  }
}

/** Headers that HTTP itself defines for every answer, and ours that are on every answer. */
const EVERYWHERE =
  /^(date|connection|keep-alive|content-type|content-length|transfer-encoding|cache-control|x-content-type-options)$/;

/** The routes are those of the index, and the methods those of Allow; others are refused with 405. */
export async function expectRoutesDescribed(
  description: ApiDescription,
  port: number,
): Promise<void> {
  const index = JSON.parse((await ask(port, request('GET', '/'))).body) as {
    routes: Record<string, string>;
  };
  expect(Object.keys(index.routes).sort()).toEqual(Object.keys(description.paths).sort());
  for (const [path, item] of Object.entries(description.paths)) {
    const { headers } = await ask(port, request('OPTIONS', path));
    const described = METHODS.filter((method) => method in item);
    expect(headers.allow?.toLowerCase().split(', ').sort()).toEqual(described.sort());
    for (const method of METHODS.filter((one) => !(one in item))) {
      const answer = await ask(port, request(method.toUpperCase(), path));
      expect([method, path, answer.status]).toEqual([method, path, 405]);
      if (answer.body === '') continue;
      description.expectValid({ $ref: '#/components/schemas/Error' }, JSON.parse(answer.body));
    }
  }
}

/** Whether a request breaks off or overflows: it is answered with a body, whatever its method was. */
export function isBroken(send: string): boolean {
  return send.length > 40_000 || !send.includes('\r\n\r\n');
}
