/** Comparisons made by hand, for what is printed of them. */
import type { ApplicationComparison, Cause, Comparison, FieldDiff, ObjectDiff, Side } from '../../../daemon/plan/comparison.ts';

export const revision = (sha: string, subject = 'a change'): Comparison['head'] => ({ sha, branch: 'main', author: 'Ada <ada@example.com>', subject });

export const cause = (text: string, more: Partial<Cause> = {}): Cause => ({
  kind: 'property',
  text,
  origin: { path: 'apps/shop.yaml', line: 7, column: 3 },
  isInBase: false,
  computedBy: null,
  ...more,
});

export const field = (path: string, more: Partial<FieldDiff> = {}): FieldDiff => ({ path, isSecret: false, causes: [], ...more });

export const object = (action: ObjectDiff['action'], name: string, reason: string, more: Partial<ObjectDiff> = {}): ObjectDiff => ({
  key: { cluster: 'local', apiVersion: 'v1', kind: 'ConfigMap', namespace: 'prod', name },
  action,
  reason,
  environment: '',
  component: 'web',
  trait: '',
  carrier: '',
  code: null,
  fields: [],
  causes: [],
  ...more,
});

export const side = (objects: readonly ObjectDiff[], more: Partial<Side> = {}): Side => ({
  objects,
  unchangedCount: 0,
  relabelledCount: 0,
  workflow: { runs: 'none', reason: '', steps: [] },
  cloud: [],
  ...more,
});

export const application = (name: string, live: Side | null, more: Partial<ApplicationComparison> = {}): ApplicationComparison => ({
  namespace: name === '' ? '' : 'prod',
  name,
  kind: name === '' ? 'documents' : 'Application',
  origin: name === '' ? null : { path: 'apps/shop.yaml', line: 1, column: 1 },
  document: 'same',
  desired: null,
  live,
  matrix: null,
  notes: [],
  ...more,
});

export const comparison = (applications: readonly ApplicationComparison[], more: Partial<Comparison> = {}): Comparison => ({
  base: null,
  head: revision('c0ffee0123456789'),
  revertOf: '',
  clusters: { isLive: true, unresolved: [], message: '' },
  applications,
  unchangedCount: 0,
  findings: [],
  oldFindingsCount: 0,
  ...more,
});
