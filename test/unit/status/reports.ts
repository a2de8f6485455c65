/** Reports, journals and services with next to nothing in them. */
import { EMPTY_JOURNAL } from '../../../daemon/model/ports.ts';
import type { ApplicationReport, Journal, ObjectReport, Report, ServiceHealth, StepStatus } from '../../../daemon/model/status.ts';

export const statusOf = (name: string, phase: StepStatus['phase'], more: Partial<StepStatus> = {}): StepStatus => ({
  id: `id-${name}`,
  name,
  type: 'apply-component',
  phase,
  message: '',
  reason: '',
  firstExecuteTime: '',
  lastExecuteTime: '',
  subSteps: [],
  ...more,
});
export const journalOf = (more: Partial<Journal> = {}): Journal => ({ ...EMPTY_JOURNAL, appRevision: 'shop-v1', state: 'executing', ...more });
export const FINISHED = journalOf({ finished: true, state: 'succeeded' });
export const service = (name: string, more: Partial<ServiceHealth> = {}): ServiceHealth => ({
  name,
  namespace: 'prod',
  cluster: 'local',
  workload: { apiVersion: 'apps/v1', kind: 'Deployment' },
  healthy: true,
  message: '',
  details: {},
  traits: [],
  ...more,
});
export const object = (name: string, more: Partial<ObjectReport> = {}): ObjectReport => ({
  key: { cluster: 'local', apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'prod', name },
  health: 'Current',
  message: '',
  drift: [],
  fault: null,
  ...more,
});

export const READY: ApplicationReport['conditions'] = [
  { type: 'Ready', status: 'True', reason: 'ReconcileSuccess', message: '' },
  { type: 'Reconciling', status: 'False', reason: 'ReconcileSuccess', message: '' },
  { type: 'Stalled', status: 'False', reason: 'ReconcileSuccess', message: '' },
];

export const application = (name: string, more: Partial<ApplicationReport> = {}): ApplicationReport => ({
  namespace: 'prod',
  name,
  path: `${name}.yaml`,
  phase: 'running',
  conditions: READY,
  appliedRevision: 'aaaaaaaaaaaaaaaa',
  author: 'Ada <ada@example.com>',
  services: [],
  journal: FINISHED,
  objects: [],
  latestRevision: `${name}-v1`,
  diagnostics: [],
  fault: null,
  retryAfterMs: null,
  ...more,
});

export const report = (applications: readonly ApplicationReport[], more: Partial<Report> = {}): Report => ({
  revision: { sha: 'c0ffee', branch: 'main', author: 'Ada <ada@example.com>', subject: 'test' },
  applications,
  objects: [],
  leaving: [],
  clusters: [],
  initializers: [],
  diagnostics: [],
  fault: null,
  ...more,
});
