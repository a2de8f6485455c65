/** `Application.status` as KubeVela writes it, so that kubectl and the vela CLI show what they expect. Pure. */
import type { Dialect } from '../model/catalog.ts';
import { keyText, LOCAL, type JsonObject, type KubeObject } from '../model/object.ts';
import type { Condition, ServiceHealth, Tracked } from '../model/status.ts';
import type { Fault } from '../model/fault.ts';
import { reasonOf } from './phase.ts';

export interface HubStatusInput {
  readonly dialect: Dialect;
  readonly phase: string;
  readonly conditions: readonly Condition[];
  readonly services: readonly ServiceHealth[];
  /** `status.workflow` in the dialect's shape; null where there is none. */
  readonly workflow: JsonObject | null;
  readonly tracked: readonly Tracked[];
  /** What was last applied; null for what never was: the number is still free. */
  readonly revision: { readonly name: string; readonly number: number; readonly hash: string } | null;
  readonly generation: number;
  readonly fault: Fault | null;
  readonly finished: boolean;
  /** As it is on the hub, for the transition times. */
  readonly live: KubeObject | null;
  /** RFC 3339, in seconds. */
  readonly now: string;
}

/** The condition types of a reconcile that came through, in KubeVela's order. */
const STAGES: Readonly<Record<Dialect, readonly string[]>> = {
  '1.10': ['Parsed', 'Revision', 'Policy', 'Render'],
  '1.1': ['Parsed', 'Revision', 'Render', 'Applied'],
};

/** The whole status; the caller writes what differs. */
export function applicationStatus(input: HubStatusInput): JsonObject {
  return {
    conditions: conditions(input),
    observedGeneration: input.generation,
    status: input.phase,
    services: input.services.map((service) => serviceOf(service, input.dialect)),
    ...(input.workflow === null ? {} : { workflow: input.workflow }),
    ...(input.dialect === '1.10'
      ? {
          appliedResources: input.tracked
            .map((entry) => [keyText(entry.key), entry] as const)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([, entry]) => appliedResource(entry)),
        }
      : {}),
    ...(input.revision === null ? {} : { latestRevision: { name: input.revision.name, revision: input.revision.number, revisionHash: input.revision.hash } }),
  };
}

/** The conditions of an Application as it is on the hub, with these put in; others stay as they are. */
export function withConditions(live: KubeObject, told: readonly Condition[], now: string): readonly JsonObject[] {
  const make = maker(live, now);
  const others = oldConditions(live).filter((item) => !told.some((own) => own.type === item['type']));
  return [...others, ...told.map((item) => make(item.type, item.status, item.reason, item.message))];
}

function oldConditions(live: KubeObject | null): readonly JsonObject[] {
  const old = (live?.['status'] as JsonObject | undefined)?.['conditions'];
  return Array.isArray(old) ? (old as readonly JsonObject[]) : [];
}

/** Makes conditions that keep the time of their last transition. */
function maker(live: KubeObject | null, now: string): (type: string, status: string, reason: string, message: string) => JsonObject {
  const before = new Map(oldConditions(live).map((item) => [String(item['type']), item]));
  return (type, status, reason, message) => {
    const known = before.get(type);
    const since = known !== undefined && known['status'] === status && typeof known['lastTransitionTime'] === 'string' ? known['lastTransitionTime'] : now;
    return { type, status, reason, ...(message === '' ? {} : { message }), lastTransitionTime: since };
  };
}

function conditions(input: HubStatusInput): readonly JsonObject[] {
  const make = maker(input.live, input.now);
  const failedAt = input.fault === null ? null : stageOf(input.fault.code);
  const all: JsonObject[] = [];
  for (const type of STAGES[input.dialect]) {
    if (type === failedAt) {
      // KubeVela 1.10: steps are made before Render is told.
      all.push(
        make(
          input.fault?.code.startsWith('workflow/') === true ? 'Workflow' : type,
          'False',
          'ReconcileError',
          `${reasonOf(input.fault as Fault)}: ${input.fault?.message ?? ''}`,
        ),
      );
      break;
    }
    all.push(make(type, 'True', 'Available', ''));
  }
  if (input.finished && failedAt === null && input.dialect === '1.10') all.push(make('Workflow', 'True', 'Available', ''));
  if (input.dialect === '1.1' && input.phase === 'running') all.push(make('HealthCheck', 'True', 'Available', ''));
  return [...all, ...input.conditions.map((item) => make(item.type, item.status, item.reason, item.message))];
}

/** The stage that a fault belongs to. */
function stageOf(code: Fault['code']): string {
  if (code.startsWith('load/') || code === 'render/unknown-type') return 'Parsed';
  return code.startsWith('render/') || code.startsWith('workflow/') ? 'Render' : 'Revision';
}

function serviceOf(service: ServiceHealth, dialect: Dialect): JsonObject {
  return {
    name: service.name,
    ...(dialect === '1.10' ? { namespace: service.namespace, ...(service.cluster === LOCAL ? {} : { cluster: service.cluster }) } : {}),
    workloadDefinition: { ...service.workload },
    healthy: service.healthy,
    ...(service.message === '' ? {} : { message: service.message }),
    ...(Object.keys(service.details).length === 0 ? {} : { details: { ...service.details } }),
    ...(service.traits.length === 0
      ? {}
      : { traits: service.traits.map((trait) => ({ type: trait.type, healthy: trait.healthy, ...(trait.message === '' ? {} : { message: trait.message }) })) }),
  };
}

function appliedResource(entry: Tracked): JsonObject {
  return {
    apiVersion: entry.key.apiVersion,
    kind: entry.key.kind,
    name: entry.key.name,
    ...(entry.key.namespace === '' ? {} : { namespace: entry.key.namespace }),
    ...(entry.key.cluster === LOCAL ? {} : { cluster: entry.key.cluster }),
    creator: entry.creator === 'policy' ? 'policy' : 'workflow',
  };
}
