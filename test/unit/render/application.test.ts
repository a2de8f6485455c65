/** An Application with the names that KubeVela's webhook would give. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject, KubeObject } from '../../../daemon/model/object.ts';
import { objectPolicies, readApplication, type ApplicationSpec } from '../../../daemon/render/application.ts';
import { documentOf } from '../plan/things.ts';

const read = (spec: JsonObject, metadata: KubeObject['metadata'] = {}): ApplicationSpec =>
  readApplication(documentOf({ apiVersion: 'core.oam.dev/v1beta1', kind: 'Application', metadata: { name: 'shop', ...metadata }, spec }), '1.10');
const specOf = (app: ApplicationSpec): JsonObject => app.object['spec'] as JsonObject;

describe('an Application as it is read', () => {
  it('has the namespace default where it says none', () => {
    const app = read({ components: [] });
    assert.deepEqual([app.namespace, app.object.metadata.namespace, read({ components: [] }, { namespace: 'prod' }).namespace], ['default', 'default', 'prod']);
  });

  it('has every field of a component', () => {
    const inputs = [{ from: 'a', parameterKey: 'b' }];
    const { components } = read({
      components: [
        {
          name: 'web',
          type: 'webservice',
          properties: { image: 'x' },
          traits: [{ type: 'scaler', properties: { replicas: 2 } }, { type: 'plain' }],
          dependsOn: ['db'],
          inputs,
          outputs: [
            { name: 'x', valueFrom: 'output.x' },
            { name: 'y', exportKey: 'y' },
          ],
        },
        { name: 'db', type: 'raw' },
      ],
    });
    assert.deepEqual(components, [
      {
        at: ['spec', 'components', 0],
        replicaKey: '',
        name: 'web',
        type: 'webservice',
        properties: { image: 'x' },
        traits: [
          { type: 'scaler', properties: { replicas: 2 } },
          { type: 'plain', properties: null },
        ],
        dependsOn: ['db'],
        inputs,
        outputs: [
          { name: 'x', valueFrom: 'output.x' },
          { name: 'y', valueFrom: 'y' },
        ],
      },
      { at: ['spec', 'components', 1], replicaKey: '', name: 'db', type: 'raw', properties: null, traits: [], dependsOn: [], inputs: [], outputs: [] },
    ]);
  });

  it('names policies that have no name, and writes the names back', () => {
    const app = read({ components: [], policies: [{ type: 'topology' }, { name: 'mine', type: 'override' }, { type: 'override', properties: { x: 1 } }] });
    assert.deepEqual(app.policies, [
      { index: 0, name: 'topology-auto-gen-0', type: 'topology', properties: {} },
      { index: 1, name: 'mine', type: 'override', properties: {} },
      { index: 2, name: 'override-auto-gen-2', type: 'override', properties: { x: 1 } },
    ]);
    assert.deepEqual(specOf(app)['policies'], [
      { type: 'topology', name: 'topology-auto-gen-0' },
      { name: 'mine', type: 'override' },
      { type: 'override', properties: { x: 1 }, name: 'override-auto-gen-2' },
    ]);
  });

  it('names steps that have no name by their place, sub-steps by both, whatever the group is called', () => {
    const app = read({
      components: [],
      workflow: {
        steps: [
          { type: 'suspend' },
          { name: 'step-by-hand', type: 'step-group', subSteps: [{ type: 'suspend' }, { name: 'mine', type: 'suspend' }] },
          { type: 'step-group', subSteps: [{ type: 'suspend' }] },
        ],
      },
    });
    const names = (steps: unknown): unknown[] =>
      (steps as readonly JsonObject[]).flatMap((step) => [step['name'], ...(step['subSteps'] === undefined ? [] : names(step['subSteps']))]);
    assert.deepEqual(names(app.workflow?.['steps']), ['step-0', 'step-by-hand', 'step-1-0', 'mine', 'step-2', 'step-2-0']);
    assert.deepEqual(specOf(app)['workflow'], app.workflow);
  });

  it('has no workflow where none is written, and an empty one where one is', () => {
    assert.deepEqual(
      [read({ components: [] }).workflow, read({ components: [], workflow: null }).workflow, read({ components: [], workflow: {} }).workflow],
      [null, null, {}],
    );
    assert.deepEqual(Object.keys(specOf(read({ components: [] }))), ['components']);
  });

  it('knows which of its policies speak about objects', () => {
    assert.deepEqual(
      objectPolicies(read({ components: [], policies: [{ type: 'topology' }, { type: 'apply-once', properties: { enable: true } }] })).map(
        (policy) => policy.type,
      ),
      ['apply-once'],
    );
  });
});
