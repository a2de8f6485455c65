import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { NO_CLUSTERS } from '../../../daemon/model/clusters.ts';
import type { Fault } from '../../../daemon/model/fault.ts';
import type { PolicyRef } from '../../../daemon/model/plan.ts';
import { placementsOf } from '../../../daemon/render/place.ts';
import { member } from '../workflow/actions/world.ts';
import { clustersOf, findings, renderOne } from './rig.ts';

const topology = (properties: PolicyRef['properties']): PolicyRef => ({ name: 'where', type: 'topology', properties });
const MEMBERS = clustersOf([
  member('east', { region: 'eu', tier: 'prod' }),
  member('north', { region: 'eu' }, { accepted: false }),
  member('west', { region: 'us', tier: 'prod' }),
]);
const places = (...policies: readonly PolicyRef[]): readonly string[] => placementsOf(policies, MEMBERS).map((place) => `${place.cluster}/${place.namespace}`);

suite('topology policies', () => {
  test('name clusters, select them by labels, or mean the hub', () => {
    assert.deepEqual(places(topology({ clusters: ['west', 'local', 'east'], namespace: 'n' })), ['west/n', 'local/n', 'east/n']);
    assert.deepEqual(places(topology({ clusterLabelSelector: { tier: 'prod' } })), ['east/', 'west/']);
    assert.deepEqual(places(topology({ clusterSelector: { region: 'us' } })), ['west/']);
    assert.deepEqual(places(topology({ namespace: 'n' })), ['local/n']);
    assert.deepEqual(places(), ['local/']);
  });

  test('lead to each place once, in order', () => {
    assert.deepEqual(
      places(topology({ clusters: ['west'] }), topology({ clusterLabelSelector: { tier: 'prod' } }), topology({ clusters: ['west'], namespace: 'n' })),
      ['west/', 'east/', 'west/n'],
    );
  });

  test('a selector takes no cluster that was not accepted', () => {
    assert.deepEqual(places(topology({ clusterLabelSelector: { region: 'eu' } })), ['east/']);
  });

  test("what fits no cluster waits in KubeVela's words, unless it may be empty", () => {
    const refused = (policy: PolicyRef): Pick<Fault, 'code' | 'kind' | 'message'> => {
      try {
        places(policy);
      } catch (error) {
        const { code, kind, message } = error as Fault;
        return { code, kind, message };
      }
      throw new Error('it fits');
    };
    assert.deepEqual(refused(topology({ clusters: ['eats'] })), {
      code: 'render/no-cluster',
      kind: 'waiting',
      message: 'failed to get cluster eats: not found (did you mean "east"?)',
    });
    assert.deepEqual(refused(topology({ clusterLabelSelector: { tier: 'test', region: 'eu' } })), {
      code: 'render/no-cluster',
      kind: 'waiting',
      message: 'failed to find any cluster matches given labels: tier=test, region=eu (policy where)',
    });
    assert.deepEqual(places(topology({ clusterLabelSelector: { tier: 'test' }, allowEmpty: true })), []);
  });
});

const app = (policies: string, steps = ''): string => `apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {name: shop}
spec:
  components:
    - {name: web, type: webservice, properties: {image: "nginx:1"}}
    - {name: job, type: worker, properties: {image: "busybox:1"}}
  policies:
${policies}
${steps}`;

