/** One file: its documents, each on its shelf or with the reason why not. */
import { deepFreeze, isRecord } from '../lib/json.ts';
import { parseDocuments } from '../lib/yaml.ts';
import type { ParsedDocument, UnparsedDocument, YamlLimits } from '../lib/yaml.ts';
import type { Document, Locate, Path, TreeFile } from '../model/catalog.ts';
import type { Diagnostic, Origin } from '../model/fault.ts';
import type { KubeObject } from '../model/object.ts';
import { documentRules } from './rules.ts';
import { identify } from './identify.ts';
import { applicationOf } from './initializers.ts';
import { placeOf } from './kinds.ts';
import type { Shelf } from './kinds.ts';
import { fillPlaceholders, hasPlaceholder } from './placeholders.ts';
import type { PlaceholderValues } from './placeholders.ts';
import { validate } from './validate.ts';

/** A document that can be named. `document` is null when it could not be read or is refused for its kind. */
export interface Item {
  readonly shelf: Shelf;
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly origin: Origin;
  readonly document: Document | null;
  /** Of an Initializer that fits its schema: the Application that it makes. */
  readonly application?: Document;
  readonly diagnostics: readonly Diagnostic[];
}

/** What a file holds. It depends on nothing but the file and the values for its placeholders. */
export interface LoadedFile {
  readonly items: readonly Item[];
  /** Documents of which not even the name is known. */
  readonly unreadable: readonly Origin[];
  /** Mistakes that belong to no item. */
  readonly diagnostics: readonly Diagnostic[];
}

const LFS_HEADER = 'version https://git-lfs.github.com/spec/';

/** Reads one YAML or JSON file of the tree. */
export function loadFile(file: TreeFile, values: PlaceholderValues, limits: YamlLimits): LoadedFile {
  const start: Origin = { path: file.path, line: 1, column: 1 };
  if (file.text === null) {
    return refuse({
      code: 'load/limit',
      severity: 'error',
      message: `the file has ${file.sizeBytes} bytes and is not read`,
      origin: start,
      hint: 'Split it, or list it under `ignore` in lateen.yaml.',
    });
  }
  if (file.text.startsWith(LFS_HEADER)) {
    return refuse({
      code: 'load/lfs',
      severity: 'error',
      message: 'the file is a Git LFS pointer, not its content',
      origin: start,
      hint: 'Keep configuration out of LFS (`git lfs untrack`).',
    });
  }
  // package.json and the like are no documents, and often no JSON either.
  if (file.path.endsWith('.json') && !/"apiVersion"/.test(file.text)) return { items: [], unreadable: [], diagnostics: [] };
  const { text, diagnostics: placeholders } = hasPlaceholder(file.text) ? fillPlaceholders(file.text, file.path, values) : { text: file.text, diagnostics: [] };
  const parsed = parseDocuments(text, file.path, limits);
  const found = new Gathering(placeholders);
  for (const error of parsed.errors) found.addUnparsed(error);
  for (const [index, document] of parsed.documents.entries()) {
    const next = parsed.documents[index + 1];
    found.addParsed(document, next?.origin.line ?? Infinity);
  }
  return found.result();
}

function refuse(diagnostic: Diagnostic & { readonly origin: Origin }): LoadedFile {
  return { items: [], unreadable: [diagnostic.origin], diagnostics: [diagnostic] };
}

/** Where a value stands in a file: `at` is its path in the parsed document, empty unless it is an item of a List. */
interface Place {
  readonly locate: Locate;
  readonly at: Path;
  readonly origin: Origin;
}

/** Collects what a file holds while it is read. */
class Gathering {
  readonly #items: Item[] = [];
  readonly #unreadable: Origin[] = [];
  readonly #diagnostics: Diagnostic[] = [];
  readonly #placeholders: readonly Diagnostic[];

  constructor(placeholders: readonly Diagnostic[]) {
    this.#placeholders = placeholders;
  }

