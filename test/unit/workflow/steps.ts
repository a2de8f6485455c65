/** Steps with next to nothing in them. */
import type { Step } from '../../../daemon/model/plan.ts';

export const step = (name: string, more: Partial<Step> = {}): Step => ({
  name,
  type: 'ours',
  properties: {},
  if: '',
  timeoutMs: null,
  dependsOn: [],
  inputs: [],
  outputs: [],
  template: '',
  mode: 'DAG',
  subSteps: [],
  ...more,
});
