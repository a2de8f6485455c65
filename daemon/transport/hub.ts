/** Makes a hub or a member ready: the system namespace, KubeVela's and OCM's kinds; and sees whether vela-core is at work there. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hashOf, isRecord, parseJson } from '../lib/json.ts';
import { SYSTEM_NAMESPACE } from '../model/catalog.ts';
import { Fault } from '../model/fault.ts';
import { keyOf, keyText, LOCAL, type KubeObject } from '../model/object.ts';
import type { Clock, Effects, Transport } from '../model/ports.ts';
import type { KubeClient } from './kube.ts';
import { targetOf } from './kube.ts';
import { installViews } from './views.ts';
import { FIELD_MANAGER } from '../lib/stamp.ts';

/** On a CRD of ours: the hash of the file that it was made from. A CRD without it is KubeVela's own and stays as it is. */
const SOURCE_ANNOTATION = 'lateen.dev/source-hash';
const ESTABLISHED_WITHIN_MS = 30_000;

/** Where OCM's kinds are, below the folder of KubeVela's, and below that what a member needs. */
const OCM_FOLDER = 'ocm';
const MEMBER_FOLDER = 'member';

/** KubeVela's kinds and OCM's as Lateen installs them on a hub where they are absent, each sorted by name. */
export async function readDefinitions(folder: string): Promise<readonly KubeObject[]> {
  return (await Promise.all([readFolder(folder), readFolder(join(folder, OCM_FOLDER))])).flat();
}

/** What a member needs of OCM's kinds (AppliedManifestWork); `folder` is that of {@link readDefinitions}. */
export function readMemberDefinitions(folder: string): Promise<readonly KubeObject[]> {
  return readFolder(join(folder, OCM_FOLDER, MEMBER_FOLDER));
}

async function readFolder(folder: string): Promise<readonly KubeObject[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort();
  return Promise.all(names.map(async (name) => parseJson(await readFile(join(folder, name), 'utf8')) as unknown as KubeObject));
}

/**
 * Creates what is absent: the namespace `vela-system`, the CRDs, as {@link installDefinitions} does, and what the `vela` CLI
 * looks for. Gives the names of what was written, sorted. Faults: transport/*.
 */
export async function prepareHub(
  client: KubeClient,
  definitions: readonly KubeObject[],
  effects: Effects,
  clock: Clock,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const namespace: KubeObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: SYSTEM_NAMESPACE } };
  const isThere = (await client.get(targetOf(namespace), signal)) !== null;
  if (!isThere)
    await effects.run('system', `Namespace ${SYSTEM_NAMESPACE}`, () => client.apply(namespace, { fieldManager: FIELD_MANAGER, force: true }, signal));
  const written = await installDefinitions(client, definitions, '', effects, clock, signal);
  const views = await installViews(client, effects, signal);
  return [...(isThere ? [] : [SYSTEM_NAMESPACE]), ...written, ...views].sort();
}

/** A hub as a verb that only looks has to see it: what {@link prepareHub} would first write is there. Nothing is written. */
export function asPrepared(transport: Transport, definitions: readonly KubeObject[]): Transport {
  const ours = new Map(definitions.map((definition) => [keyText(keyOf(LOCAL, definition)), definition]));
  return {
    ...transport,
    observe: async (keys, signal) =>
      new Map(
        [...(await transport.observe(keys, signal))].map(([key, seen]) => {
          const live = ours.get(key);
          return [key, live !== undefined && 'absent' in seen ? { live } : seen] as const;
        }),
      ),
  };
}

/**
 * Creates CRDs that are absent. One that is there and not ours is left alone, and so is one of ours that another has
 * taken over since (OCM's operator writes its own over what it finds); else ours is brought up to date. Resolves when
 * all of them are served. `where` is "" for the hub, else the member's name. Gives the names of what was written.
 */
export async function installDefinitions(
  client: KubeClient,
  definitions: readonly KubeObject[],
  where: string,
  effects: Effects,
  clock: Clock,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const present = await listDefinitions(client, signal);
  const mine: KubeObject[] = [];
  for (const definition of definitions) {
    const there = present.get(definition.metadata.name ?? '');
    const hash = hashOf(definition);
    const was = there?.metadata.annotations?.[SOURCE_ANNOTATION];
    if (there === undefined || (was !== undefined && was !== hash && !isTakenOver(there)))
      mine.push({ ...definition, metadata: { ...definition.metadata, annotations: { ...definition.metadata.annotations, [SOURCE_ANNOTATION]: hash } } });
  }
  await Promise.all(
    mine.map((definition) =>
      effects.run('system', `${definition.kind} ${definition.metadata.name ?? ''}${where === '' ? '' : ` on ${where}`}`, () =>
        client.apply(definition, { fieldManager: FIELD_MANAGER, force: true }, signal),
      ),
    ),
  );
  if (mine.length > 0) await untilEstablished(client, mine, clock, signal);
  await Promise.all(
    mine.flatMap(kindsOf).map(async ([apiVersion, kind]) => {
      client.expectKind(apiVersion, kind);
      // Established comes a moment before its objects can be listed.
      await client.list({ apiVersion, kind, namespace: '', fields: 'metadata.name=-', metadataOnly: true }, signal);
    }),
  );
  return mine.map((definition) => definition.metadata.name ?? '').sort();
}

