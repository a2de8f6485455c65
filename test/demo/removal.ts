/** How what the demo left on somebody's own cluster is removed by hand: from the inventory that is there. */
import type { KubeObject, LabClient } from '../lab/client.ts';

export interface Left {
  readonly instance: string;
  /** CRDs that were not there before. */
  readonly installed: readonly string[];
  readonly hadSystemNamespace: boolean;
}

interface Managed {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

const typeOf = (item: Managed): string => `${item.kind.toLowerCase()}${item.apiVersion.includes('/') ? `.${item.apiVersion.slice(0, item.apiVersion.indexOf('/'))}` : ''}`;
const unique = (lines: readonly string[]): readonly string[] => [...new Set(lines)];

/** `kubectl` commands, in the order in which they are to be run. */
export async function removalCommands(client: LabClient, left: Left): Promise<readonly string[]> {
  const selector = `lateen.dev/instance=${left.instance}`;
  const trackers = await client.list('resourcetrackers.core.oam.dev', selector).catch((): KubeObject[] => []);
  const applications = (await client.list('applications.core.oam.dev').catch((): KubeObject[] => [])).filter((app) => app.metadata['annotations']?.['lateen.dev/instance'] === left.instance);
  const managed = trackers.flatMap((tracker) => (tracker.spec?.managedResources ?? []) as readonly Managed[]);
  const namespaces = new Set(managed.filter((item) => item.kind === 'Namespace').map((item) => item.name));
  const others = managed.filter((item) => item.kind !== 'Namespace' && !namespaces.has(item.namespace ?? ''));
  return unique([
    ...applications.filter((app) => !namespaces.has(app.metadata.namespace ?? '')).map((app) => `kubectl delete applications.core.oam.dev -n ${app.metadata.namespace} ${app.metadata.name}`),
    ...others.map((item) => `kubectl delete ${typeOf(item)} ${item.namespace ? `-n ${item.namespace} ` : ''}${item.name}`),
    ...(namespaces.size === 0 ? [] : [`kubectl delete namespace ${[...namespaces].join(' ')}`]),
    `kubectl delete resourcetrackers.core.oam.dev -l ${selector}`,
    ...(left.hadSystemNamespace ? [`kubectl delete lease -n vela-system lateen-${left.instance}`] : ['kubectl delete namespace vela-system']),
    ...(left.installed.length === 0 ? [] : [`kubectl delete customresourcedefinition ${left.installed.filter((name) => name.includes('.')).join(' ')}`]),
  ]);
}
