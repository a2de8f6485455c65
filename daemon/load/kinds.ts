/** Which list of the catalog a kind belongs to, which schema it has, and what is refused by name. */
import files from '../../schemas/files.json' with { type: 'json' };
import { listed, didYouMeanHint } from '../lib/text.ts';
import type { Code } from '../model/fault.ts';
import { groupOf } from '../model/object.ts';
import { DEFAULT_NAMESPACE, SYSTEM_NAMESPACE } from '../model/catalog.ts';

/** The lists of the catalog that hold documents. */
export type Shelf = 'applications' | 'initializers' | 'definitions' | 'policies' | 'workflows' | 'approvals' | 'objects';

/** What becomes of a kind: it has a shelf, or a code and reason why not. */
export type Place =
  | { readonly shelf: Shelf; readonly schema: string | null; readonly namespace: string }
  | { readonly code: Code; readonly message: string; readonly hint: string | undefined };

const SHELVES: Readonly<Record<string, Shelf>> = {
  Application: 'applications',
  Initializer: 'initializers',
  ComponentDefinition: 'definitions',
  TraitDefinition: 'definitions',
  PolicyDefinition: 'definitions',
  WorkflowStepDefinition: 'definitions',
  WorkloadDefinition: 'definitions',
  Policy: 'policies',
  Workflow: 'workflows',
  Approval: 'approvals',
};

/** Kinds of core.oam.dev that a controller writes; in Git they would only be in its way. */
const WRITTEN_BY_CONTROLLERS = ['ApplicationRevision', 'ResourceTracker', 'EnvBinding', 'WorkflowRun'];
/** Kinds of core.oam.dev that are applied to the hub as they are. */
const PLAIN_KINDS = ['ScopeDefinition', 'DefinitionRevision'];
const OWN_GROUPS = new Set(['core.oam.dev', 'lateen.dev']);

const SCHEMAS = new Map(files.kinds.map((entry) => [`${entry.apiVersion} ${entry.kind}`, entry.schema]));
const VERSIONS = new Map(files.kinds.map((entry) => [entry.kind, entry.apiVersion]));

/** Where a document of this kind goes. */
export function placeOf(apiVersion: string, kind: string): Place {
  const schema = SCHEMAS.get(`${apiVersion} ${kind}`);
  if (schema !== undefined) {
    const shelf = SHELVES[kind] ?? 'objects';
    return { shelf, schema, namespace: shelf === 'definitions' ? SYSTEM_NAMESPACE : DEFAULT_NAMESPACE };
  }
  const group = groupOf(apiVersion);
  if (OWN_GROUPS.has(group)) return refusedOrPlain(apiVersion, kind, group);
  if (group === '' && !/^v[0-9]/.test(apiVersion)) {
    const version = VERSIONS.get(kind);
    return {
      code: 'load/unknown-kind',
      message: `apiVersion "${apiVersion}" has no version`,
      hint: version === undefined ? 'It is written group/version, or v1 for the core group.' : `Use apiVersion: ${version}`,
    };
  }
  return { shelf: 'objects', schema: null, namespace: '' };
}

function refusedOrPlain(apiVersion: string, kind: string, group: string): Place {
  if (PLAIN_KINDS.includes(kind)) return { shelf: 'objects', schema: null, namespace: SYSTEM_NAMESPACE };
  if (WRITTEN_BY_CONTROLLERS.includes(kind)) {
    return { code: 'load/unsupported', message: `${kind} is written by the controller and not taken from Git`, hint: 'Remove the document.' };
  }
  const version = VERSIONS.get(kind);
  if (version !== undefined) return { code: 'load/unknown-kind', message: `Lateen knows no ${kind} in ${apiVersion}`, hint: `Use apiVersion: ${version}` };
  const known = [...VERSIONS].filter(([, own]) => groupOf(own) === group).map(([name]) => name);
  return { code: 'load/unknown-kind', message: `${group} has no kind "${kind}"`, hint: didYouMeanHint(kind, known) ?? `Its kinds are ${listed(known, 12)}.` };
}
