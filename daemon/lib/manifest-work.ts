/**
 * OCM's ManifestWork, the pure side: how objects are put into works, what a work's status says of them, and whether it is
 * well. Source: OCM 1.3, api work/v1.
 */
import { groupOf, keyOf, LOCAL, type Json, type JsonObject, type KubeObject, type ObjectKey } from '../model/object.ts';
import { PLAIN_RULES, type DesiredApplication, type Environment, type RenderedComponent, type StatusTemplates, type Wanted } from '../model/plan.ts';
import { placesIn, type FieldPointer } from './field-pointer.ts';
import { hashOf, isRecord, stableStringify, type Fields } from './json.ts';

export const WORK_API = 'work.open-cluster-management.io/v1';

/** OCM's webhook refuses more than 512,000 bytes of manifests in one work; what is below this is never near it. */
const WORK_BYTES_MAX = 400_000;

/** Bytes of a manifest as OCM counts them: Go's JSON, which writes `<`, `>` and `&` in six bytes. */
function bytesOf(manifest: KubeObject): number {
  const text = stableStringify(manifest);
  return Buffer.byteLength(text) + 5 * (text.match(/[<>&\u2028\u2029]/g)?.length ?? 0) + 6;
}

/** Manifests that go in one work, and the number of that work: 0 is the first. */
interface Part {
  readonly index: number;
  readonly manifests: readonly KubeObject[];
}

/** So many times a part is halved at most; what is still too large then is for the API server to refuse. */
const HALVINGS_MAX = 16;

/**
 * Manifests in parts below the limit, by number. A part that is too full is halved by a hash of its manifests' names, and
 * only that part is: what grows elsewhere moves no manifest to another work, whose agent might delete it from the one
 * before it applies it from the other. A single manifest that is too large has a part of its own. Pure.
 */
export function partsOf(manifests: readonly KubeObject[], bytesMax = WORK_BYTES_MAX): readonly Part[] {
  const halve = (list: readonly KubeObject[], index: number, depth: number): readonly Part[] => {
    if (list.length === 0) return [];
    if (list.length === 1 || depth === HALVINGS_MAX || list.reduce((sum, manifest) => sum + bytesOf(manifest), 0) <= bytesMax)
      return [{ index, manifests: list }];
    const isUpper = ({ apiVersion, kind, metadata }: KubeObject): boolean =>
      ((Number.parseInt(hashOf([groupOf(apiVersion), kind, metadata.namespace ?? '', metadata.name ?? '']).slice(0, 8), 16) >> depth) & 1) === 1;
    const [lower, upper] = [list.filter((manifest) => !isUpper(manifest)), list.filter(isUpper)];
    // Who has the part for itself stays in it.
    return lower.length === 0 ? halve(upper, index, depth + 1) : [...halve(lower, index, depth + 1), ...halve(upper, index + 2 ** depth, depth + 1)];
  };
  return halve(manifests, 0, 0).toSorted((a, b) => a.index - b.index);
}

interface WorkSpec {
  readonly name: string;
  /** The cluster, which is the work's namespace on the hub. */
  readonly cluster: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly manifests: readonly KubeObject[];
  readonly configs: readonly JsonObject[];
}

/** One ManifestWork, or where its manifests are too large several: `<name>`, `<name>-2`, `<name>-3` and so on, some numbers left out. */
export function manifestWorks(spec: WorkSpec): readonly KubeObject[] {
  return partsOf(spec.manifests).map(({ index, manifests }) => ({
    apiVersion: WORK_API,
    kind: 'ManifestWork',
    metadata: { name: index === 0 ? spec.name : `${spec.name}-${index + 1}`, namespace: spec.cluster, labels: spec.labels },
    spec: { workload: { manifests }, ...(spec.configs.length === 0 ? {} : { manifestConfigs: spec.configs }) },
  }));
}

const ownerLabels = (app: Pick<DesiredApplication, 'name' | 'namespace'>, component: string): Record<string, string> => ({
  'app.oam.dev/name': app.name,
  'app.oam.dev/namespace': app.namespace,
  'app.oam.dev/component': component,
});

/** KubeVela 1.1: the name of the work of one component in one environment. */
export const environmentWorkName = (environment: Pick<Environment, 'policy' | 'name'>, component: string): string =>
  `${environment.policy}-${environment.name}-${component}`;

/**
 * What delivers components of an environment to `cluster`, for all of them or one. KubeVela 1.1: one ManifestWork for
 * each component, its objects in it as they were rendered; other engines than OCM apply the objects themselves. Where a
 * klusterlet applies (`asksFeedback`) nothing else tells how the objects are, so the work asks it.
 */