/** Whether another manager owns fields of the spec by now. */
function isTakenOver(definition: KubeObject): boolean {
  const entries = definition.metadata['managedFields'];
  return (Array.isArray(entries) ? entries.filter(isRecord) : []).some(
    ({ manager, subresource, fieldsV1 }) => manager !== FIELD_MANAGER && (subresource ?? '') === '' && isRecord(fieldsV1) && 'f:spec' in fieldsV1,
  );
}

async function listDefinitions(client: KubeClient, signal: AbortSignal): Promise<ReadonlyMap<string, KubeObject>> {
  const found = await client.list({ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', namespace: '', metadataOnly: true }, signal);
  return new Map(found.items.map((item) => [item.metadata.name ?? '', item]));
}

async function untilEstablished(client: KubeClient, definitions: readonly KubeObject[], clock: Clock, signal: AbortSignal): Promise<void> {
  const waiting = new Map(definitions.map((definition) => [definition.metadata.name ?? '', definition]));
  for (const startedMs = clock.now(); ; await clock.sleep(100, signal)) {
    await Promise.all(
      [...waiting].map(async ([name, definition]) => {
        const live = await client.get(targetOf(definition), signal);
        const refused = conditionOf(live, 'NamesAccepted');
        if (refused?.['status'] === 'False') throw new Fault('transport/invalid', `CustomResourceDefinition ${name}: ${String(refused['message'])}`);
        if (conditionOf(live, 'Established')?.['status'] === 'True') waiting.delete(name);
      }),
    );
    if (waiting.size === 0) return;
    if (clock.now() - startedMs > ESTABLISHED_WITHIN_MS) throw new Fault('transport/busy', `the cluster does not serve ${[...waiting.keys()].join(', ')} yet`);
  }
}

function conditionOf(object: KubeObject | null, type: string): Readonly<Record<string, unknown>> | undefined {
  const status = isRecord(object?.['status']) ? object['status'] : {};
  return (Array.isArray(status['conditions']) ? status['conditions'].filter(isRecord) : []).find((condition) => condition['type'] === type);
}

/** `[apiVersion, kind]` of every version that a CRD serves. */
export function kindsOf(definition: KubeObject): [string, string][] {
  const spec = isRecord(definition['spec']) ? definition['spec'] : {};
  const names = isRecord(spec['names']) ? spec['names'] : {};
  const versions = Array.isArray(spec['versions']) ? spec['versions'].filter(isRecord) : [];
  return versions
    .filter((version) => version['served'] !== false)
    .map((version) => [`${String(spec['group'])}/${String(version['name'])}`, String(names['kind'])]);
}

/** vela-core renews its leader election Lease every few seconds and gives up a Lease that was not renewed for 15 s. */
const LEADER_FRESH_MS = 30_000;

/**
 * Throws transport/vela-core when a running vela-core owns the hub's Applications: two controllers would fight.
 * Evidence, from live objects only: a Deployment with its labels and a ready replica (chart of KubeVela 1.1 and 1.10:
 * `app.kubernetes.io/name: vela-core`, `controller.oam.dev/name: vela-core`), or its leader election Lease
 * (`kubevela-<version>` with z for each dot in 1.10, `kubevela` in 1.1) renewed just now.
 */
export async function findVelaCore(client: KubeClient, clock: Clock, signal: AbortSignal): Promise<void> {
  const [byName, byController, leases] = await Promise.all([
    deployments(client, 'app.kubernetes.io/name=vela-core', signal),
    deployments(client, 'controller.oam.dev/name=vela-core', signal),
    client.list({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace: SYSTEM_NAMESPACE }, signal),
  ]);
  for (const deployment of [...byName, ...byController]) {
    const status = isRecord(deployment['status']) ? deployment['status'] : {};
    const ready = status['readyReplicas'];
    const what = `Deployment ${deployment.metadata.namespace ?? ''}/${deployment.metadata.name ?? ''}`;
    if (typeof ready === 'number' && ready > 0)
      throw new Fault('transport/vela-core', `vela-core runs on this hub: ${what} has ${ready} ready replica${ready === 1 ? '' : 's'}`);
  }
  for (const lease of leases.items) {
    const name = lease.metadata.name ?? '';
    const spec = isRecord(lease['spec']) ? lease['spec'] : {};
    const holder = spec['holderIdentity'];
    const renewedMs = Date.parse(typeof spec['renewTime'] === 'string' ? spec['renewTime'] : '');
    if (!/^kubevela(-|$)/.test(name) || typeof holder !== 'string' || holder === '') continue;
    if (Math.abs(clock.now() - renewedMs) < LEADER_FRESH_MS)
      throw new Fault('transport/vela-core', `vela-core runs on this hub: ${holder} has renewed Lease ${SYSTEM_NAMESPACE}/${name} just now`);
  }
}

async function deployments(client: KubeClient, labels: string, signal: AbortSignal): Promise<readonly KubeObject[]> {
  const query = { apiVersion: 'apps/v1', kind: 'Deployment', labels };
  try {
    return (await client.list({ ...query, namespace: '' }, signal)).items;
  } catch (error) {
    // Without the right to look everywhere, the place where it is installed by default has to do.
    if (!(error instanceof Fault) || error.code !== 'transport/denied') throw error;
    return (await client.list({ ...query, namespace: SYSTEM_NAMESPACE }, signal)).items;
  }
}
