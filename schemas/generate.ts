/**
 * Writes types.ts from the schemas: `npm run generate`. A test makes it again and compares, so that schema and types
 * never part. Only the keywords that the schemas use are known; another one throws.
 */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';

interface SchemaNode {
  readonly [keyword: string]: unknown;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | SchemaNode;
  readonly items?: SchemaNode;
  readonly enum?: readonly unknown[];
  readonly $ref?: string;
}

const KNOWN = new Set([
  '$schema',
  '$id',
  'title',
  'description',
  'type',
  'properties',
  'required',
  'additionalProperties',
  'items',
  'enum',
  'const',
  'pattern',
  'format',
  '$ref',
  'definitions',
]);

/** The text of types.ts. */
export function generateTypes(directory: string): string {
  const names = readdirSync(directory)
    .filter((name) => name.endsWith('.schema.json'))
    .sort();
  const parts: string[] = [];
  for (const name of names) {
    const schema = JSON.parse(readFileSync(`${directory}/${name}`, 'utf8')) as SchemaNode & {
      readonly title: string;
      readonly definitions?: Record<string, SchemaNode>;
    };
    for (const [key, definition] of Object.entries(schema.definitions ?? {})) parts.push(declaration(typeName(key), definition));
    if (schema.type !== undefined) parts.push(declaration(schema.title, schema));
  }
  return `// Generated from the schemas beside it by \`npm run generate\`: do not edit.\n\n${parts.join('\n')}`;
}

function declaration(name: string, node: SchemaNode): string {
  const text = typeText(node, '');
  const comment = node.description === undefined ? '' : `/** ${node.description} */\n`;
  return text.startsWith('{\n') ? `${comment}export interface ${name} ${text}\n` : `${comment}export type ${name} = ${text};\n`;
}

function typeName(key: string): string {
  return `${key.charAt(0).toUpperCase()}${key.slice(1)}Part`;
}

function typeText(node: SchemaNode, indent: string): string {
  for (const keyword of Object.keys(node)) if (!KNOWN.has(keyword)) throw new Error(`the generator does not know the keyword "${keyword}"`);
  if (node.$ref !== undefined) return typeName(node.$ref.slice(node.$ref.lastIndexOf('/') + 1));
  if ('const' in node) return literal(node['const']);
  if (node.enum !== undefined) return node.enum.map(literal).join(' | ');
  const types = typeof node.type === 'string' ? [node.type] : (node.type ?? []);
  if (types.length === 0) return 'unknown';
  return types.map((type) => oneType(type, node, indent)).join(' | ');
}

function oneType(type: string, node: SchemaNode, indent: string): string {
  switch (type) {
    case 'integer':
      return 'number';
    case 'array': {
      const items = typeText(node.items ?? {}, indent);
      return `readonly ${items.includes(' | ') && !items.startsWith('{') ? `(${items})` : items}[]`;
    }
    case 'object':
      return objectText(node, indent);
    default:
      return type;
  }
}

function objectText(node: SchemaNode, indent: string): string {
  const rest = node.additionalProperties;
  if (node.properties === undefined) return `Readonly<Record<string, ${typeof rest === 'object' ? typeText(rest, indent) : 'unknown'}>>`;
  const inner = `${indent}  `;
  const lines = Object.entries(node.properties).flatMap(([key, property]) => [
    ...(property.description === undefined ? [] : [`${inner}/** ${property.description} */`]),
    `${inner}readonly ${/^[A-Za-z_$][\w$]*$/.test(key) ? key : literal(key)}${node.required?.includes(key) === true ? '' : '?'}: ${typeText(property, inner)};`,
  ]);
  if (rest !== false) lines.push(`${inner}readonly [field: string]: unknown;`);
  return `{\n${lines.join('\n')}\n${indent}}`;
}

function literal(value: unknown): string {
  return typeof value === 'string' ? `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'` : JSON.stringify(value);
}

if (import.meta.main) writeFileSync(`${import.meta.dirname}/types.ts`, generateTypes(import.meta.dirname));
