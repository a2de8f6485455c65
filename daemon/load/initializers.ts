/**
 * Initializers (KubeVela 1.1): the Application that each makes, and the others that it waits for. Some are built in: they
 * are asked for by a dependency and by nothing else.
 */
import { deepFreeze, isRecord } from '../lib/json.ts';
import { didYouMeanHint, listed } from '../lib/text.ts';
import { INITIALIZER_ANNOTATION, SYSTEM_NAMESPACE } from '../model/catalog.ts';
import type { Document, Locate, Path } from '../model/catalog.ts';
import type { KubeObject } from '../model/object.ts';
import type { Item } from './file.ts';
import type { Report } from './rules.ts';

/** One entry of `dependsOn`. */
interface Reference {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly name: string;
  readonly namespace?: string;
}

/** Built into KubeVela 1.1.0 and not into Lateen: what they install are Helm charts and images of long ago. */
const ONLY_IN_KUBEVELA: ReadonlySet<string> = new Set(['fluxcd', 'keda', 'kruise', 'ns-flux-system', 'observability', 'observability-asset', 'prometheus']);
/** The one annotation of an Initializer that its Application keeps: which KubeVela line it is rendered for. */
const DIALECT_ANNOTATION = 'lateen.dev/kubevela';

/**
 * The Application that an Initializer makes. KubeVela 1.1: namespace and name of the Initializer, spec and labels of the
 * template, annotations replaced. `locate` leads into the template. The document must fit its schema.
 */
export function applicationOf({ object, origin, locate }: Document): Document {
  const { appTemplate } = object['spec'] as { readonly appTemplate: { readonly metadata?: unknown; readonly spec: unknown } };
  const { name, namespace, annotations } = object.metadata;
  const labels = isRecord(appTemplate.metadata) ? appTemplate.metadata['labels'] : undefined;
  const dialect = annotations?.[DIALECT_ANNOTATION];
  const application: KubeObject = {
    apiVersion: 'core.oam.dev/v1beta1',
    kind: 'Application',
    metadata: {
      ...(name === undefined ? {} : { name }),
      ...(namespace === undefined ? {} : { namespace }),
      ...(isRecord(labels) ? { labels: labels as Readonly<Record<string, string>> } : {}),
      annotations: { [INITIALIZER_ANNOTATION]: name ?? '', ...(dialect === undefined ? {} : { [DIALECT_ANNOTATION]: dialect }) },
    },
    spec: appTemplate.spec,
  };
  const intoTemplate: Locate = (path, part) =>
    locate(path[0] === 'spec' || (path[0] === 'metadata' && path[1] === 'labels') ? ['spec', 'appTemplate', ...path] : path, part);
  return { object: deepFreeze(application), origin, locate: intoTemplate };
}

const keyOf = (item: Item): string => `${item.namespace}/${item.name}`;

/** The Initializers among these, broken ones too, by `namespace/name`. */
export function initializersByName(items: readonly Item[]): ReadonlyMap<string, Item> {
  return new Map(items.filter((item) => item.shelf === 'initializers').map((item) => [keyOf(item), item]));
}

/**
 * The `namespace/name` of each entry of `dependsOn`, in order. KubeVela 1.1: one without a namespace is looked for beside
 * the Initializer, then in vela-system. Empty where the document cannot be read.
 */
export function dependenciesOf(item: Item, known: ReadonlyMap<string, Item>): readonly string[] {
  return referencesOf(item).map((ref) => resolved(ref, item, known));
}

function referencesOf(item: Item): readonly Reference[] {
  const spec = item.document?.object['spec'];
  const entries = isRecord(spec) && Array.isArray(spec['dependsOn']) ? (spec['dependsOn'] as readonly unknown[]) : [];
  // A document that does not fit its schema is looked at as well: what it asks for must not go on its account (I11).
  return entries
    .map((entry) => (isRecord(entry) ? entry['ref'] : undefined))
    .filter((ref): ref is Record<string, unknown> & Reference => isRecord(ref) && typeof ref['name'] === 'string');
}

function resolved(ref: Reference, item: Item, known: ReadonlyMap<string, Item>): string {
  if (ref.namespace !== undefined && ref.namespace !== '') return `${ref.namespace}/${ref.name}`;
  const beside = `${item.namespace}/${ref.name}`;
  return known.has(beside) ? beside : `${SYSTEM_NAMESPACE}/${ref.name}`;
}

/** Those of the built-in Initializers that something depends on, by way of each other too, and nobody has written. */
export function wantedBuiltIns(items: readonly Item[], builtIns: readonly Item[]): readonly Item[] {
  const own = initializersByName(builtIns);
  const known = initializersByName(items);
  const wanted = new Map<string, Item>();
  const waiting = [...known.values()];
  for (let item = waiting.pop(); item !== undefined; item = waiting.pop()) {
    for (const name of dependenciesOf(item, known)) {
      const builtIn = own.get(name);
      if (builtIn === undefined || known.has(name) || wanted.has(name)) continue;
      wanted.set(name, builtIn);
      waiting.push(builtIn);
    }
  }
  return [...wanted.values()];
}

/** Reports what an Initializer depends on that is no Initializer, or is not there. `builtIns` are for the hint. */
export function dependenciesExist(
  item: Item & { readonly document: Document },
  known: ReadonlyMap<string, Item>,
  builtIns: readonly Item[],
  report: Report,
): void {
  for (const [index, ref] of referencesOf(item).entries()) {
    const at: Path = ['spec', 'dependsOn', index, 'ref'];
    const isOther = (ref.kind ?? '') !== '' && ref.kind !== 'Initializer';
    const version = ref.apiVersion ?? '';
    if (isOther || (version !== '' && !version.startsWith('core.oam.dev/'))) {
      const what = isOther ? `a ${ref.kind ?? ''}` : `one of ${version}`;
      report('load/unsupported', [...at, isOther ? 'kind' : 'apiVersion'], `an Initializer can only depend on an Initializer, not on ${what}`, {
        hint: 'Use kind: Initializer and apiVersion: core.oam.dev/v1beta1.',
      });
      continue;
    }
    const name = resolved(ref, item, known);
    if (!known.has(name)) reportMissing(ref.name, name, [...at, 'name'], { known, builtIns, report });
  }
}

interface Surroundings {
  readonly known: ReadonlyMap<string, Item>;
  readonly builtIns: readonly Item[];
  readonly report: Report;
}

function reportMissing(name: string, key: string, at: Path, { known, builtIns, report }: Surroundings): void {
  const ours = builtIns.map((item) => item.name).toSorted();
  const builtInText = ours.length === 0 ? '' : `Built in are ${listed(ours)} (in ${SYSTEM_NAMESPACE}).`;
  if (ONLY_IN_KUBEVELA.has(name) && key === `${SYSTEM_NAMESPACE}/${name}`) {
    report('load/reference', at, `the Initializer "${name}" was built into KubeVela 1.1 and is not built into Lateen`, {
      hint: `Add an Initializer ${key} of your own. ${builtInText}`.trim(),
    });
    return;
  }
  const namespace = key.slice(0, key.indexOf('/'));
  const there = [...new Set([...known.values(), ...builtIns].filter((item) => item.namespace === namespace).map((item) => item.name))];
  const elsewhere = [...known.values()].find((item) => item.name === name);
  const near = elsewhere === undefined ? didYouMeanHint(name, there) : `There is one in namespace ${elsewhere.namespace}.`;
  report('load/reference', at, `there is no Initializer "${name}" in namespace ${namespace}`, {
    hint: [near, builtInText].filter((text) => text !== undefined && text !== '').join(' ') || 'Add it to the repository.',
  });
}
