/**
 * What a step's CUE template may ask for: the table of all calls, by `provider.do`.
 *
 *   vela/kube, builtin, oam, http, util, config, time, metrics, multicluster, query    `$params` in, `$returns` out
 *   vela/op (provider op), vela/ql (provider ql)                                       the same calls, flat
 *   KubeVela 1.1's vela/op (providers kube, http, builtin)                             flat
 *   provider lateen                                                                    `$params`, `$returns`, no package
 */
import { Fault } from '../../model/fault.ts';
import { isRecord } from '../../lib/json.ts';
import type { Action, Actions } from '../run.ts';
import { BUILTIN } from './builtin.ts';
import { textOf, type Provider } from './calls.ts';
import { CONFIG } from './config.ts';
import { HTTP } from './http.ts';
import { KUBE } from './kube.ts';
import { LATEEN } from './lateen.ts';
import { METRICS } from './metrics.ts';
import { MULTICLUSTER } from './multicluster.ts';
import { OAM } from './oam.ts';
import { QUERY } from './query.ts';
import { EMAIL, ENVIRONMENTS, TERRAFORM } from './refused.ts';
import { TIME } from './time.ts';
import { UTIL } from './util.ts';

/** A function that a provider surely has. */
function existing(provider: Provider, name: string): Action {
  const action = provider[name];
  if (action === undefined) throw new Fault('loop/bug', `there is no action ${name}`);
  return action;
}

/** KubeVela 1.10's provider op has two functions of one name, for objects and for configs; what is given tells which. */
const either =
  (name: 'read' | 'list' | 'delete'): Action =>
  (call, context) => {
    const forConfig = !isRecord(call.params['value']) && !isRecord(call.params['resource']) && textOf(call.params['namespace']) !== '';
    return existing(forConfig ? CONFIG : KUBE, name)(call, context);
  };

const { load: _load, export: _export, ...steering } = BUILTIN;

const OP: Provider = {
  ...KUBE,
  ...steering,
  ...OAM,
  ...HTTP,
  ...UTIL,
  ...TIME,
  ...METRICS,
  ...MULTICLUSTER,
  ...ENVIRONMENTS,
  ...EMAIL,
  ...TERRAFORM,
  create: existing(CONFIG, 'create'),
  'create-config': existing(CONFIG, 'create'),
  'read-config': existing(CONFIG, 'read'),
  'list-config': existing(CONFIG, 'list'),
  'delete-config': existing(CONFIG, 'delete'),
  read: either('read'),
  list: either('list'),
  delete: either('delete'),
};

const PROVIDERS: Readonly<Record<string, Provider>> = {
  kube: KUBE,
  builtin: BUILTIN,
  oam: OAM,
  http: HTTP,
  util: UTIL,
  config: CONFIG,
  time: TIME,
  metrics: METRICS,
  multicluster: { ...MULTICLUSTER, ...ENVIRONMENTS },
  query: QUERY,
  ql: { ...QUERY, ...KUBE },
  email: EMAIL,
  terraform: TERRAFORM,
  op: OP,
  lateen: LATEEN,
};

/** Every call there is. What is not in it does not exist; what is not supported is in it and says so. */
export const ACTIONS: Actions = new Map(
  Object.entries(PROVIDERS).flatMap(([provider, functions]) => Object.entries(functions).map(([name, action]) => [`${provider}.${name}`, action] as const)),
);
