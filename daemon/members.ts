/**
 * Member clusters in a pass: who they are before it renders, and the work agent's turn after the applications had theirs.
 * A member that does not answer is waited for no longer than a moment, and its turn goes on behind the pass (I12).
 *
 *   pass ── look ──> clusters, decisions ── render, workflow ──> ManifestWorks on the hub ── works ──> members
 *     ^                                                                                         │
 *     └──────────────────────────── something was written, or waits ────────────────────────────┘
 */
import { withinGrace } from './lib/grace.ts';
import { mapLimit } from './lib/queue.ts';
import type { Log } from './lib/log.ts';
import { NO_CLUSTERS, type Clusters, type Member } from './model/clusters.ts';
import { endsTurn, toFault } from './model/fault.ts';
import { keyText, LOCAL, type KubeObject, type ObjectKey } from './model/object.ts';
import type { Clock, Effects, Redactor } from './model/ports.ts';
import type { ApplicationReport, ClusterReport, ObjectReport } from './model/status.ts';
import { objectHealth } from './status/health.ts';
import { viewClusters } from './transport/clusters-view.ts';
import type { ClusterRegistry } from './transport/clusters.ts';
import type { KubeClient } from './transport/kube.ts';
import type { Tender } from './transport/managed-cluster.ts';
import { tendWorks, type WorkReport } from './transport/work-agent.ts';
import { workMemory } from './transport/work-memory.ts';

export interface MembersOptions {
  readonly hub: KubeClient;
  readonly registry: ClusterRegistry;
  readonly tender: Tender;
  /** CRDs that a member needs. */
  readonly definitions: readonly KubeObject[];
  readonly effects: Effects;
  readonly clock: Clock;
  readonly redactor: Redactor;
  readonly log: Log;
  /** How long a pass waits for members: the slow ones go on behind it. */
  readonly graceMs: number;
  /** The tender has rounds of its own (`run`), else one is made before each look (`once`). */
  readonly isTended: boolean;
  /** Told which ManifestWorks have news after a member's turn. */
  readonly onNews: (works: readonly ObjectKey[]) => void;
}

export interface Members {
  /** Members and decisions as they are now. Faults of the hub: transport/*. */
  readonly look: (signal: AbortSignal) => Promise<Clusters>;
  /** A turn of the work agent on every direct member. */
  readonly works: (clusters: Clusters, signal: AbortSignal) => Promise<void>;
  /** An application's report with the objects that its ManifestWorks carry. */
  readonly withCarried: (report: ApplicationReport) => ApplicationReport;
  readonly reports: (clusters: Clusters, applications: readonly ApplicationReport[]) => readonly ClusterReport[];
}

/** A hub without members, for verbs that do not look at any. */
export const NO_MEMBERS: Members = {
  look: () => Promise.resolve(NO_CLUSTERS),
  works: () => Promise.resolve(),
  withCarried: (report) => report,
  reports: () => [],
};

const MEMBERS_AT_ONCE_MAX = 16;
const WORK = 'ManifestWork';

const workKey = (namespace: string, name: string): ObjectKey => ({
  cluster: LOCAL,
  apiVersion: 'work.open-cluster-management.io/v1',
  kind: WORK,
  namespace,
  name,
});

/** Opens the members of a hub; nothing is asked yet. */
export function openMembers(options: MembersOptions): Members {
  const { hub, registry, tender, clock, log, graceMs } = options;
  const memory = workMemory();
  const running = new Map<string, Promise<void>>();
  let identity: string | null = null;
  const told = new Map<string, WorkReport>();

  /** Who we are in the records on members: the hub itself, whatever its address is today. */
  async function agentId(signal: AbortSignal): Promise<string> {
    identity ??= (await hub.get({ apiVersion: 'v1', kind: 'Namespace', namespace: '', name: 'kube-system' }, signal))?.metadata.uid ?? null;
    return identity ?? '';
  }

  async function turn(member: Member, signal: AbortSignal): Promise<void> {
    try {
      const [client, id] = await Promise.all([registry.client(member.name), agentId(signal)]);
      const reports = await tendWorks(
        {
          hub,
          cluster: { name: member.name, client },
          hubUrl: hub.server,
          ...(id === '' ? {} : { agentId: id }),
          definitions: options.definitions,
          effects: options.effects,
          clock,
          redactor: options.redactor,
          memory,
        },
        signal,
      );
      const news = reports.filter(
        (report) => report.written.length > 0 || report.removed.length > 0 || isNews(told.get(keyText(workKey(report.namespace, report.name))), report),
      );
      for (const report of reports) told.set(keyText(workKey(report.namespace, report.name)), report);
      if (news.length > 0) options.onNews(news.map((report) => workKey(report.namespace, report.name)));
    } catch (error) {
      const fault = toFault(error);
      // Who is cancelled or has lost the Lease finds out in the pass itself.
      if (!endsTurn(fault)) log.debug('member not tended', { cluster: member.name, error: fault });
    }
  }

  return {
    look: async (signal) => {
      if (!options.isTended) await tender.tend(signal);
      return viewClusters(hub, registry, signal);
    },
    works: async (clusters, signal) => {
      const direct = clusters.members.filter((member) => member.mode === 'direct' && member.fault === null && member.object !== null);
      await mapLimit(
        direct,
        MEMBERS_AT_ONCE_MAX,
        async (member) => {
          const going = running.get(member.name) ?? turn(member, signal).finally(() => running.delete(member.name));
          running.set(member.name, going);
          await withinGrace(going, graceMs, clock, signal);
        },
        signal,
      );
    },
    withCarried: (report) => {
      const works = report.objects.filter((object) => object.key.kind === WORK);
      const carried = works.flatMap((work) => carriedOf(told.get(keyText(work.key)), work.key.namespace));
      return carried.length === 0 ? report : { ...report, objects: [...report.objects, ...carried] };
    },
    reports: (clusters, applications) => clusters.members.map((member) => reportOf(member, applications)),
  };
}

/** The member's objects, or what they wait for, have changed since the last turn. */
function isNews(before: WorkReport | undefined, now: WorkReport): boolean {
  if (before === undefined) return true;
  const text = (report: WorkReport): string =>
    [report.waiting, report.fault?.message ?? '', ...carriedOf(report, '').map((object) => `${object.health} ${object.message}`)].join('|');
  return text(before) !== text(now);
}

function carriedOf(report: WorkReport | undefined, cluster: string): readonly ObjectReport[] {
  return (report?.objects ?? []).map(({ key, live }) => ({
    key: { ...key, cluster: cluster || key.cluster },
    ...(report?.fault ? { health: 'Unknown' as const, message: report.fault.message } : objectHealth(live)),
    drift: [],
    fault: null,
  }));
}

function reportOf(member: Member, applications: readonly ApplicationReport[]): ClusterReport {
  const placed = applications.flatMap((app) => {
    const objects = app.objects.filter(
      (object) => object.key.cluster === member.name || (object.key.kind === WORK && object.key.namespace === member.name && object.key.cluster === LOCAL),
    );
    return objects.length === 0
      ? []
      : [{ application: `${app.namespace}/${app.name}`, objects: objects.toSorted((a, b) => (keyText(a.key) < keyText(b.key) ? -1 : 1)) }];
  });
  return {
    name: member.name,
    mode: member.mode,
    accepted: member.accepted,
    available: member.available,
    version: member.version?.gitVersion ?? '',
    labels: member.labels,
    fault: member.fault,
    applications: placed,
  };
}
