/** `vela/query` and `vela/ql`: what an application has delivered, as the hub's ResourceTrackers tell it. */
import { isRecord, type Fields } from '../../lib/json.ts';
import type { CueObject } from '../../model/cue.ts';
import { Fault, toFault } from '../../model/fault.ts';
import { groupOf, keyText, LOCAL, type KubeObject, type ObjectKey } from '../../model/object.ts';
import type { Action, StepContext } from '../run.ts';
import { answer, complete, fieldsOf, isFatal, listOf, liveObject, textOf, type Provider } from './calls.ts';
import { gatewayAddress, ingressEndpoints, serviceEndpoints } from './endpoints.ts';

interface Managed {
  readonly key: ObjectKey;
  readonly component: string;
  readonly trait: string;
  readonly fields: Fields;
  readonly tracker: KubeObject;
}

/** The entries of the application's trackers that pass its filter, each object once. */
async function managedBy(app: Fields, context: StepContext): Promise<readonly Managed[]> {
  const labels = `app.oam.dev/name=${textOf(app['name'])},app.oam.dev/namespace=${textOf(app['namespace'])}`;
  const trackers = await context.transport.list(LOCAL, 'core.oam.dev/v1beta1', 'ResourceTracker', '', labels, context.signal);
  const filter = fieldsOf(app['filter']);
  const found = new Map<string, Managed>();
  for (const tracker of trackers) {
    for (const entry of listOf(fieldsOf(tracker['spec'])['managedResources']).filter(isRecord)) {
      const managed = managedOf(entry, tracker);
      if (entry['deleted'] !== true && passes(managed, filter)) found.set(keyText(managed.key), managed);
    }
  }
  return [...found.values()];
}

function managedOf(entry: Fields, tracker: KubeObject): Managed {
  const key = {
    cluster: textOf(entry['cluster']) || LOCAL,
    apiVersion: textOf(entry['apiVersion']),
    kind: textOf(entry['kind']),
    namespace: textOf(entry['namespace']),
    name: textOf(entry['name']),
  };
  return { key, component: textOf(entry['component']), trait: textOf(entry['trait']), fields: entry, tracker };
}

function passes({ key, component }: Managed, filter: Fields): boolean {
  const components = listOf(filter['components']);
  const is = (field: string, value: string): boolean => textOf(filter[field]) === '' || filter[field] === value;
  return (
    is('cluster', key.cluster) &&
    is('clusterNamespace', key.namespace) &&
    is('kind', key.kind) &&
    is('apiVersion', key.apiVersion) &&
    (components.length === 0 || components.includes(component))
  );
}

/** The live ones among them. One that is gone, or cannot be read, is left out. KubeVela 1.10. */
async function liveOf(managed: readonly Managed[], context: StepContext): Promise<readonly { readonly managed: Managed; readonly live: KubeObject }[]> {
  if (managed.length === 0) return [];
  const seen = await context.transport.observe(
    managed.map((item) => item.key),
    context.signal,
  );
  return managed.flatMap((item) => {
    const observation = seen.get(keyText(item.key));
    return observation !== undefined && 'live' in observation ? [{ managed: item, live: observation.live }] : [];
  });
}

const publishVersion = (tracker: KubeObject): string => tracker.metadata.annotations?.['app.oam.dev/publishVersion'] ?? '';

/** A query that answers `list`, and `err` instead of failing. */
function query(find: (app: Fields, context: StepContext) => Promise<readonly CueObject[]>): Action {
  return complete(
    async (call, context) => {
      try {
        return answer({ list: await find(fieldsOf(call.params['app']), context) });
      } catch (error) {
        const fault = toFault(error);
        if (isFatal(fault)) throw fault;
        return answer({ list: [], err: fault.message });
      }
    },
    ['list', 'err'],
  );
}

const resources = query(async (app, context) =>
  (await liveOf(await managedBy(app, context), context)).map(({ managed, live }) => ({
    cluster: managed.key.cluster,
    component: managed.component,
    revision: publishVersion(managed.tracker),
    object: liveObject(live),
  })),
);

const applied = query(async (app, context) =>
  (await managedBy(app, context)).map(({ key, component, trait, fields, tracker }) => ({
    name: key.name,
    namespace: key.namespace,
    cluster: key.cluster,
    component,
    trait,
    kind: key.kind,
    apiVersion: key.apiVersion,
    uid: textOf(fields['uid']),
    resourceVersion: textOf(fields['resourceVersion']),
    publishVersion: publishVersion(tracker),
    deployVersion: '',
    revision: tracker.metadata.labels?.['app.oam.dev/appRevision'] ?? '',
    latest: tracker.metadata.labels?.['app.oam.dev/appRevision'] === context.desired.revision.name,
  })),
);

/** Where the application's Services and Ingresses can be reached. */
const endpoints = query(async (app, context) => {
  const addresses = new Map<string, Promise<string>>();
  const nodeAddress = (cluster: string): Promise<string> => {
    const known = addresses.get(cluster) ?? context.transport.list(cluster, 'v1', 'Node', '', '', context.signal).then(gatewayAddress);
    addresses.set(cluster, known);
    return known;
  };
  const found: CueObject[] = [];
  for (const { managed, live } of await liveOf(
    (await managedBy(app, context)).filter(({ key }) => isService(key) || isIngress(key)),
    context,
  )) {
    const owner = { cluster: managed.key.cluster, component: managed.component };
    found.push(...(isService(managed.key) ? await serviceEndpoints(live, owner, () => nodeAddress(owner.cluster)) : ingressEndpoints(live, owner)));
  }
  return found;
});

const isService = (key: ObjectKey): boolean => key.kind === 'Service' && key.apiVersion === 'v1';
const isIngress = (key: ObjectKey): boolean => key.kind === 'Ingress' && groupOf(key.apiVersion) === 'networking.k8s.io';

/** Pods, events and logs are for viewers; a delivery that hangs on them would hang on chance. */
const forViewers: Action = async (call) => {
  throw new Fault('workflow/unsupported', `${call.provider}.${call.do} is not supported: it serves viewers, not deliveries`);
};

export const QUERY: Provider = {
  listResourcesInApp: resources,
  listAppliedResources: applied,
  collectServiceEndpoints: endpoints,
  collectResources: forViewers,
  searchEvents: forViewers,
  collectLogsInPod: forViewers,
};