export function environmentObjects(
  app: Pick<DesiredApplication, 'name' | 'namespace'>,
  environment: Environment,
  cluster: string,
  component: string | null,
  asksFeedback = false,
): readonly Wanted[] {
  return environment.components
    .filter((rendered) => component === null || rendered.name === component)
    .flatMap((rendered): readonly Wanted[] => {
      if (environment.by === 'apply') return rendered.objects.map((wanted) => ({ ...wanted, key: { ...wanted.key, cluster } }));
      const works = manifestWorks({
        name: environmentWorkName(environment, rendered.name),
        cluster,
        labels: ownerLabels(app, rendered.name),
        manifests: rendered.objects.map((wanted) => wanted.object),
        configs: asksFeedback ? rendered.objects.flatMap((wanted) => feedbackOf(wanted, rendered)) : [],
      });
      return works.map((work) => workWanted(work, rendered));
    });
}

const workWanted = (work: KubeObject, rendered: RenderedComponent): Wanted => ({
  key: keyOf(LOCAL, work),
  object: work,
  component: rendered.name,
  trait: '',
  output: '',
  origin: rendered.objects[0]?.origin ?? null,
  rules: { ...PLAIN_RULES, takeOver: true },
});

/**
 * A component for a cluster where OCM's agent applies: its objects in ManifestWorks on the hub, with feedback of what
 * its health policies read. Objects that belong to the hub stay as they are.
 */
export function inWorks(app: Pick<DesiredApplication, 'name' | 'namespace'>, rendered: RenderedComponent): RenderedComponent {
  const carried = rendered.objects.filter((wanted) => wanted.key.cluster !== LOCAL);
  if (carried.length === 0) return rendered;
  const name = `${app.name}-${rendered.name}`.slice(0, 150);
  const works = manifestWorks({
    name: `${name}-${hashOf([app.namespace, app.name, rendered.name, rendered.namespace, rendered.replicaKey]).slice(0, 8)}`,
    cluster: rendered.cluster,
    labels: ownerLabels(app, rendered.name),
    manifests: carried.map((wanted) => wanted.object),
    configs: carried.flatMap((wanted) => feedbackOf(wanted, rendered)),
  });
  return {
    ...rendered,
    inside: rendered,
    objects: [...works.map((work) => workWanted(work, rendered)), ...rendered.objects.filter((wanted) => wanted.key.cluster === LOCAL)],
  };
}

/**
 * A work that leaves to others what the rules say of its manifests (`ignored`); without such a rule the very same work. OCM
 * 1.3: ServerSideApply with ignoreFields, applied with the object when it is made, and without these fields when the rest
 * of the manifest changes. Two things come with it: the agent keeps nothing else of such an object either until its
 * manifest changes, and a field that nobody has taken over by then falls back to what the server has for it. `force` as with
 * OCM's Update. What the work already says about a manifest's updates stays. Pure.
 */
export function leavingToOthers(work: KubeObject, ignored: (manifest: KubeObject, key: ObjectKey) => readonly FieldPointer[]): KubeObject {
  const configs = listOf(fieldOf(work['spec'], 'manifestConfigs'));
  let changed = configs;
  for (const manifest of listOf(fieldOf(fieldOf(work['spec'], 'workload'), 'manifests')) as unknown as readonly KubeObject[]) {
    const key = keyOf(work.metadata.namespace ?? '', manifest);
    const jsonPointers = placesIn(manifest, ignored(manifest, key));
    if (jsonPointers.length === 0) continue;
    const resourceIdentifier = identifierOf(key);
    const own = changed.find((config) => stableStringify(config['resourceIdentifier']) === stableStringify(resourceIdentifier));
    if (own?.['updateStrategy'] !== undefined) continue;
    const config = {
      resourceIdentifier,
      ...own,
      updateStrategy: { type: 'ServerSideApply', serverSideApply: { force: true, ignoreFields: [{ condition: 'OnSpokePresent', jsonPointers }] } },
    };
    changed = own === undefined ? [...changed, config] : changed.map((item) => (item === own ? config : item));
  }
  return changed === configs ? work : { ...work, spec: { ...(work['spec'] as Fields), manifestConfigs: changed } };
}

const identifierOf = ({ apiVersion, kind, name, namespace }: ObjectKey): JsonObject => ({
  group: groupOf(apiVersion),
  resource: pluralOf(kind),
  name,
  namespace,
});

/**
 * Fields by which kstatus judges an object, beside those of its health policy. `conditions.X` is the status of the
 * condition X, a number the place in a list: see {@link pathOf} and {@link withValue}.
 */