suite('an application with placements', () => {
  test('is rendered for each place, with its cluster, and not for the hub', async () => {
    const desired = await renderOne(
      app(
        '    - {name: prod, type: topology, properties: {clusterLabelSelector: {tier: prod}, namespace: apps}}\n    - {name: two, type: override, properties: {selector: [web], components: [{name: web, properties: {image: "nginx:2"}}]}}',
      ),
      MEMBERS,
    );
    assert.deepEqual(findings(desired), []);
    assert.deepEqual([desired.components.size, desired.steps.map((step) => step.name)], [0, ['deploy-prod']]);
    assert.deepEqual(
      desired.placed.map(({ key, object }) => [key.cluster, key.namespace, key.name, object.metadata.labels?.['app.oam.dev/cluster']]),
      [
        ['east', 'apps', 'web', 'east'],
        ['west', 'apps', 'web', 'west'],
      ],
    );
    const images = desired.placed.map(
      ({ object }) => (object['spec'] as { template: { spec: { containers: { image: string }[] } } }).template.spec.containers[0]?.image,
    );
    assert.deepEqual(images, ['nginx:2', 'nginx:2']);
  });

  test('goes in ManifestWorks to a cluster where OCM applies, with feedback of what is judged', async () => {
    const desired = await renderOne(app('    - {name: prod, type: topology, properties: {clusters: [far]}}'), clustersOf([member('far', {}, { mode: 'ocm' })]));
    assert.deepEqual(
      desired.placed.map(({ key }) => `${key.cluster}/${key.kind}/${key.namespace}`),
      ['local/ManifestWork/far', 'local/ManifestWork/far'],
    );
    const spec = desired.placed[0]?.object['spec'] as {
      workload: { manifests: { kind: string }[] };
      manifestConfigs: { resourceIdentifier: unknown; feedbackRules: { jsonPaths: { name: string; path: string }[] }[] }[];
    };
    assert.deepEqual(
      spec.workload.manifests.map((item) => item.kind),
      ['Deployment'],
    );
    assert.deepEqual(spec.manifestConfigs[0]?.resourceIdentifier, { group: 'apps', resource: 'deployments', name: 'web', namespace: 'default' });
    assert.ok(
      spec.manifestConfigs[0]?.feedbackRules[0]?.jsonPaths.some((item) => item.name === 'status.readyReplicas' && item.path === '.status.readyReplicas'),
    );
  });

  test('without a cluster that fits, nothing is known yet, and nothing goes to the hub', async () => {
    const desired = await renderOne(app('    - {name: prod, type: topology, properties: {clusterLabelSelector: {tier: prod}}}'), NO_CLUSTERS);
    assert.deepEqual([desired.fault, desired.components.size, desired.placed.length], [null, 0, 0]);
  });

  test('a field that a policy does not have is told at its line', async () => {
    const at = async (policy: string): Promise<readonly string[]> => findings(await renderOne(app(policy), MEMBERS));
    assert.deepEqual(await at('    - name: prod\n      type: topology\n      properties: {clusters: [east], namspace: x}'), [
      '11 error render/policy policy "prod": unknown field "namspace" (did you mean "namespace"?) | A topology policy has: clusters, clusterLabelSelector, clusterSelector, allowEmpty, namespace.',
    ]);
    assert.deepEqual(await at('    - name: other\n      type: override'), [
      '10 error render/policy policy "other": override policy other must not have empty properties | Give components to change, or a selector.',
    ]);
  });

  test('an override that gives a property of the wrong type is told at its line', async () => {
    const desired = await renderOne(
      app(
        '    - {name: prod, type: topology, properties: {clusters: [east]}}\n    - name: bad\n      type: override\n      properties:\n        components:\n          - name: web\n            properties:\n              image: 5',
      ),
      MEMBERS,
    );
    assert.deepEqual([desired.fault?.code, desired.diagnostics.map((item) => item.origin?.line)], ['render/parameter', [16]]);
  });

  test('a component that an override adds is of a type that there is', async () => {
    const desired = await renderOne(
      app(
        '    - name: bad\n      type: override\n      properties:\n        components:\n          - name: extra\n            type: wokrer\n            properties: {image: x}',
      ),
      MEMBERS,
    );
    assert.deepEqual(
      findings(desired).map((line) => line.slice(0, 92)),
      ['14 error render/unknown-type there is no ComponentDefinition "wokrer" (did you mean "worker"'],
    );
  });

  test('an apply-component step for a member is rendered for it', async () => {
    const desired = await renderOne(
      app(
        '    []',
        '  workflow: {steps: [{name: a, type: apply-component, properties: {component: web, cluster: west}}, {name: b, type: apply-component, properties: {component: job}}]}'.replace(
          '    []',
          '',
        ),
      ).replace('  policies:\n    []\n', ''),
      MEMBERS,
    );
    assert.deepEqual([[...desired.components.keys()], desired.placed.map(({ key }) => `${key.cluster}/${key.name}`)], [['job'], ['west/web']]);
  });
});
