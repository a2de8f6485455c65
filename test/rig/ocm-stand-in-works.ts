/** The work agent of the stand-in: one ManifestWork at a time, by OCM 1.3.1's recorded words. Knows nothing of Lateen's own agent. */
import { createHash } from 'node:crypto';
import type { KubeInput, KubeObject, LabClient } from '../lab/client.ts';

export interface Bench {
  readonly cluster: string;
  readonly hubUrl: string;
  readonly hub: LabClient;
  readonly member: LabClient;
  /** By the uid of a work: the generation that was applied, and the paths of its objects on the member. */
  readonly memory: Map<string, { readonly generation: number; readonly paths: readonly string[]; readonly outcomes: readonly (string | null)[] }>;
  /** Values of feedback stay as they are. */
  isHeld: boolean;
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number;
  readonly lastTransitionTime?: string;
}

const FINALIZER = 'cluster.open-cluster-management.io/manifest-work-cleanup';
const APPLIED_FINALIZER = 'cluster.open-cluster-management.io/applied-manifest-work-cleanup';
const AGENT_ID = 'klusterlet-1';
const WORK_API = 'work.open-cluster-management.io/v1';

/** Conditions with these in them, each with the time of its last change; null when that is no news. */
export function withConditions(old: readonly Condition[] | undefined, wanted: readonly Condition[]): readonly Condition[] | null {
  const before = old ?? [];
  const next = new Map(before.map((one) => [one.type, one]));
  for (const one of wanted) {
    const former = next.get(one.type);
    next.set(one.type, {
      ...one,
      lastTransitionTime:
        former?.status === one.status && former.lastTransitionTime !== undefined ? former.lastTransitionTime : new Date().toISOString().replace(/\.\d+Z/, 'Z'),
    });
  }
  const text = (list: readonly Condition[]): string =>
    JSON.stringify(list.map(({ type, status, reason, message, observedGeneration }) => [type, status, reason, message, observedGeneration]));
  return text([...next.values()]) === text(before) ? null : [...next.values()];
}

const hashOf = (url: string): string => createHash('sha256').update(url).digest('hex');

/** Applies what is new, prunes what left, tells what is there; or takes all of it away when the work is being deleted. */
export async function tendManifestWork(bench: Bench, work: KubeObject): Promise<void> {
  const ref = `manifestworks.work.open-cluster-management.io/${bench.cluster}/${work.metadata.name}`;
  const recordName = `${hashOf(bench.hubUrl)}-${work.metadata.name}`;
  const record = await bench.member.find(`appliedmanifestworks/${recordName}`);
  const known = bench.memory.get(work.metadata.uid ?? '');
  if (work.metadata['deletionTimestamp'] !== undefined) return remove(bench, work, ref, record);
  if (!(work.metadata['finalizers'] ?? []).includes(FINALIZER)) {
    await bench.hub.patch(ref, {
      metadata: { resourceVersion: work.metadata.resourceVersion, finalizers: [...(work.metadata['finalizers'] ?? []), FINALIZER] },
    });
    return;
  }
  const owner =
    record ??
    (await bench.member.create({
      apiVersion: WORK_API,
      kind: 'AppliedManifestWork',
      metadata: { name: recordName, finalizers: [APPLIED_FINALIZER] },
      spec: { hubHash: hashOf(bench.hubUrl), manifestWorkName: work.metadata.name, agentID: AGENT_ID },
    }));
  // A record of another agent of the same hub is taken over.
  if (owner.spec.agentID !== AGENT_ID) await bench.member.patch(`appliedmanifestworks/${recordName}`, { spec: { agentID: AGENT_ID } });
  const manifests: readonly KubeInput[] = work.spec.workload.manifests;
  let done = known;
  if (done === undefined || done.generation !== work.metadata['generation']) {
    const paths: string[] = [];
    const outcomes: (string | null)[] = [];
    for (const manifest of manifests) {
      const [path, failure] = await applyOne(bench.member, manifest, owner, work.spec.manifestConfigs ?? []);
      paths.push(path);
      outcomes.push(failure);
    }
    for (const path of known?.paths ?? pathsOf(owner)) if (!paths.includes(path)) await bench.member.delete(path);
    done = { generation: work.metadata['generation'] as number, paths, outcomes };
    bench.memory.set(work.metadata.uid ?? '', done);
  }
  const live = await Promise.all(done.paths.map((path) => (path === '' ? Promise.resolve(undefined) : bench.member.find(path))));
  await saveRecord(bench.member, owner, live, done.paths);
  await saveStatus(bench, work, ref, live, done);
}

