/** Objects, wishes and inventories as small as tests of the plan stage need them. */
import { EMPTY_CATALOG_CONFIG } from './catalogs.ts';
import type { Document } from '../../../daemon/model/catalog.ts';
import { keyOf, keyText, LOCAL, type KubeObject } from '../../../daemon/model/object.ts';
import { PLAIN_RULES, type ApplyRules, type DesiredApplication, type Wanted } from '../../../daemon/model/plan.ts';
import type { Observation, Tracked } from '../../../daemon/model/status.ts';
import { finalForm } from '../../../daemon/plan/decide.ts';

export const CONFIG = EMPTY_CATALOG_CONFIG;

/** Labels by which an object of `prod/shop` is known. */
export const OURS = { 'app.oam.dev/name': 'shop', 'app.oam.dev/namespace': 'prod' };

export const configMap = (name: string, data: Readonly<Record<string, string>> = { a: '1' }, labels: Readonly<Record<string, string>> = OURS): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'prod', labels },
  data,
});

export function wantedOf(object: KubeObject, rules: Partial<ApplyRules> = {}, component = 'web', cluster = LOCAL): Wanted {
  return { key: keyOf(cluster, object), object, component, trait: '', output: '', origin: null, rules: { ...PLAIN_RULES, ...rules } };
}

/** The object as it stands on a hub after Lateen has applied it. */
export function applied(object: KubeObject, over: Partial<KubeObject> = {}): KubeObject {
  const sent = finalForm(wantedOf(object)).object;
  return {
    ...sent,
    ...over,
    metadata: { ...sent.metadata, uid: `uid-${object.metadata.name}`, resourceVersion: '7', managedFields: [{ manager: 'lateen' }], ...over.metadata },
  };
}

export const live = (object: KubeObject): Observation => ({ live: object });
export const ABSENT: Observation = { absent: true };

export function trackedFor(object: KubeObject, more: Partial<Tracked> = {}): Tracked {
  return { key: keyOf(LOCAL, object), component: 'web', trait: '', creator: 'workflow', skipGC: false, ...more };
}

/** Observations by keyText. */
export const seen = (...objects: readonly KubeObject[]): Map<string, Observation> =>
  new Map(objects.map((object) => [keyText(keyOf(LOCAL, object)), live(object)]));

export function documentOf(object: KubeObject, path = 'shop.yaml'): Document {
  const origin = { path, line: 1, column: 1 };
  return { object, origin, locate: () => origin };
}

/** An Application `prod/shop` that wants these objects, all of the component web. */
export function applicationOf(wanted: readonly Wanted[], more: Partial<DesiredApplication> = {}): DesiredApplication {
  const name = more.name ?? 'shop';
  const object: KubeObject = { apiVersion: 'core.oam.dev/v1beta1', kind: 'Application', metadata: { name, namespace: 'prod' }, spec: { components: [] } };
  return {
    namespace: 'prod',
    name,
    dialect: '1.10',
    document: documentOf(object),
    object,
    revision: { name: `${name}-v1`, number: 1, hash: 'h1', components: {}, componentHashes: {} },
    components: new Map([
      [
        'web',
        {
          name: 'web',
          type: 'webservice',
          workload: { apiVersion: 'v1', kind: 'ConfigMap' },
          cluster: LOCAL,
          namespace: 'prod',
          replicaKey: '',
          objects: wanted,
          template: '',
          parameter: null,
          context: {},
          status: {},
          traits: [],
        },
      ],
    ]),
    policyObjects: [],
    steps: [],
    mode: { steps: 'DAG', subSteps: 'DAG' },
    hasWorkflow: false,
    definitions: new Map(),
    componentSpecs: [],
    policies: [],
    diagnostics: [],
    fault: null,
    environments: [],
    placed: [],
    deployment: () => ({ components: [], placements: [] }),
    render: () => Promise.reject(new Error('nothing is rendered here')),
    ...more,
  };
}