  result(): LoadedFile {
    return { items: this.#items, unreadable: this.#unreadable, diagnostics: this.#diagnostics };
  }

  addUnparsed(error: UnparsedDocument): void {
    const origin = error.diagnostic.origin ?? { path: '', line: error.line, column: 1 };
    const identity = identify(error.text);
    const place = identity === null ? null : placeOf(identity.apiVersion, identity.kind);
    if (identity === null || place === null || !('shelf' in place)) {
      this.#unreadable.push({ ...origin, line: error.line, column: 1 });
      this.#diagnostics.push(error.diagnostic);
      return;
    }
    const namespace = identity.namespace === '' ? place.namespace : identity.namespace;
    this.#items.push({
      ...identity,
      namespace,
      shelf: place.shelf,
      origin: { ...origin, line: error.line, column: 1 },
      document: null,
      diagnostics: [error.diagnostic],
    });
  }

  addParsed(document: ParsedDocument, endLine: number): void {
    const inside = (origin: Origin | undefined): boolean => origin !== undefined && origin.line >= document.origin.line && origin.line < endLine;
    const placeholders = this.#placeholders.filter((diagnostic) => inside(diagnostic.origin));
    const place: Place = { locate: document.locate, at: [], origin: document.origin };
    const before = this.#items.length;
    this.#addValue(document.value, place, document.ambiguous.map(ambiguous));
    if (placeholders.length === 0) return;
    const isSpoilt = placeholders.some(({ severity }) => severity === 'error');
    // A placeholder without a value spoils the document it stands in; in a List that is every item, since any may be meant.
    for (let index = before; index < this.#items.length; index++) {
      const item = this.#items[index];
      if (item !== undefined) this.#items[index] = { ...item, ...(isSpoilt ? { document: null } : {}), diagnostics: [...placeholders, ...item.diagnostics] };
    }
    if (before === this.#items.length) this.#diagnostics.push(...placeholders);
  }

  #addValue(value: unknown, place: Place, warnings: readonly Diagnostic[]): void {
    if (!isRecord(value) || typeof value['apiVersion'] !== 'string' || typeof value['kind'] !== 'string') {
      this.#addStranger(value, place);
      return;
    }
    const items = value['items'];
    if (value['kind'].endsWith('List') && Array.isArray(items)) {
      const whole = value['kind'] === 'List' ? {} : { apiVersion: value['apiVersion'], kind: value['kind'].slice(0, -'List'.length) };
      items.forEach((item: unknown, index) => {
        const at = [...place.at, 'items', index];
        const typed = isRecord(item) ? { ...whole, ...item } : item;
        this.#addValue(typed, { ...place, at, origin: place.locate(at) }, index === 0 ? warnings : []);
      });
      return;
    }
    this.#addObject(value as KubeObject, place, warnings);
  }

  /** Something without apiVersion and kind: a stranger, unless it looks like an object that lost one of them. */
  #addStranger(value: unknown, place: Place): void {
    const isMeant = isRecord(value) && ('apiVersion' in value || 'kind' in value || ('metadata' in value && 'spec' in value));
    const lacks = ['apiVersion', 'kind'].filter((key) => !isRecord(value) || typeof value[key] !== 'string').join(' and ');
    if (isMeant) this.#unreadable.push(place.origin);
    this.#diagnostics.push({
      code: 'load/not-an-object',
      severity: isMeant ? 'error' : 'warning',
      message: `the document has no ${lacks}`,
      origin: place.origin,
      hint: isMeant ? `Add ${lacks}.` : 'It is not read; list its path under `ignore` in lateen.yaml.',
    });
  }

  #addObject(object: KubeObject, place: Place, warnings: readonly Diagnostic[]): void {
    const locate: Locate = place.at.length === 0 ? place.locate : (path, part) => place.locate([...place.at, ...path], part);
    const where = placeOf(object.apiVersion, object.kind);
    const { metadata } = object as { readonly metadata?: unknown };
    const name = isRecord(metadata) ? metadata['name'] : undefined;
    const given = isRecord(metadata) ? metadata['namespace'] : undefined;
    const isNamed = typeof name === 'string' && name !== '' && (given === undefined || given === null || typeof given === 'string');
    if (!isNamed) {
      const isGenerated = isRecord(metadata) && metadata['generateName'] !== undefined;
      const shape = isGenerated ? [] : validate('parts.schema.json#/definitions/metadata', metadata ?? {}, locate, ['metadata']);
      const unnamed: Diagnostic = {
        code: 'load/schema',
        severity: 'error',
        message: isGenerated ? 'generateName gives another object at every apply' : 'metadata has no usable "name"',
        origin: locate(['metadata'], 'key'),
        hint: 'Give it a metadata.name.',
      };
      this.#unreadable.push(place.origin);
      this.#diagnostics.push(...(shape.length > 0 ? shape : [unnamed]));
      return;
    }
    const identity = { apiVersion: object.apiVersion, kind: object.kind, name, origin: place.origin };
    if (!('shelf' in where)) {
      const { code, message, hint } = where;
      const diagnostic: Diagnostic = {
        code,
        severity: 'error',
        message,
        origin: locate([code === 'load/unknown-kind' && message.startsWith('apiVersion') ? 'apiVersion' : 'kind']),
        ...(hint === undefined ? {} : { hint }),
      };
      this.#items.push({ ...identity, shelf: 'objects', namespace: given ?? '', document: null, diagnostics: [diagnostic] });
      return;
    }
    const namespace = given ?? where.namespace;
    const whole: KubeObject = deepFreeze(given === undefined && namespace !== '' ? { ...object, metadata: { ...object.metadata, namespace } } : object);
    const shape =
      where.schema === null ? validate('parts.schema.json#/definitions/metadata', metadata, locate, ['metadata']) : validate(where.schema, whole, locate);
    const document: Document = { object: whole, origin: place.origin, locate };
    // Rules about meaning may take the shape for granted.
    const meaning = shape.length === 0 ? documentRules(where.shelf, document) : [];
    const made = where.shelf === 'initializers' && shape.length === 0 ? { application: applicationOf(document) } : {};
    this.#items.push({ ...identity, shelf: where.shelf, namespace, document, ...made, diagnostics: [...shape, ...meaning, ...warnings] });
  }
}

/** The scalar itself is only shown where it cannot be a password (I9). */
function ambiguous({ text, reads, origin }: ParsedDocument['ambiguous'][number]): Diagnostic {
  const isSwitch = reads === 'true' || reads === 'false';
  const [what, as] = isSwitch ? [`the plain scalar ${text}`, reads] : ['this plain scalar', reads.startsWith('"') ? 'a string' : 'a number'];
  const hint = isSwitch ? `Write "${text}", or ${reads}.` : `Put it in quotes${as === 'a number' ? ', or write it plainly as a number' : ''}.`;
  return { code: 'load/ambiguous', severity: 'warning', message: `Kubernetes reads ${what} as ${as}, other readers do not`, origin, hint };
}