async function applyOne(
  member: LabClient,
  manifest: KubeInput,
  owner: KubeObject,
  configs: readonly any[],
): Promise<readonly [path: string, failure: string | null]> {
  const path = await member.pathOf(manifest).catch(() => '');
  if (path === '') return ['', `the server doesn't have a resource type "${manifest.kind}"`];
  const ownerReferences = [{ apiVersion: WORK_API, kind: 'AppliedManifestWork', name: owner.metadata.name, uid: owner.metadata.uid }];
  try {
    const pointers = ignoredOf(configs, metaOf(path));
    const sent = pointers.length > 0 && (await member.find(path)) !== undefined ? withoutFields(manifest, pointers) : manifest;
    await member.apply({ ...sent, metadata: { ...sent.metadata, ownerReferences } }, 'work');
    return [path, null];
  } catch (error) {
    return [path, error instanceof Error ? error.message : String(error)];
  }
}

/** ignoreFields with the condition OnSpokePresent: they are left out where the object is there already. */
const ignoredOf = (configs: readonly any[], meta: ReturnType<typeof metaOf>): readonly string[] =>
  (
    configs.find(({ resourceIdentifier: id }) => id.resource === meta.resource && id.name === meta.name && id.namespace === meta.namespace)?.updateStrategy
      ?.serverSideApply?.ignoreFields ?? []
  ).flatMap((one: any) => (one.condition === 'OnSpokePresent' ? one.jsonPointers : []));

function withoutFields(manifest: KubeInput, pointers: readonly string[]): KubeInput {
  const left: any = structuredClone(manifest);
  for (const pointer of pointers) {
    const parts = pointer
      .slice(1)
      .split('/')
      .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
    delete parts.slice(0, -1).reduce((at, part) => at?.[part], left)?.[parts.at(-1) ?? ''];
  }
  return left;
}

/** Group, version, plural, namespace and name out of an API path. */
function metaOf(path: string): {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
} {
  const parts = path.split('/').slice(1);
  const [group, version, ...rest] = parts[0] === 'api' ? ['', ...parts.slice(1)] : parts.slice(1);
  const [namespace, resource, name] = rest[0] === 'namespaces' && rest.length > 2 ? [rest[1], rest[2], rest[3]] : ['', rest[0], rest[1]];
  return { group: group ?? '', version: version ?? '', resource: resource ?? '', namespace: namespace ?? '', name: decodeURIComponent(name ?? '') };
}

const pathsOf = (record: KubeObject): readonly string[] =>
  (record.status?.appliedResources ?? []).map(
    (one: ReturnType<typeof metaOf>) =>
      `${one.group === '' ? '/api' : `/apis/${one.group}`}/${one.version}${one.namespace === '' ? '' : `/namespaces/${one.namespace}`}/${one.resource}/${one.name}`,
  );

async function saveRecord(member: LabClient, record: KubeObject, live: readonly (KubeObject | undefined)[], paths: readonly string[]): Promise<void> {
  const appliedResources = paths
    .flatMap((path, at) => (live[at] === undefined ? [] : [{ ...metaOf(path), uid: live[at].metadata.uid }]))
    .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  const text = (list: readonly { readonly uid?: string | undefined }[] | undefined): string =>
    (list ?? [])
      .map((one) => one.uid ?? '')
      .toSorted((a, b) => (a < b ? -1 : 1))
      .join();
  if (text(record.status?.appliedResources) !== text(appliedResources))
    await member.patch(`appliedmanifestworks/${record.metadata.name}`, { status: { appliedResources } }, 'status');
}

