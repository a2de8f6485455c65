/** Composition root: builds every door and hands them on; the only file that sees all. */
import { join } from 'node:path';
import { openApprovals } from './approvals.ts';
import { createLoadCache } from './load/load.ts';
import { Fault } from './model/fault.ts';
import { LOCAL, type KubeObject, type ObjectKey } from './model/object.ts';
import type { Controller, Effects, Http, Objects, Records, Register, Transport } from './model/ports.ts';
import { NO_CONTROLLERS, openControllers } from './controllers.ts';
import { NO_MEMBERS, openMembers } from './members.ts';
import { emptyMemory, type Doors, type Memory } from './pass.ts';
import { COMMIT_ANNOTATION, INSTANCE_ANNOTATION } from './plan/records.ts';
import { whereServed } from './remember.ts';
import type { ClusterVersion } from './model/cluster-version.ts';
import { openAlibaba } from './provision/alibaba.ts';
import { configurationController } from './provision/configuration.ts';
import type { Cue } from './render/cue/cue.ts';
import { templateOf, type KnownDefinitions } from './render/definitions.ts';
import { readPack } from './render/pack.ts';
import type { Source } from './source/source.ts';
import { AT_ONCE } from './status/pace.ts';
import { rememberOwnWrites, watchApplications } from './transport/application-watch.ts';
import { openCache } from './transport/cache.ts';
import { CLOUD_CREDENTIALS_SECRET, keepCloudCredentials } from './transport/cloud-credentials.ts';
import { viewClusters, watchClusters } from './transport/clusters-view.ts';
import { openClusters } from './transport/clusters.ts';
import { openHttp } from './transport/http.ts';
import { asPrepared, findVelaCore, prepareHub, readDefinitions, readMemberDefinitions } from './transport/hub.ts';
import type { KubeClient } from './transport/kube.ts';
import { klusterletController } from './transport/klusterlet.ts';
import { openLease } from './transport/lease.ts';
import { openTender } from './transport/managed-cluster.ts';
import { objectsOf } from './transport/objects.ts';
import { translateVersions } from './transport/ocm-versions.ts';
import { openRegister } from './transport/register.ts';
import { carryOutJobs } from './transport/cluster-register-apply.ts';
import { clusterRegisterJobController } from './transport/cluster-register-job.ts';
import { openRecords } from './transport/records.ts';
import { openTransport } from './transport/transport.ts';
import { readBuiltIns, wireApprovers, wireCue, wireHub, wireSource, type Base } from './wire-base.ts';

/** What stands between the daemon and its effects: the Lease, and whatever a test puts there. */
export type EffectsDecorator = (effects: Effects) => Effects;

/** Everything that a pass needs, over one hub. */
export interface Wired extends AsyncDisposable {
  readonly doors: Doors & { readonly repo: Source; readonly cue: Cue };
  readonly memory: Memory;
  readonly client: KubeClient;
  readonly transport: Transport;
  /** Takes the Lease, refuses beside vela-core, and makes the hub ready. Called once, before the first pass. */
  readonly begin: (signal: AbortSignal) => Promise<void>;
  /** Tells of Applications that others changed on the hub, until the signal fires. */
  readonly watchApplications: (onChange: (name: string) => void, signal: AbortSignal) => Promise<void>;
  /** Gets the evaluators through their slow first calls while the daemon waits for other things. Never throws. */
  readonly warmUp: () => Promise<void>;
  /** Keeps the hub's part of direct clusters, and tells when a cluster, a placement or a decision has changed. */
  readonly tendClusters: (onChange: () => void, signal: AbortSignal) => Promise<void>;
}

export interface WireOptions {
  /** Keeps watches; told of objects that others changed. Null: every pass reads anew. */
  readonly onChange: ((key: ObjectKey) => void) | null;
  /** How long the Lease is waited for. */
  readonly leaseWaitMs: number;
  readonly onLost: (fault: Fault) => void;
  /** False for verbs that only look: no Lease, nothing prepared, and an effect is a bug. */
  readonly writes: boolean;
  readonly decorate?: EffectsDecorator;
}