const KSTATUS_FIELDS: Readonly<Record<string, readonly string[]>> = {
  Deployment: [
    'metadata.generation',
    'status.observedGeneration',
    'status.replicas',
    'status.updatedReplicas',
    'status.readyReplicas',
    'status.availableReplicas',
  ],
  StatefulSet: [
    'metadata.generation',
    'status.observedGeneration',
    'status.replicas',
    'status.updatedReplicas',
    'status.readyReplicas',
    'status.currentRevision',
    'status.updateRevision',
  ],
  DaemonSet: [
    'metadata.generation',
    'status.observedGeneration',
    'status.desiredNumberScheduled',
    'status.numberAvailable',
    'status.updatedNumberScheduled',
    'status.numberReady',
  ],
  Job: ['status.succeeded', 'status.failed', 'status.active', 'status.conditions.Complete', 'status.conditions.Failed'],
  Pod: ['status.phase', 'status.conditions.Ready'],
  PersistentVolumeClaim: ['status.phase'],
  Service: ['status.loadBalancer.ingress.0.ip', 'status.loadBalancer.ingress.0.hostname'],
};

/** Where an agent finds a field. `[*]` and a filter, unlike `[0]`, are no error where the list is empty; it takes the first. */
function pathOf(field: string): string {
  return `.${field}`.replace(/\.conditions\.(\w+)$/, '.conditions[?(@.type=="$1")].status').replace(/\.\d+(?=\.|$)/g, '[*]');
}

/** No scalars: asked for, they would only be complained about. */
const NO_SCALARS = /^metadata\.(?:annotations|labels|ownerReferences|finalizers|managedFields)\b|^status\.conditions$/;

/**
 * The scalar fields of a live object that templates read, as far as they are plain paths: `status.readyReplicas`. Of the
 * spec as well: the server may have put a default where nothing was sent.
 */
export function fieldsRead(templates: StatusTemplates, output: string): readonly string[] {
  const text = [templates.healthPolicy, templates.customStatus, templates.details].join('\n');
  const owner = output === '' ? 'context\\.output' : `context\\.outputs(?:\\.${output}|\\["${output}"\\])`;
  return [...text.matchAll(new RegExp(`${owner}\\.((?:spec|status|metadata)(?:\\.\\w+)+)(?![\\w.]*\\[)`, 'g'))]
    .map((match) => match[1] ?? '')
    .filter((field) => !NO_SCALARS.test(field));
}

function feedbackOf(wanted: Wanted, rendered: RenderedComponent): readonly JsonObject[] {
  const templates = [rendered.status, ...rendered.traits.map((trait) => trait.status)];
  const spec = wanted.object['spec'];
  const known = wanted.key.kind === 'Service' && fieldOf(spec, 'type') !== 'LoadBalancer' ? [] : (KSTATUS_FIELDS[wanted.key.kind] ?? []);
  const fields = [...new Set([...known, ...templates.flatMap((item) => fieldsRead(item, wanted.trait === '' ? '' : wanted.output))])];
  if (fields.length === 0) return [];
  return [
    {
      resourceIdentifier: identifierOf(wanted.key),
      feedbackRules: [{ type: 'JSONPaths', jsonPaths: fields.map((field) => ({ name: field, path: pathOf(field) })) }],
    },
  ];
}

/** The plural as nearly every kind has it; a wrong one only costs the feedback, and the rules about its fields. */
function pluralOf(kind: string): string {
  const name = kind.toLowerCase();
  if (name.endsWith('y') && !/[aeiou]y$/.test(name)) return `${name.slice(0, -1)}ies`;
  return /(?:s|x|ch|sh)$/.test(name) ? `${name}es` : `${name}s`;
}

const listOf = (value: unknown): readonly Fields[] => (Array.isArray(value) ? value.filter(isRecord) : []);
const fieldOf = (value: unknown, name: string): unknown => (isRecord(value) ? value[name] : undefined);
const conditionOf = (holder: unknown, type: string): Fields | undefined => listOf(fieldOf(holder, 'conditions')).find((item) => item['type'] === type);
const manifestsOf = (work: KubeObject): readonly Fields[] => listOf(fieldOf(fieldOf(work['status'], 'resourceStatus'), 'manifests'));

/**
 * One object as far as the status of its work tells: what was sent, with the values of its feedback in their places.
 * Null while the agent does not say that it is there, as it was sent last.
 */
export function carriedObject(wanted: Wanted, works: readonly KubeObject[]): KubeObject | null {
  for (const work of works) {
    const told = entryOf(work, wanted.key);
    if (told !== undefined) return notThere(work, told) === '' ? withFeedback(wanted.object, told) : null;
  }
  return null;
}

/** What the agent tells of one manifest. */
function entryOf(work: KubeObject, { apiVersion, kind, namespace, name }: Omit<ObjectKey, 'cluster'>): Fields | undefined {
  return manifestsOf(work).find((item) => {
    const meta = fieldOf(item, 'resourceMeta');
    return (
      fieldOf(meta, 'kind') === kind &&
      fieldOf(meta, 'group') === groupOf(apiVersion) &&
      fieldOf(meta, 'name') === name &&
      (fieldOf(meta, 'namespace') ?? '') === namespace
    );
  });
}