async function saveStatus(
  bench: Bench,
  work: KubeObject,
  ref: string,
  live: readonly (KubeObject | undefined)[],
  done: { readonly generation: number; readonly paths: readonly string[]; readonly outcomes: readonly (string | null)[] },
): Promise<void> {
  const { generation } = done;
  const manifests: readonly KubeInput[] = work.spec.workload.manifests;
  const told: readonly any[] = work.status?.resourceStatus?.manifests ?? [];
  const entries = manifests.map((manifest, ordinal) => {
    const path = done.paths[ordinal] ?? '';
    const meta =
      path === ''
        ? { ...groupVersion(manifest.apiVersion), resource: '', namespace: manifest.metadata.namespace ?? '', name: manifest.metadata.name }
        : metaOf(path);
    const former = told.find(
      (one) => one.resourceMeta.kind === manifest.kind && one.resourceMeta.name === meta.name && one.resourceMeta.namespace === meta.namespace,
    );
    const failure = done.outcomes[ordinal] ?? null;
    const applied: Condition =
      failure === null
        ? { type: 'Applied', status: 'True', reason: 'AppliedManifestComplete', message: 'Apply manifest complete', observedGeneration: generation }
        : {
            type: 'Applied',
            status: 'False',
            reason: 'AppliedManifestFailed',
            message: `Failed to apply manifest: ${failure}`,
            observedGeneration: generation,
          };
    const available: Condition =
      path === ''
        ? { type: 'Available', status: 'Unknown', reason: 'IncompleteResourceMeta', message: 'Resource meta is incomplete' }
        : live[ordinal] !== undefined
          ? { type: 'Available', status: 'True', reason: 'ResourceAvailable', message: 'Resource is available' }
          : { type: 'Available', status: 'False', reason: 'ResourceNotAvailable', message: 'Resource is not available' };
    const paths = jsonPathsFor(work, meta);
    const values = bench.isHeld ? (former?.statusFeedback?.values ?? []) : paths.flatMap(({ name, path: field }) => valueAt(live[ordinal], name, field));
    const feedback: Condition = {
      type: 'StatusFeedbackSynced',
      status: 'True',
      reason: paths.length === 0 ? 'NoStatusFeedbackSynced' : 'StatusFeedbackSynced',
      message: '',
    };
    const conditions =
      withConditions(former?.conditions, live[ordinal] === undefined ? [applied, available] : [applied, available, feedback]) ?? former.conditions;
    return { resourceMeta: { ordinal, kind: manifest.kind, ...meta }, statusFeedback: values.length === 0 ? {} : { values }, conditions };
  });
  const count = (status: string): number =>
    entries.filter((entry) => entry.conditions.some((one: Condition) => one.type === 'Available' && one.status === status)).length;
  const [failed, missing] = [done.outcomes.some((one) => one !== null), count('False')];
  const conditions = withConditions(work.status?.conditions, [
    failed
      ? { type: 'Applied', status: 'False', reason: 'AppliedManifestWorkFailed', message: 'Failed to apply manifest work', observedGeneration: generation }
      : { type: 'Applied', status: 'True', reason: 'AppliedManifestWorkComplete', message: 'Apply manifest work complete', observedGeneration: generation },
    missing > 0
      ? {
          type: 'Available',
          status: 'False',
          reason: 'ResourcesNotAvailable',
          message: `${missing} of ${entries.length} resources are not available`,
          observedGeneration: generation,
        }
      : { type: 'Available', status: 'True', reason: 'ResourcesAvailable', message: 'All resources are available', observedGeneration: generation },
  ]);
  const status = { conditions: conditions ?? work.status.conditions, resourceStatus: { manifests: entries } };
  // By content, whatever the order in which the server keeps the fields.
  if (sorted(status) !== sorted(work.status)) await bench.hub.patch(ref, { metadata: { resourceVersion: work.metadata.resourceVersion }, status }, 'status');
}

