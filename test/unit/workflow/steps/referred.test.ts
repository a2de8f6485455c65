/** Components of objects that are in a cluster already. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Fault } from '../../../../daemon/model/fault.ts';
import type { Json, JsonObject, KubeObject } from '../../../../daemon/model/object.ts';
import type { ComponentRef } from '../../../../daemon/model/plan.ts';
import { runCoded } from '../../../../daemon/workflow/steps/coded.ts';
import { withReferred } from '../../../../daemon/workflow/steps/referred.ts';
import { world, type World } from '../actions/world.ts';

const MANAGED = {
  resourceVersion: '7',
  uid: 'u',
  generation: 2,
  creationTimestamp: '2026-01-01T00:00:00Z',
  managedFields: [],
  ownerReferences: [{ name: 'x' }],
};
const configMap = (name: string, more: Partial<KubeObject['metadata']> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { ...MANAGED, name, namespace: 'prod', ...more },
  data: { a: name },
});
const SERVICE: KubeObject = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { ...MANAGED, name: 'web', namespace: 'prod' },
  spec: { clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1'], ports: [{ port: 80 }] },
  status: { loadBalancer: {} },
};

const component = (name: string, ...objects: readonly Json[]): ComponentRef => ({
  name,
  type: 'ref-objects',
  properties: { objects },
  traits: [],
  dependsOn: [],
  inputs: [],
  outputs: [],
  at: ['spec', 'components', 0],
  replicaKey: '',
});
const referred = (here: World, ref: ComponentRef): Promise<Json> => withReferred(here.context, ref);
function hub(...objects: readonly KubeObject[]): World {
  const here = world({});
  objects.forEach(here.put);
  return here;
}

suite('ref-objects', () => {
  test('take an object by its name, their own where none is given, without what a server or its owner put on it', async () => {
    const here = hub(
      configMap('base', {
        labels: { a: 'b', 'lateen.dev/documents': 'default' },
        annotations: { note: 'x', 'kubectl.kubernetes.io/last-applied-configuration': '{}', 'lateen.dev/source': 'f', 'oam.dev/render-hash': 'h' },
      }),
      SERVICE,
    );
    assert.deepEqual(await referred(here, component('web', { resource: 'configmap', name: 'base' }, { resource: 'services' })), {
      objects: [
        {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          data: { a: 'base' },
          metadata: { name: 'base', namespace: 'prod', labels: { a: 'b' }, annotations: { note: 'x' } },
        },
        { apiVersion: 'v1', kind: 'Service', spec: { ports: [{ port: 80 }] }, metadata: { name: 'web', namespace: 'prod' } },
      ],
    });
  });

  test('take all with some labels, by their names, each once, from another namespace where one is named', async () => {
    const labels = { pick: 'me' };
    const here = hub(configMap('b', { labels }), configMap('a', { labels }), configMap('c'), configMap('far', { namespace: 'other' }));
    const names = (
      (await referred(
        here,
        component(
          'x',
          { resource: 'configmap', labelSelector: labels },
          { resource: 'configmap', name: 'a' },
          { resource: 'configmap', name: 'far', namespace: 'other' },
        ),
      )) as { objects: readonly KubeObject[] }
    ).objects.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
    assert.deepEqual(names, ['prod/a', 'prod/b', 'other/far']);
  });

  const REFUSED: readonly (readonly [string, JsonObject, string, RegExp])[] = [
    ['that is not there', { resource: 'configmap', name: 'gone' }, 'transport/gone', /^failed to load ref object ConfigMap prod\/gone: not found$/],
    ['of no kind that there is', { resource: 'gizmo', name: 'a' }, 'transport/no-kind', /^no kind found for resource gizmo$/],
    ['of no resource', { apiVersion: 'v1', kind: 'ConfigMap' }, 'workflow/step-failed', /resource is not set/],
    [
      'by name and labels at once',
      { resource: 'configmap', name: 'a', labelSelector: { a: 'b' } },
      'workflow/step-failed',
      /name and labelSelector cannot be both set/,
    ],
  ];
  for (const [title, selector, code, message] of REFUSED)
    test(`do not take one ${title}`, async () => assert.rejects(referred(hub(), component('x', selector)), { code, message }));

  test('do not fetch from urls', async () => {
    await assert.rejects(referred(hub(), { ...component('x'), properties: { urls: ['http://127.0.0.1/x.yaml'] } }), { code: 'workflow/unsupported' });
  });

  test('that cannot be read are told as they are', async () => {
    const here = hub(configMap('base'));
    here.faults.set('base', new Fault('transport/denied', 'no'));
    await assert.rejects(referred(here, component('x', { resource: 'configmap', name: 'base' })), { code: 'transport/denied' });
  });

  test('are delivered with what they are when the step comes to them', async () => {
    const here = world({
      components: [{ name: 'copy', type: 'ref-objects', properties: { objects: [{ resource: 'configmap', name: 'base' }] } }],
      policies: [{ name: 't', type: 'topology', properties: { namespace: 'two' } }],
    });
    here.put(configMap('base'));
    const parameters: unknown[] = [];
    const desired = {
      ...here.context.desired,
      render: async (...[asked, place, properties, signal]: Parameters<typeof here.context.desired.render>) => {
        parameters.push(properties);
        return here.context.desired.render(asked, place, properties, signal);
      },
    };
    await runCoded({ ...here.context, desired, step: { ...here.context.step, type: 'deploy', template: null }, properties: { policies: ['t'] } }, () => {});
    assert.deepEqual(parameters, [{ objects: [{ apiVersion: 'v1', kind: 'ConfigMap', data: { a: 'base' }, metadata: { name: 'base', namespace: 'prod' } }] }]);
  });
});
