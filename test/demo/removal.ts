/** How what the demo left on somebody's own cluster is removed by hand: from the inventory that is there. */
import type { KubeObject, LabClient } from '../lab/client.ts';

/** Kinds are the only names with a group behind them. */
export const isKind = (name: string): boolean => name.includes('.');

export interface Left {
  readonly instance: string;
  /** Names of what the daemon wrote before its first pass: kinds, and what else was not there before. */
  readonly installed: readonly string[];
  readonly hadSystemNamespace: boolean;
}

interface Managed {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  /** "" or absent: the hub. */
  readonly cluster?: string;
}

const typeOf = (item: Managed): string =>
  `${item.kind.toLowerCase()}${item.apiVersion.includes('/') ? `.${item.apiVersion.slice(0, item.apiVersion.indexOf('/'))}` : ''}`;
const unique = (lines: readonly string[]): readonly string[] => [...new Set(lines)];

const onCluster = (item: Managed): boolean => item.cluster !== undefined && item.cluster !== '';

/** Nothing takes its finalizer off once the daemon has ended. */
function deletionOf(item: Managed): readonly string[] {
  const target = `${typeOf(item)} ${item.namespace ? `-n ${item.namespace} ` : ''}${item.name}`;
  if (onCluster(item)) return [`kubectl --kubeconfig ${item.cluster}.kubeconfig delete ${target}`];
  if (item.kind !== 'Configuration') return [`kubectl delete ${target}`];
  return [
    `kubectl delete --wait=false ${target}`,
    `kubectl patch ${target} --type merge -p '{"metadata":{"finalizers":null}}'      # what it made in the cloud stays, and costs: see the cloud's console`,
  ];
}

const kinds = ({ installed }: Left): readonly string[] => installed.filter(isKind);

/** ConfigMaps that the vela CLI looks for. */
function views({ installed }: Left): readonly string[] {
  const names = installed.filter((name) => name.endsWith('-view'));
  return names.length === 0 ? [] : [`kubectl delete configmap -n vela-system ${names.join(' ')}`];
}

/** `kubectl` commands, in the order in which they are to be run. */
export async function removalCommands(client: LabClient, left: Left): Promise<readonly string[]> {
  const selector = `lateen.dev/instance=${left.instance}`;
  const own = async (ref: string): Promise<readonly KubeObject[]> =>
    (await client.list(ref).catch((): KubeObject[] => [])).filter((object) => object.metadata['annotations']?.['lateen.dev/instance'] === left.instance);
  const trackers = await client.list('resourcetrackers.core.oam.dev', selector).catch((): KubeObject[] => []);
  const managed = trackers.flatMap((tracker) => (tracker.spec?.managedResources ?? []) as readonly Managed[]);
  const namespaces = new Set(managed.filter((item) => item.kind === 'Namespace' && !onCluster(item)).map((item) => item.name));
  const isLeft = (item: Managed): boolean => onCluster(item) || (item.kind !== 'Namespace' && !namespaces.has(item.namespace ?? ''));
  // Kinds last: the objects of a kind go with it.
  const others = managed.filter(isLeft).toSorted((a, b) => Number(a.kind === 'CustomResourceDefinition') - Number(b.kind === 'CustomResourceDefinition'));
  const named = (ref: string, objects: readonly KubeObject[]): readonly string[] =>
    objects
      .filter(({ metadata }) => !namespaces.has(metadata.namespace ?? ''))
      .map(({ metadata }) => `kubectl delete ${ref} -n ${metadata.namespace} ${metadata.name}`);
  return unique([
    ...named('initializers.core.oam.dev', await own('initializers.core.oam.dev')),
    ...named('applications.core.oam.dev', await own('applications.core.oam.dev')),
    ...others.flatMap(deletionOf),
    ...(namespaces.size === 0 ? [] : [`kubectl delete namespace ${[...namespaces].join(' ')}`]),
    `kubectl delete resourcetrackers.core.oam.dev -l ${selector}`,
    ...(left.hadSystemNamespace ? [`kubectl delete lease -n vela-system lateen-${left.instance}`, ...views(left)] : ['kubectl delete namespace vela-system']),
    ...(kinds(left).length === 0 ? [] : [`kubectl delete customresourcedefinition ${kinds(left).join(' ')}`]),
  ]);
}
