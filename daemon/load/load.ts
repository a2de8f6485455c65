/**
 * Stage 2: Tree -> Catalog. Pure: no clock, no files, nothing but the commit (I1).
 *
 * Whatever is wrong becomes a diagnostic with its line, and the rest of the repository goes on (I12). A document that is
 * there but cannot be used is `broken`, one that cannot even be named makes the commit `unreadable`: either way nothing
 * that exists is deleted on its account (I11).
 */
import { YAML_LIMITS } from '../lib/yaml.ts';
import type { YamlLimits } from '../lib/yaml.ts';
import { hashOf } from '../lib/json.ts';
import type { Broken, Catalog, Document, RepositoryConfig, Tree, TreeFile } from '../model/catalog.ts';
import type { Diagnostic, Origin } from '../model/fault.ts';
import { isUnder, type InitializerRef } from '../model/catalog.ts';
import { CONFIG_PATH, DEFAULT_CONFIG, readConfig } from './config.ts';
import { loadFile } from './file.ts';
import type { Item, LoadedFile } from './file.ts';
import type { Shelf } from './kinds.ts';
import { dependenciesOf, initializersByName, wantedBuiltIns } from './initializers.ts';
import { isError, linkRules } from './links.ts';
import { hasPlaceholder } from './placeholders.ts';

/** Files as they were read for an earlier commit, so that only what changed is read again. Kept by the caller. */
export interface LoadCache {
  files: ReadonlyMap<string, LoadedFile>;
}

/** A cache that holds nothing yet. */
export function createLoadCache(): LoadCache {
  return { files: new Map() };
}

export interface LoadOptions {
  readonly limits?: YamlLimits;
  readonly cache?: LoadCache;
  /** Values for placeholders that the operator gives: they win over those of lateen.yaml. */
  readonly values?: Readonly<Record<string, string>>;
  /** `https://host:port` of the hub, for placeholders that want it; null where there is none. */
  readonly hubServer?: string | null;
  /** Initializers of Lateen's own, taken where a dependency asks for one that is not in the commit. Absent: there are none. */
  readonly builtIns?: Tree;
}

/** Where the documents of Lateen's own Initializers are said to be. */
const BUILT_IN_FOLDER = 'built-in/';

/**
 * Reads everything that a commit declares. Never throws for what stands in the repository. With `cache`, files whose
 * blob, path and values are the same as last time are not read again; it is brought up to this tree.
 */
export function load(tree: Tree, { limits = YAML_LIMITS, cache = createLoadCache(), values = {}, hubServer = null, builtIns }: LoadOptions = {}): Catalog {
  const { config, diagnostics } = readConfig(tree);
  // Without its configuration nobody knows which documents were meant: none is taken, and nothing is deleted.
  if (config === null) {
    const origin = diagnostics[0]?.origin ?? { path: CONFIG_PATH, line: 1, column: 1 };
    return catalogOf(tree, DEFAULT_CONFIG, { items: [], builtIns: [], unreadable: [origin], diagnostics });
  }
  const filling = { values: { ...config.values, ...values }, hubServer };
  const fillingHash = hashOf(filling);
  const known = new Map<string, LoadedFile>();
  const read = (file: TreeFile): LoadedFile => {
    const key = `${file.path}\0${file.oid}\0${file.text !== null && hasPlaceholder(file.text) ? fillingHash : ''}`;
    const result = cache.files.get(key) ?? loadFile(file, filling, limits);
    known.set(key, result);
    return result;
  };
  const { files, skipped } = documentFiles(tree, config);
  const loaded = files.map(read);
  const ours = (builtIns?.files ?? []).map((file) => read({ ...file, path: `${BUILT_IN_FOLDER}${file.path}` }));
  cache.files = known;
  return catalogOf(tree, config, {
    items: loaded.flatMap((file) => file.items),
    builtIns: ours.flatMap((file) => file.items),
    unreadable: loaded.flatMap((file) => file.unreadable),
    diagnostics: [...diagnostics, ...skipped, ...loaded.flatMap((file) => file.diagnostics)],
  });
}

/** The files that may hold documents, and a warning for each that other tools understand and Lateen does not. */
function documentFiles(tree: Tree, config: RepositoryConfig): { readonly files: readonly TreeFile[]; readonly skipped: readonly Diagnostic[] } {
  const wanted = tree.files.filter(
    ({ path }) => isDocumentPath(path) && config.paths.some((prefix) => isUnder(path, prefix)) && !config.ignore.some((prefix) => isUnder(path, prefix)),
  );
  const charts = wanted.filter(({ path }) => /(?:^|\/)Chart\.ya?ml$/.test(path)).map(({ path }) => path.slice(0, path.lastIndexOf('/') + 1));
  const skipped: Diagnostic[] = charts.map((folder) => strange(`${folder}Chart.yaml`, 'a Helm chart is not rendered'));
  const files = wanted.filter(({ path }) => {
    if (charts.some((folder) => path.startsWith(folder) && /^(?:templates|charts)\/|^(?:Chart|values[^/]*)\.(?:ya?ml|json)$/.test(path.slice(folder.length))))
      return false;
    if (!/(?:^|\/)kustomization\.ya?ml$/i.test(path)) return true;
    skipped.push(strange(path, 'a kustomization is not built; the files beside it are read as they are'));
    return false;
  });
  return { files, skipped };
}

