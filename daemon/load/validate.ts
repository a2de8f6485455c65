/**
 * The shape of documents: JSON Schema errors as diagnostics with their line.
 *
 * Door: ajv and ajv-formats. A schema is compiled when its first document comes.
 */
import { Ajv } from 'ajv';
import type { ErrorObject, ValidateFunction } from 'ajv';
import formats from 'ajv-formats';
import application from '../../schemas/application.schema.json' with { type: 'json' };
import approval from '../../schemas/approval.schema.json' with { type: 'json' };
import componentDefinition from '../../schemas/component-definition.schema.json' with { type: 'json' };
import config from '../../schemas/config.schema.json' with { type: 'json' };
import initializer from '../../schemas/initializer.schema.json' with { type: 'json' };
import parts from '../../schemas/parts.schema.json' with { type: 'json' };
import policyDefinition from '../../schemas/policy-definition.schema.json' with { type: 'json' };
import policy from '../../schemas/policy.schema.json' with { type: 'json' };
import status from '../../schemas/status.schema.json' with { type: 'json' };
import traitDefinition from '../../schemas/trait-definition.schema.json' with { type: 'json' };
import workflowStepDefinition from '../../schemas/workflow-step-definition.schema.json' with { type: 'json' };
import workflow from '../../schemas/workflow.schema.json' with { type: 'json' };
import workloadDefinition from '../../schemas/workload-definition.schema.json' with { type: 'json' };
import { isRecord, pathOf } from '../lib/json.ts';
import { didYouMeanHint, listed } from '../lib/text.ts';
import type { Locate } from '../model/catalog.ts';
import type { Diagnostic } from '../model/fault.ts';

const SCHEMAS = [
  application,
  approval,
  componentDefinition,
  config,
  initializer,
  parts,
  policyDefinition,
  policy,
  status,
  traitDefinition,
  workflowStepDefinition,
  workflow,
  workloadDefinition,
];
const BASE = parts.$id.slice(0, -'parts.schema.json'.length);
/** One document with a thousand mistakes is told of by its first. */
const DIAGNOSTICS_MAX = 20;

let ajv: Ajv | undefined;

function compiled(schema: string): ValidateFunction {
  if (ajv === undefined) {
    ajv = new Ajv({ allErrors: true, verbose: true, allowUnionTypes: true });
    formats.default(ajv, ['date-time']);
    ajv.addSchema(SCHEMAS);
  }
  const validator = ajv.getSchema(`${BASE}${schema}`);
  if (validator === undefined) throw new Error(`there is no schema ${schema}`);
  return validator;
}

/**
 * The mistakes of `value` against a file of schemas/ (`application.schema.json`, `parts.schema.json#/definitions/metadata`).
 * `at` is the value's own path in the document that `locate` knows. Codes: load/schema.
 */
export function validate(schema: string, value: unknown, locate: Locate, at: readonly (string | number)[] = []): Diagnostic[] {
  const validator = compiled(schema);
  if (validator(value)) return [];
  const errors = validator.errors ?? [];
  // A value of the wrong type fails its enum or pattern too: once is enough.
  const mistyped = new Set(errors.filter((error) => error.keyword === 'type').map((error) => error.instancePath));
  const telling = errors.filter((error) => error.keyword === 'type' || !mistyped.has(error.instancePath));
  return telling.slice(0, DIAGNOSTICS_MAX).map((error) => diagnosticOf(error, locate, at));
}

function diagnosticOf(error: ErrorObject, locate: Locate, at: readonly (string | number)[]): Diagnostic {
  const path = [...at, ...pathOf(error.instancePath)];
  const field = fieldText(path);
  const { message, hint, path: place = path, part = 'value' } = explain(error, field, path);
  return { code: 'load/schema', severity: 'error', message, origin: locate(place, part), ...(hint === undefined ? {} : { hint }) };
}

interface Explanation {
  readonly message: string;
  readonly hint?: string | undefined;
  readonly path?: readonly (string | number)[];
  readonly part?: 'key' | 'value';
}

function explain(error: ErrorObject, field: string, path: readonly (string | number)[]): Explanation {
  const params = error.params as Record<string, unknown>;
  switch (error.keyword) {
    case 'additionalProperties': {
      const key = String(params['additionalProperty']);
      const known = Object.keys(isRecord(error.parentSchema?.['properties']) ? error.parentSchema['properties'] : {});
      return {
        message: `unknown field "${key}" in ${field}`,
        hint: didYouMeanHint(key, known) ?? `Its fields are ${listed(known, 12)}.`,
        path: [...path, key],
        part: 'key',
      };
    }
    case 'required':
      return { message: `${field} has no "${String(params['missingProperty'])}"`, part: 'key' };
    case 'type':
      return { message: `${field} must be ${typeText(params['type'])}, not ${kindOf(error.data)}`, hint: typeHint(params['type'], error) };
    case 'enum': {
      const allowed = (params['allowedValues'] as unknown[]).map(String);
      return {
        message: `${field} must be one of ${listed(allowed, 12)}`,
        hint: typeof error.data === 'string' ? didYouMeanHint(error.data, allowed) : undefined,
      };
    }
    case 'format':
      return { message: `${field} must be a date and time such as 2030-01-31T12:00:00Z` };
    case 'pattern':
      return { message: `${field} does not have the right form`, hint: error.parentSchema?.['description'] as string | undefined };
    default:
      return { message: `${field} ${error.message ?? 'is wrong'}` };
  }
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  null: 'empty',
};

function typeText(type: unknown): string {
  const types = (Array.isArray(type) ? type : String(type).split(',')) as string[];
  const words = types.filter((name) => name !== 'null').map((name) => TYPE_WORDS[name] ?? name);
  return words.join(' or ');
}

function kindOf(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  return TYPE_WORDS[typeof value === 'bigint' ? 'number' : typeof value] ?? typeof value;
}

function typeHint(type: unknown, error: ErrorObject): string | undefined {
  const isScalar = typeof error.data === 'number' || typeof error.data === 'boolean' || typeof error.data === 'bigint';
  if (!isScalar || !String(type).includes('string')) return undefined;
  return error.instancePath.endsWith('/kubevela') ? 'Put it in quotes: without them 1.10 is the number 1.1.' : 'Put it in quotes.';
}

/** `spec.components[0].type`; `the document` for the whole. */
export function fieldText(path: readonly (string | number)[]): string {
  if (path.length === 0) return 'the document';
  return path.map((part, index) => (/^[0-9]+$/.test(String(part)) ? `[${part}]` : `${index === 0 ? '' : '.'}${part}`)).join('');
}