/** One manifest of a work and what the agent tells of it. */
export interface Carried {
  /** On the work's cluster. */
  readonly key: ObjectKey;
  /** As it was sent, with feedback in its places; null while the agent does not say that it is there, as it was sent last. */
  readonly object: KubeObject | null;
  /** Why it is null. */
  readonly message: string;
  /** Values were asked for, so that `object` tells of more than its being there. */
  readonly isReported: boolean;
}

/** The manifests of a work, in order. Pure. */
export function carriedBy(work: KubeObject): readonly Carried[] {
  const manifests = listOf(fieldOf(fieldOf(work['spec'], 'workload'), 'manifests')) as unknown as readonly KubeObject[];
  return manifests.map((manifest) => {
    const key = keyOf(work.metadata.namespace ?? '', manifest);
    const told = entryOf(work, key);
    const message = notThere(work, told);
    const isReported = !['NoStatusFeedbackSynced', undefined].includes(conditionOf(told, 'StatusFeedbackSynced')?.['reason'] as string | undefined);
    return { key, message, isReported, object: message === '' ? withFeedback(manifest, told) : null };
  });
}

function notThere(work: KubeObject, told: Fields | undefined): string {
  const cluster = work.metadata.namespace ?? '';
  const [applied, available] = [conditionOf(told, 'Applied'), conditionOf(told, 'Available')];
  if (applied === undefined) return `cluster ${cluster} has not taken it yet`;
  if (Number(applied['observedGeneration'] ?? 0) < (work.metadata.generation ?? 0)) return `cluster ${cluster} has not taken its newest content yet`;
  if (applied['status'] !== 'True') return String(applied['message'] ?? 'not applied');
  return available?.['status'] === 'True' ? '' : String(available?.['message'] ?? 'not looked at yet');
}

function withFeedback(sent: KubeObject, told: unknown): KubeObject {
  return listOf(fieldOf(fieldOf(told, 'statusFeedback'), 'values')).reduce<KubeObject>((object, item) => {
    const field = fieldOf(item, 'fieldValue');
    const value = fieldOf(field, 'integer') ?? fieldOf(field, 'string') ?? fieldOf(field, 'boolean');
    const path = String(item['name']).split('.');
    return value === undefined || !/^(?:spec|status|metadata)$/.test(path[0] ?? '')
      ? object
      : (withValue(object as unknown as Json, path, value as Json) as unknown as KubeObject);
  }, sent);
}

function withValue(target: Json, [head, ...rest]: readonly string[], value: Json): Json {
  if (head === undefined) return value;
  if (head === 'conditions' && rest.length === 1) {
    const others = isRecord(target) && Array.isArray(target['conditions']) ? (target['conditions'] as readonly Json[]) : [];
    return { ...(target as JsonObject | null), conditions: [...others, { type: rest[0] ?? '', status: value }] };
  }
  if (/^\d+$/.test(head)) return [withValue((Array.isArray(target) ? target[0] : null) ?? null, rest, value)];
  const object = isRecord(target) ? target : {};
  return { ...object, [head]: withValue(object[head] ?? null, rest, value) };
}

/**
 * kstatus of a ManifestWork: Current when its agent has applied all of this generation and finds all of it there. OCM's
 * `Available` means that an object exists, not that it is ready.
 */
export function workHealth(work: KubeObject): { readonly health: 'Current' | 'InProgress'; readonly message: string } {
  const cluster = work.metadata.namespace ?? '';
  for (const type of ['Applied', 'Available']) {
    const condition = conditionOf(work['status'], type);
    if (condition === undefined) return { health: 'InProgress', message: `cluster ${cluster} has not taken it yet` };
    if (Number(condition['observedGeneration'] ?? 0) < (work.metadata.generation ?? 0))
      return { health: 'InProgress', message: `cluster ${cluster} has not taken its newest content yet` };
    if (condition['status'] !== 'True')
      return { health: 'InProgress', message: manifestMessage(work, type) ?? String(condition['message'] ?? `not ${type.toLowerCase()}`) };
  }
  return { health: 'Current', message: '' };
}

/** The first object that is to blame, by name. */
function manifestMessage(work: KubeObject, type: string): string | undefined {
  for (const item of manifestsOf(work)) {
    const condition = conditionOf(item, type);
    if (condition === undefined || condition['status'] === 'True') continue;
    const meta = fieldOf(item, 'resourceMeta');
    const place = [fieldOf(meta, 'namespace'), fieldOf(meta, 'name')].filter((part) => part !== '' && part !== undefined).join('/');
    return `${String(fieldOf(meta, 'kind') ?? 'object')} ${place}: ${String(condition['message'] ?? '')}`;
  }
  return undefined;
}