const sorted = (value: unknown): string =>
  JSON.stringify(value, (_key, field: unknown) =>
    typeof field === 'object' && field !== null && !Array.isArray(field)
      ? Object.fromEntries(Object.entries(field).sort(([a], [b]) => (a < b ? -1 : 1)))
      : field,
  );

function groupVersion(apiVersion: string): { readonly group: string; readonly version: string } {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  return { group: group ?? '', version: version ?? '' };
}

function jsonPathsFor(
  work: KubeObject,
  meta: { readonly group: string; readonly resource: string; readonly namespace: string; readonly name: string | undefined },
): readonly { readonly name: string; readonly path: string }[] {
  const config = (work.spec.manifestConfigs ?? []).find(
    ({ resourceIdentifier: id }: any) =>
      (id.group ?? '') === meta.group && id.resource === meta.resource && id.name === meta.name && (id.namespace ?? '') === meta.namespace,
  );
  return (config?.feedbackRules ?? []).flatMap((rule: any) => rule.jsonPaths ?? []);
}

/** Scalars only, the first of what is found: a plain path, with `[*]`, places in brackets, or a filter `[?(@.field=="value")]`. */
function valueAt(live: KubeObject | undefined, name: string, path: string): readonly object[] {
  let found: readonly any[] = [live];
  for (const [, filter, wanted, place, field] of path.matchAll(/\[\?\(@\.(\w+)=="([^"]*)"\)\]|\[(\*|\d+)\]|\.(\w+)/g)) {
    const next = (at: any): readonly any[] => {
      if (field !== undefined) return [at?.[field]];
      const list: readonly any[] = Array.isArray(at) ? at : [];
      if (filter !== undefined) return list.filter((one) => one?.[filter] === wanted);
      return place === '*' ? list : [list[Number(place)]];
    };
    found = found.flatMap(next).filter((at) => at !== undefined);
  }
  const [value] = found;
  if (typeof value === 'string') return [{ name, fieldValue: { type: 'String', string: value } }];
  if (typeof value === 'boolean') return [{ name, fieldValue: { type: 'Boolean', boolean: value } }];
  return Number.isInteger(value) ? [{ name, fieldValue: { type: 'Integer', integer: value } }] : [];
}

/** What it applied goes, then the record, then the work's finalizer. */
async function remove(bench: Bench, work: KubeObject, ref: string, record: KubeObject | undefined): Promise<void> {
  if (!(work.metadata['finalizers'] ?? []).includes(FINALIZER)) return;
  const deleting = withConditions(work.status?.conditions, [
    {
      type: 'Deleting',
      status: 'True',
      reason: 'WorkDeleting',
      message: 'ManifestWork is being deleted',
      observedGeneration: work.metadata['generation'] as number,
    },
  ]);
  if (deleting !== null)
    return void (await bench.hub.patch(ref, { metadata: { resourceVersion: work.metadata.resourceVersion }, status: { conditions: deleting } }, 'status'));
  const paths = record === undefined ? [] : pathsOf(record);
  const left = (await Promise.all(paths.map((path) => bench.member.find(path)))).filter(
    (live) => live !== undefined && live.metadata['ownerReferences']?.some((owner: { uid: string }) => owner.uid === record?.metadata.uid),
  );
  for (const path of paths) if (left.length > 0) await bench.member.delete(path);
  if (left.length > 0) return;
  if (record !== undefined) {
    await bench.member.delete(`appliedmanifestworks/${record.metadata.name}`);
    await bench.member.patch(`appliedmanifestworks/${record.metadata.name}`, { metadata: { finalizers: [] } }).catch(() => {});
  }
  await bench.hub.patch(ref, {
    metadata: { resourceVersion: work.metadata.resourceVersion, finalizers: work.metadata['finalizers'].filter((item: string) => item !== FINALIZER) },
  });
}