/** Dot-folders belong to tools (.github, .ci), lateen.yaml to us. */
function isDocumentPath(path: string): boolean {
  return /\.(?:ya?ml|json)$/.test(path) && path !== CONFIG_PATH && !/(?:^|\/)(?:\.|node_modules\/)/.test(path);
}

function strange(path: string, message: string): Diagnostic {
  return {
    code: 'load/unsupported',
    severity: 'warning',
    message,
    origin: { path, line: 1, column: 1 },
    hint: 'List its folder under `ignore` in lateen.yaml, or commit the rendered documents.',
  };
}

interface Found {
  readonly items: readonly Item[];
  readonly builtIns: readonly Item[];
  readonly unreadable: readonly Origin[];
  readonly diagnostics: readonly Diagnostic[];
}

function catalogOf(tree: Tree, config: RepositoryConfig, { items: written, builtIns, unreadable, diagnostics }: Found): Catalog {
  const taken = wantedBuiltIns(written, builtIns);
  const items = [...written, ...taken];
  const findings = linkRules(items, config, builtIns);
  const shelves: Record<Exclude<Shelf, 'initializers'>, Document[]> = {
    applications: [],
    definitions: [],
    policies: [],
    workflows: [],
    approvals: [],
    objects: [],
  };
  const initializers: InitializerRef[] = [];
  const known = initializersByName(items);
  const broken = new BrokenList();
  const all = [...diagnostics];
  for (const item of items.toSorted(byName)) {
    const own = [...item.diagnostics, ...(findings.get(item) ?? [])];
    all.push(...own.map((diagnostic) => named(diagnostic, item)));
    const { document, shelf, application } = item;
    const isUsable = document !== null && !own.some(isError);
    if (shelf !== 'initializers') {
      if (isUsable) shelves[shelf].push(document);
      else broken.add(item, item.kind);
    } else if (isUsable && application !== undefined) {
      initializers.push({ namespace: item.namespace, name: item.name, document, dependsOn: dependenciesOf(item, known), isBuiltIn: taken.includes(item) });
      shelves.applications.push(application);
    } else {
      broken.add(item, item.kind);
      broken.add(item, 'Application');
      // Which of the built-in ones it asks for is not known, so those that are there stay.
      if (document === null) for (const builtIn of builtIns) if (!taken.includes(builtIn)) broken.add({ ...builtIn, origin: item.origin }, '');
    }
  }
  return {
    revision: tree.revision,
    config,
    ...shelves,
    applications: shelves.applications.toSorted(byObjectName),
    initializers,
    broken: broken.all(),
    unreadable,
    diagnostics: all.toSorted(byOrigin),
  };
}

/** What is broken, each once. */
class BrokenList {
  readonly #found = new Map<string, Broken>();

  /** `kind` "" is whatever the hub keeps under that name. */
  add({ apiVersion, namespace, name, origin }: Item, kind: string): void {
    const key = `${apiVersion}/${kind}/${namespace}/${name}`;
    if (!this.#found.has(key)) this.#found.set(key, { kind, namespace, name, origin });
  }

  all(): readonly Broken[] {
    return [...this.#found.values()];
  }
}

function named(diagnostic: Diagnostic, item: Item): Diagnostic {
  const isHeldBack = item.shelf === 'applications' || item.shelf === 'initializers';
  return isHeldBack ? { ...diagnostic, application: `${item.namespace}/${item.name}` } : diagnostic;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function byName(a: Item, b: Item): number {
  return (
    compare(a.namespace, b.namespace) ||
    compare(a.name, b.name) ||
    compare(a.kind, b.kind) ||
    compare(a.origin.path, b.origin.path) ||
    a.origin.line - b.origin.line
  );
}

function byObjectName({ object: { metadata: a } }: Document, { object: { metadata: b } }: Document): number {
  return compare(a.namespace ?? '', b.namespace ?? '') || compare(a.name ?? '', b.name ?? '');
}

function byOrigin(a: Diagnostic, b: Diagnostic): number {
  return (
    compare(a.origin?.path ?? '', b.origin?.path ?? '') ||
    (a.origin?.line ?? 0) - (b.origin?.line ?? 0) ||
    (a.origin?.column ?? 0) - (b.origin?.column ?? 0) ||
    compare(a.message, b.message)
  );
}
