/** `lateen.yaml`, the users' configuration at the root of the repository. */
import { parsePointer } from '../lib/field-pointer.ts';
import { isRefPattern } from '../lib/ref-pattern.ts';
import { didYouMeanHint } from '../lib/text.ts';
import { parseYaml } from '../lib/yaml.ts';
import type { RepositoryConfig, Tree } from '../model/catalog.ts';
import type { Diagnostic, Origin } from '../model/fault.ts';
import type { RepositoryConfig as ConfigFile } from '../../schemas/types.ts';
import { validate } from './validate.ts';

export const CONFIG_PATH = 'lateen.yaml';

/** What holds where there is no lateen.yaml. */
export const DEFAULT_CONFIG: RepositoryConfig = {
  paths: [''],
  ignore: [],
  dialect: null,
  dialects: [],
  values: {},
  drift: 'correct',
  drifts: [],
  ignoreFields: [],
  planRefs: [],
  prune: true,
};

/**
 * Reads lateen.yaml of a tree, with every default filled in. With a mistake in it `config` is null: nobody can say then
 * which documents were meant, and half of it must not be guessed.
 */
export function readConfig(tree: Tree): { readonly config: RepositoryConfig | null; readonly diagnostics: readonly Diagnostic[] } {
  const file = tree.files.find((candidate) => candidate.path === CONFIG_PATH);
  if (file === undefined) return { config: DEFAULT_CONFIG, diagnostics: misnamed(tree) };
  const { value, locate, errors } = parseYaml(file.text ?? '', CONFIG_PATH);
  if (errors.length > 0) return { config: null, diagnostics: errors };
  if (value === undefined) return { config: DEFAULT_CONFIG, diagnostics: [] };
  const diagnostics = validate('config.schema.json', value, locate);
  if (diagnostics.length === 0) diagnostics.push(...mistakesIn(value as ConfigFile, locate));
  if (diagnostics.length > 0) return { config: null, diagnostics };
  const config = withDefaults(value as ConfigFile);
  return { config, diagnostics: emptyPaths(tree, config, locate) };
}

/** What a schema cannot say: whether a pointer can be read, and a ref be asked for. */
function mistakesIn(file: ConfigFile, locate: (path: readonly (string | number)[]) => Origin): Diagnostic[] {
  const found: Diagnostic[] = [];
  for (const [index, rule] of (file.ignoreFields ?? []).entries()) {
    for (const [place, path] of rule.paths.entries()) {
      const pointer = parsePointer(path);
      if ('mistake' in pointer)
        found.push({
          code: 'load/schema',
          severity: 'error',
          message: pointer.mistake,
          origin: locate(['ignoreFields', index, 'paths', place]),
          hint: pointer.hint,
        });
    }
  }
  for (const [index, ref] of (file.plan?.refs ?? []).entries()) {
    if (isRefPattern(wholeRef(ref))) continue;
    found.push({
      code: 'load/schema',
      severity: 'error',
      message: `"${ref}" is neither a branch nor a pattern of refs`,
      origin: locate(['plan', 'refs', index]),
      hint: 'Write refs, with * for one part of a name: refs/pull/*/head, refs/heads/env/*.',
    });
  }
  return found;
}

/** A path with nothing below it is a slip, and what was below the right one is taken to have left the repository. */
function emptyPaths(tree: Tree, { paths }: RepositoryConfig, locate: (path: readonly (string | number)[]) => Origin): readonly Diagnostic[] {
  const folders = new Set(tree.files.flatMap(({ path }) => path.split('/').map((_, i, parts) => parts.slice(0, i + 1).join('/'))));
  return paths.flatMap((path, index): Diagnostic[] =>
    path === '' || folders.has(path)
      ? []
      : [
          {
            code: 'load/reference',
            severity: 'warning',
            message: `paths: there is no file or folder "${path}", so nothing is read there`,
            origin: locate(['paths', index]),
            hint: didYouMeanHint(path, folders) ?? 'Write a path from the root of the repository, without wildcards.',
          },
        ],
  );
}

function withDefaults(file: ConfigFile): RepositoryConfig {
  return {
    paths: file.paths === undefined || file.paths.length === 0 ? DEFAULT_CONFIG.paths : file.paths.map(normal),
    ignore: (file.ignore ?? []).map(normal).filter((path) => path !== ''),
    dialect: file.kubevela ?? null,
    dialects: (file.overrides ?? []).flatMap((override) =>
      override.kubevela === undefined ? [] : [{ path: normal(override.path), dialect: override.kubevela }],
    ),
    values: Object.fromEntries(Object.entries(file.values ?? {}).map(([name, value]) => [name.trim(), String(value)])),
    drift: file.drift ?? DEFAULT_CONFIG.drift,
    drifts: (file.overrides ?? []).flatMap((override) => (override.drift === undefined ? [] : [{ path: normal(override.path), drift: override.drift }])),
    ignoreFields: (file.ignoreFields ?? []).map(({ group, kind, namespace, name, paths }) => ({
      group: group ?? null,
      kind,
      namespace: namespace ?? null,
      name: name ?? null,
      paths,
    })),
    planRefs: (file.plan?.refs ?? []).map(wholeRef),
    prune: file.prune ?? DEFAULT_CONFIG.prune,
  };
}

/** A name alone is a branch. */
const wholeRef = (ref: string): string => (ref.startsWith('refs/') ? ref : `refs/heads/${ref}`);

/** `./apps/` and `/apps` are `apps`. */
function normal(path: string): string {
  return path.replace(/^(?:\.?\/)+|^\.$|\/+(?:\*\*?)?$/g, '');
}

function misnamed(tree: Tree): Diagnostic[] {
  const other = tree.files.find((file) => file.path === 'lateen.yml' || file.path === 'lateen.json');
  if (other === undefined) return [];
  return [
    {
      code: 'load/not-an-object',
      severity: 'warning',
      message: `${other.path} is not read`,
      origin: { path: other.path, line: 1, column: 1 },
      hint: `Call it ${CONFIG_PATH}.`,
    },
  ];
}
