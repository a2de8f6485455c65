// Which fields a request may have, and which it must: read from the SDKs' own request models, so that the
// endpoint knows neither more nor less than they do.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { CloudError, invalidParameter, missingParameter } from './cloud-error.ts';

const require = createRequire(import.meta.url);

export type Params = Readonly<Record<string, unknown>>;

type ModelClass = { readonly names: () => Readonly<Record<string, string>>; readonly types: () => Readonly<Record<string, FieldType>> };
type FieldType = string | ModelClass | { readonly type: 'array'; readonly itemType: FieldType } | { readonly type: 'map' };

/** A request's model; `fields` by wire name, `required` in wire names. */
export type RequestModel = { readonly api: 'cs' | 'vpc'; readonly fields: ReadonlyMap<string, FieldType>; readonly required: readonly string[] };

const PACKAGES = { cs: '@alicloud/cs20151215', vpc: '@alicloud/vpc20160428' } as const;

/**
 * Loads one request model of an SDK: its file only, since the whole of VPC's takes 0.6 s.
 * What is required stands in the type declarations as "This parameter is required." above a field.
 * @param name the class; `file` the file's name where it differs in its letters' case
 */
export function requestModel(api: 'cs' | 'vpc', name: string, file = name): RequestModel {
  const path = `${PACKAGES[api]}/dist/models/${file}`;
  const model = (require(path) as Readonly<Record<string, ModelClass>>)[name];
  if (model === undefined) throw new Error(`${path} has no ${name}`);
  const names = model.names();
  const declaration = readFileSync(require.resolve(path).replace(/\.js$/, '.d.ts'), 'utf8');
  const ofClass = declaration.slice(declaration.indexOf(`class ${name} extends`));
  const required = [...ofClass.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s+(\w+)\?:/g)].flatMap(([, remark = '', field = '']) =>
    /^\s*\* This parameter is required\.\s*$/m.test(remark) ? [names[field]!] : [],
  );
  return { api, fields: fieldsOf(model), required };
}

/** Reads a JSON body by a model. @throws CloudError for a field that is unknown, of another type, or missing */
export function readBody(model: RequestModel, body: unknown): Params {
  const params = readFields(model.fields, body, '', readJson);
  return requireFields(model, params);
}

/** Reads a query by a model: numbers and truth values are text there, and the ROA style puts lists in as JSON. */
export function readQuery(model: RequestModel, query: URLSearchParams): Params {
  const given = [...query].map(([name, text]) => [name, readText(model.fields.get(name) ?? unknownField(name), text, name)] as const);
  return requireFields(model, Object.fromEntries(given));
}

/** Reads an RPC query by a model; lists are flat there (Tag.1.Key=a&Tag.1.Value=b). */
export function readFlat(model: RequestModel, query: URLSearchParams): Params {
  const tree: Tree = {};
  for (const [name, text] of query) {
    const path = name.split('.');
    let at = tree;
    for (const step of path.slice(0, -1)) {
      const below = (at[step] ??= {});
      if (typeof below === 'string') throw invalidParameter(name, 'it is given both plain and as a list');
      at = below;
    }
    at[path.at(-1)!] = text;
  }
  return requireFields(model, readFields(model.fields, tree, '', readTree));
}

type Tree = { [name: string]: string | Tree };
type Reader = (type: FieldType, value: unknown, path: string) => unknown;

function fieldsOf(model: ModelClass): ReadonlyMap<string, FieldType> {
  const types = model.types();
  return new Map(Object.entries(model.names()).map(([field, wire]) => [wire, types[field]!]));
}

function requireFields(model: RequestModel, params: Params): Params {
  const missing = model.required.find((name) => isEmpty(params[name]));
  if (missing !== undefined) throw missingParameter(model.api, missing);
  return params;
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0);
}

function readFields(fields: ReadonlyMap<string, FieldType>, value: unknown, path: string, read: Reader): Params {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalidParameter(path || 'body', 'an object is expected');
  return Object.fromEntries(
    Object.entries(value).map(([name, below]) => {
      const belowPath = path === '' ? name : `${path}.${name}`;
      return [name, read(fields.get(name) ?? unknownField(belowPath), below, belowPath)];
    }),
  );
}

function readJson(type: FieldType, value: unknown, path: string): unknown {
  if (value === null) return undefined;
  if (typeof type === 'string') {
    if ((type === 'string' || type === 'number' || type === 'boolean') && typeof value !== type)
      throw invalidParameter(path, `a ${type} is expected, not a ${typeof value}`);
    return value;
  }
  if (typeof type === 'function') return readFields(fieldsOf(type), value, path, readJson);
  if ('type' in type && type.type === 'map') return value;
  const { itemType } = type as { readonly itemType: FieldType };
  if (!Array.isArray(value)) throw invalidParameter(path, 'a list is expected');
  return value.map((item, index) => readJson(itemType, item, `${path}.${index + 1}`));
}

function readTree(type: FieldType, value: unknown, path: string): unknown {
  if (typeof type === 'function') return readFields(fieldsOf(type), value, path, readTree);
  if (typeof type !== 'string' && 'itemType' in type) {
    if (typeof value !== 'object' || value === null) throw invalidParameter(path, 'a list is expected');
    const entries = Object.entries(value);
    if (!entries.every(([index], at) => index === String(at + 1))) throw invalidParameter(path, 'its entries are not numbered from 1');
    return entries.map(([index, item]) => readTree(type.itemType, item, `${path}.${index}`));
  }
  if (typeof value !== 'string') throw invalidParameter(path, 'a plain value is expected');
  return readText(type, value, path);
}

function readText(type: FieldType, text: string, path: string): unknown {
  if (type === 'boolean') {
    if (text !== 'true' && text !== 'false') throw invalidParameter(path, 'true or false is expected');
    return text === 'true';
  }
  if (type === 'number') {
    if (!/^-?\d+(\.\d+)?$/.test(text)) throw invalidParameter(path, 'a number is expected');
    return Number(text);
  }
  if (typeof type === 'string') return text;
  try {
    return readJson(type, JSON.parse(text), path);
  } catch (error) {
    throw error instanceof CloudError ? error : invalidParameter(path, 'JSON is expected');
  }
}

function unknownField(path: string): never {
  throw new CloudError(400, 'InvalidParameter', `The parameter "${path}" is unknown: the SDK's request model has no such field.`);
}