/** Opens every door. The hub is not asked yet. */
export async function wire(base: Base, options: WireOptions): Promise<Wired> {
  const { config, clock, redactor, log } = base;
  await using stack = new AsyncDisposableStack();
  const approvers = wireApprovers(base);
  await approvers?.();
  const source = stack.use(await wireSource(base, options.writes, (signal) => appliedCommits(transport, config.instance, signal)));
  const client = stack.use(await wireHub(base));
  const cue = stack.use(wireCue(base));
  const lease = openLease(client, {
    clock,
    instance: config.instance,
    waitMs: options.leaseWaitMs,
    onLost: options.onLost,
    onWait: (holder) => log.info('waiting for the Lease', { holder }),
  });
  stack.use(lease);
  const effects = decorated(
    {
      run: async (kind, subject, effect) => {
        if (!options.writes) throw new Fault('loop/bug', `a verb that only looks was about to ${kind} ${subject}`);
        if (kind !== 'lease') lease.check();
        return effect();
      },
    },
    options.decorate,
  );
  const cache = options.onChange === null ? null : stack.use(openCache({ clock, onChange: options.onChange }));
  const registry = stack.use(openClusters({ hub: client, clock, redactor, allowNoCa: false }));
  const clusters = (name: string): Promise<KubeClient> => (name === LOCAL ? Promise.resolve(client) : registry.client(name));
  const crds = join(import.meta.dirname, '..', 'schemas', 'crds');
  const definitions = await readMemberDefinitions(crds);
  const tender = openTender({ hub: client, registry, effects, clock, memberDefinitions: definitions });
  const hubDefinitions = await readDefinitions(crds);
  const opened = translateVersions(carryOutJobs(openTransport({ clusters, effects, redactor, cache }), redactor), clusters);
  const transport = options.writes ? opened : asPrepared(opened, hubDefinitions);
  const { records, isOwn } = rememberOwnWrites(openRecords(client, effects, redactor));
  const members = options.writes
    ? openMembers({
        hub: client,
        registry,
        tender,
        definitions,
        effects,
        clock,
        redactor,
        log,
        graceMs: options.onChange === null ? 10_000 : 1_000,
        isTended: options.onChange !== null,
        onNews: (works) => works.forEach((key) => options.onChange?.(key)),
      })
    : { ...NO_MEMBERS, look: (signal: AbortSignal) => viewClusters(client, registry, signal) };
  const objects = objectsOf(client);
  const register = openRegister({ hub: client, effects, redactor, clock });
  const controllers = options.writes
    ? openControllers({
        hub: objects,
        controllers: controllersFor(base, { hub: client, objects, register, effects }),
        clock,
        log,
        graceMs: options.onChange === null ? 10_000 : 1_000,
        onNews: (key) => options.onChange?.(key),
      })
    : NO_CONTROLLERS;
  const doors = {
    members,
    controllers,
    register,
    given: { values: config.values, hubServer: client.server, builtIns: await readBuiltIns() },
    repo: {
      ...bound(source),
      commit: (commit: Parameters<Source['commit']>[0], signal: AbortSignal) => effects.run('push', commit.subject, () => source.commit(commit, signal)),
    } as Source,
    transport,
    records,
    cue,
    http: effectful(openHttp(), effects),
    clock,
    log,
    hubFacts: (signal: AbortSignal) => hubFacts(client, transport, signal),
    pack: await readPack(),
    redactor,
    instance: config.instance,
    budget: config.budget,
    pace: options.onChange === null ? AT_ONCE : config.status.pace,
    drift: config.drift,
    hubResumes: config.trust.hubResume === 'allow',
  };
  const approvals = openApprovals({ repo: source, clock, approvers });
  const owned = stack.move();
  return {
    doors: { ...doors, approvals },
    memory: emptyMemory(createLoadCache()),
    client,
    transport,
    begin: async (signal) => {
      await effects.run('lease', 'acquire', () => lease.acquire(signal));
      await findVelaCore(client, clock, signal);
      const written = [...(await prepareHub(client, hubDefinitions, effects, clock, signal))];
      if (config.cloud.credentials !== null && (await keepCloudCredentials(config.cloud.credentials, { hub: objects, effects, redactor }, signal)))
        written.push(CLOUD_CREDENTIALS_SECRET);
      if (written.length > 0) log.info('hub prepared', { written });
    },
    watchApplications: (onChange, signal) => watchApplications(client, isOwn, onChange, clock, signal),
    warmUp: () => warmUp(cue, doors.pack),
    tendClusters: async (onChange, signal) => {
      await Promise.all([
        watchClusters(client, onChange, clock, signal),
        tender.run((round) => {
          if (round instanceof Fault) log.debug('clusters not tended', { error: round });
          else for (const { name, fault } of round) if (fault !== null) log.debug('cluster not tended', { cluster: name, error: fault });
        }, signal),
      ]);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** What `lateen status` looks at: the hub and its members, and nothing of the repository or the work directory. */
export interface View extends AsyncDisposable {
  readonly records: Records;
  readonly transport: Transport;
  readonly members: (signal: AbortSignal) => ReturnType<typeof viewClusters>;
}

/** Opens the doors of a {@link View}. Faults: config/invalid, transport/denied. */
export async function wireView(base: Base): Promise<View> {
  const { clock, redactor } = base;
  await using stack = new AsyncDisposableStack();
  const client = stack.use(await wireHub(base));
  const registry = stack.use(openClusters({ hub: client, clock, redactor, allowNoCa: false }));
  const effects: Effects = { run: (kind, subject) => Promise.reject(new Fault('loop/bug', `a verb that only looks was about to ${kind} ${subject}`)) };
  const clusters = (name: string): Promise<KubeClient> => (name === LOCAL ? Promise.resolve(client) : registry.client(name));
  const transport = openTransport({ clusters, effects, redactor, cache: null });
  const owned = stack.move();
  return {
    records: openRecords(client, effects, redactor),
    transport,
    members: (signal) => viewClusters(client, registry, signal),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function controllersFor(
  { config, clock, redactor }: Base,
  doors: { readonly hub: KubeClient; readonly objects: Objects; readonly register: Register; readonly effects: Effects },
): readonly Controller[] {
  const { pollMs, outcomeWindowMs, endpoint } = config.cloud;
  return [
    configurationController({
      hub: doors.objects,
      effects: doors.effects,
      clock,
      redactor,
      openCloud: openAlibaba({ endpoint, clock }),
      pollMs,
      outcomeWindowMs,
    }),
    clusterRegisterJobController({ ...doors, redactor, clock }),
    klusterletController({ hub: doors.hub, effects: doors.effects, redactor, clock }),
  ];
}

/** The commits that the Applications of this instance on the hub are said to come from. */
async function appliedCommits(transport: Transport, instance: string, signal: AbortSignal): Promise<readonly string[]> {
  const applications = await whereServed(transport.list(LOCAL, 'core.oam.dev/v1beta1', 'Application', '', '', signal));
  return applications.flatMap(({ metadata: { annotations } }) =>
    annotations?.[INSTANCE_ANNOTATION] === instance ? [annotations[COMMIT_ANNOTATION] ?? ''] : [],
  );
}

function decorated(effects: Effects, decorate: EffectsDecorator | undefined): Effects {
  return decorate === undefined ? effects : decorate(effects);
}

/** A request that may change something is an effect: not without the Lease, and a test may cut there. */
function effectful(http: Http, effects: Effects): Http {
  return (request, signal) =>
    ['GET', 'HEAD', 'OPTIONS'].includes(request.method)
      ? http(request, signal)
      : effects.run('call', `${request.method} ${URL.parse(request.url)?.origin ?? ''}`, () => http(request, signal));
}

/** The methods of a source as own properties, so that one of them can be replaced. */
function bound(source: Source): Source {
  return {
    localDirectory: source.localDirectory,
    fetch: source.fetch.bind(source),
    tree: source.tree.bind(source),
    broughtBy: source.broughtBy.bind(source),
    planTips: source.planTips.bind(source),
    planTree: source.planTree.bind(source),
    revision: source.revision.bind(source),
    earlierContent: source.earlierContent.bind(source),
    statusFile: source.statusFile.bind(source),
    statusFiles: source.statusFiles.bind(source),
    commit: source.commit.bind(source),
    waits: () => source.waits?.() ?? Promise.resolve(false),
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  };
}

/** A worker's first calls cost several times a later one, for WebAssembly is compiled as it is met. */
const WARM_UP_CALLS = 40;

async function warmUp(cue: Cue, pack: KnownDefinitions['pack']): Promise<void> {
  const template = templateOf(pack.get('1.10')?.get('ComponentDefinition/webservice'));
  if (template === '') return;
  const render = (i: number): Promise<unknown> =>
    cue
      .renderComponent({
        dialect: '1.10',
        component: { name: 'warm-up', type: 'webservice', template },
        parameter: { image: `warm-up:${i}`, ports: [{ port: 80, expose: true }], env: [{ name: 'A', value: 'b' }] },
        context: { name: 'warm-up', namespace: 'default', appName: 'warm-up' },
        traits: [],
      })
      .catch(() => null);
  await Promise.all(Array.from({ length: WARM_UP_CALLS }, (_, i) => render(i)));
}

const DEFINITIONS = ['ComponentDefinition', 'TraitDefinition', 'PolicyDefinition', 'WorkflowStepDefinition', 'WorkloadDefinition'] as const;

/** X-Definitions on the hub, and its version as templates see it. */
async function hubFacts(
  client: KubeClient,
  transport: Transport,
  signal: AbortSignal,
): Promise<{ readonly definitions: readonly KubeObject[]; readonly version: ClusterVersion }> {
  const [version, ...lists] = await Promise.all([
    client.raw(
      { method: 'GET', path: '/version', accept: 'application/json', subject: { what: 'version', verb: 'get', secret: false }, repeatable: true },
      signal,
    ),
    ...DEFINITIONS.map((kind) => whereServed(transport.list(LOCAL, 'core.oam.dev/v1beta1', kind, '', '', signal))),
  ]);
  const read = JSON.parse(version.text) as { readonly major?: string; readonly minor?: string; readonly gitVersion?: string; readonly platform?: string };
  return {
    definitions: lists.flat(),
    // KubeVela 1.10: the minor's trailing `+` and the like are cut off and it is an int.
    version: { major: read.major ?? '', minor: Number.parseInt(read.minor ?? '0', 10) || 0, gitVersion: read.gitVersion ?? '', platform: read.platform ?? '' },
  };
}
