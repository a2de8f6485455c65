import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parseDocuments } from '../../../daemon/lib/yaml.ts';
import { environmentObjects } from '../../../daemon/lib/manifest-work.ts';
import type { KubeObject } from '../../../daemon/model/object.ts';
import { member } from '../workflow/actions/world.ts';
import { caseItems, caseText, clustersOf, findings, renderOne, withoutCases } from './rig.ts';

const app = (
  policy: string,
  step = '{policy: envs, env: prod, component: web}',
  options = '        created: false',
  type = 'multi-env',
): string => `apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {name: shop}
spec:
  components:
    - name: web
      type: webservice
      properties: {image: "nginx:1", port: 80}
      traits:
        - type: scaler
          properties: {replicas: 1}
    - name: job
      type: worker
      properties: {image: "busybox:1"}
  policies:
    - name: envs
      type: env-binding
      properties:
        engine: ocm
${options}
        envs:
${policy}
  workflow:
    steps:
      - name: go
        type: ${type}
        properties: ${step}
`;

const env = (patch: string, placement = '{clusterSelector: {labels: {tier: prod}}}'): string => `          - name: prod
            placement: ${placement}
            patch:
              components:
${patch}`;

const PATCH = `                - {name: web, type: webservice, properties: {image: "nginx:2"}, traits: [{type: scaler, properties: {replicas: 3}}]}`;
const spec = (object: KubeObject | undefined): Record<string, never> => (object?.['spec'] ?? {}) as Record<string, never>;

suite('the published example', { skip: withoutCases }, () => {
  test('becomes the ManifestWork, the EnvBinding and the Placement that KubeVela 1.1.0 made of it', async () => {
    const desired = await renderOne(caseText('tutorial/app.yaml'), clustersOf([member('poc-01')], { 'default/workflow-demo-prod': ['poc-01'] }));
    assert.deepEqual([desired.dialect, desired.fault, [...desired.components.keys()]], ['1.1', null, []]);
    const [work] = desired.placed;
    const [recorded] = caseItems('tutorial-recorded/manifestworks.work.open-cluster-management.io.yaml');
    assert.deepEqual([work?.object.metadata.namespace, work?.object.metadata.name], [recorded.metadata.namespace, recorded.metadata.name]);
    assert.deepEqual(work?.object['spec'], recorded.spec);
    const made = (kind: string): KubeObject | undefined => desired.policyObjects.find((item) => item.key.kind === kind)?.object;
    const [binding] = caseItems('tutorial-recorded/envbindings.yaml');
    assert.deepEqual([made('EnvBinding')?.['spec'], made('EnvBinding')?.metadata.labels], [binding.spec, binding.metadata.labels]);
    const [placement] = caseItems('tutorial-recorded/placements.yaml');
    // The claim selector is a default of the server's.
    delete placement.spec.predicates[0].requiredClusterSelector.claimSelector;
    assert.deepEqual(
      [made('Placement')?.['spec'], made('Placement')?.metadata.name, made('Placement')?.apiVersion],
      [placement.spec, placement.metadata.name, 'cluster.open-cluster-management.io/v1beta1'],
    );
    const [map] = caseItems('tutorial-recorded/configmaps-default.yaml');
    const stored = parseDocuments(map.data['prod-env-prod-podinfo-server'], 'work').documents[0]?.value as KubeObject;
    assert.deepEqual(stored['spec'], work?.object['spec']);
  });
});

suite('environments', () => {
  test('each has its own version of the components, and nothing goes to the hub', async () => {
    const desired = await renderOne(app(env(PATCH)), clustersOf([], { 'default/shop-prod': ['east'] }));
    assert.deepEqual(findings(desired), []);
    assert.deepEqual([...desired.components.keys()], []);
    assert.deepEqual(
      desired.placed.map((item) => `${item.key.cluster}/${item.key.kind}/${item.key.namespace}/${item.key.name}`),
      ['local/ManifestWork/east/envs-prod-web'],
    );
    const [environment] = desired.environments;
    assert.ok(environment);
    assert.deepEqual([environment.created, environment.by, environment.choice], [false, 'ocm', { placement: 'shop-prod', labels: { tier: 'prod' } }]);
    assert.deepEqual(
      environmentObjects(desired, environment, 'west', null).map((item) => [item.key.namespace, item.key.name, item.component]),
      [
        ['west', 'envs-prod-web', 'web'],
        ['west', 'envs-prod-job', 'job'],
      ],
    );
    const [web] = environment.components;
    const workload = web?.objects[0]?.object;
    assert.deepEqual(
      [spec(workload)['replicas'], (spec(workload)['template'] as never as { spec: { containers: { image: string }[] } }).spec.containers[0]?.image],
      [3, 'nginx:2'],
    );
  });

  test('what is created by itself needs no step', async () => {
    const text = app(env(PATCH), undefined, '').replace(/  workflow:[^]*/, '');
    const desired = await renderOne(text, clustersOf([], { 'default/shop-prod': ['east'] }));
    assert.deepEqual([desired.fault, desired.steps, [...desired.components.keys()]], [null, [], []]);
    assert.deepEqual(
      desired.placed.map((item) => item.key.name),
      ['envs-prod-web', 'envs-prod-job'],
    );
  });

  test('without labels and a name there is no cluster to choose, and that is told at its line', async () => {
    assert.deepEqual(findings(await renderOne(app(env(PATCH, '{clusterSelector: {}}')))), [
      '23 error render/patch policy "envs", environment "prod": the cluster selector of placement shouldn\'t be empty | Give placement.clusterSelector a name or labels.',
    ]);
  });

  test("a patch for a component, a type or a trait that is not there is told at its line, in KubeVela's words", async () => {
    const of = async (patch: string): Promise<readonly string[]> => findings(await renderOne(app(env(patch))));
    assert.deepEqual(await of('                - {name: wbe, type: webservice, properties: {}}'), [
      '26 error render/patch failed to patch parameter for env prod: fail to match component wbe | The application has no component of this name (did you mean "web"?).',
    ]);
    assert.deepEqual(await of('                - name: web\n                  type: worker\n                  properties: {}'), [
      '27 error render/patch failed to patch parameter for env prod: fail to match component web | Component web has the type webservice; KubeVela 1.1 wants it repeated here.',
    ]);
    assert.deepEqual(
      await of(
        '                - name: web\n                  type: webservice\n                  properties: {}\n                  traits:\n                    - {type: scalar, properties: {}}',
      ),
      [
        '30 error render/patch failed to patch parameter for env prod: fail to match trait scalar | Component web has the traits scaler (did you mean "scaler"?).',
      ],
    );
  });

  test('a value that the component does not take is told at the patch', async () => {
    const desired = await renderOne(
      app(env('                - name: web\n                  type: webservice\n                  properties:\n                    image: 5')),
    );
    assert.equal(desired.fault?.code, 'render/parameter');
    assert.deepEqual(
      desired.diagnostics.map((item) => item.origin?.line),
      [29],
    );
  });

  test('a step that names no policy, environment or component of the application is told at its line', async () => {
    const of = async (step: string): Promise<readonly string[]> => findings(await renderOne(app(env(PATCH), step)));
    assert.deepEqual(await of('{policy: env, env: prod}'), [
      '31 error load/reference step "go": there is no env-binding policy "env" (did you mean "envs"?) | The application has: envs.',
    ]);
    assert.deepEqual(await of('{policy: envs, env: prdo}'), [
      '31 error load/reference step "go": policy "envs" has no environment "prdo" (did you mean "prod"?) | It has: prod.',
    ]);
    assert.deepEqual(await of('{policy: envs, env: prod, component: api}'), [
      '31 error load/reference step "go": there is no component "api" | The application has: web, job.',
    ]);
    assert.deepEqual(await of('{policy: envs}'), [
      '31 error load/reference step "go": property "env" is missing | The step needs policy and env, and component where only one is meant.',
    ]);
  });

  test('the later spelling of the engine is the same, and names the engine in the EnvBinding', async () => {
    const text = app(env(PATCH)).replace('engine: ocm', 'clusterManagementEngine: ocm');
    const desired = await renderOne(text, clustersOf([], { 'default/shop-prod': ['east'] }));
    assert.deepEqual([desired.dialect, desired.fault, desired.placed.length], ['1.1', null, 1]);
    assert.equal(spec(desired.policyObjects.find((item) => item.key.kind === 'EnvBinding')?.object)['engine'], 'ocm');
  });

  test('the engines that know no OCM apply the objects themselves, in the namespace of the environment', async () => {
    const text = app(env(PATCH, '{clusterSelector: {name: east}, namespaceSelector: {name: apps}}')).replace('engine: ocm', 'engine: cluster-gateway');
    const desired = await renderOne(
      text.replace('metadata: {name: shop}', 'metadata: {name: shop, annotations: {lateen.dev/kubevela: "1.1"}}'),
      clustersOf([member('east')]),
    );
    assert.deepEqual(
      desired.placed.map((item) => `${item.key.cluster}/${item.key.kind}/${item.key.namespace}/${item.key.name}`),
      ['east/Deployment/apps/web'],
    );
  });
});

suite('environments in KubeVela 1.10', () => {
  const text = (steps: string): string => `apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {name: shop}
spec:
  components:
    - {name: web, type: webservice, properties: {image: "nginx:1"}}
    - {name: job, type: worker, properties: {image: "busybox:1"}}
  policies:
    - name: envs
      type: env-binding
      properties:
        envs:
          - name: test
            placement: {namespaceSelector: {name: test}}
            selector: {components: [job]}
          - name: prod
            placement: {clusterSelector: {name: east}, namespaceSelector: {name: prod}}
            patch: {components: [{name: web, traits: [{type: scaler, properties: {replicas: 3}}]}]}
${steps}`;
  const where = (desired: {
    readonly placed: readonly { readonly key: { readonly cluster: string; readonly kind: string; readonly namespace: string; readonly name: string } }[];
  }): readonly string[] => desired.placed.map(({ key }) => `${key.cluster}/${key.kind}/${key.namespace}/${key.name}`);

  test('are placements with overrides, and without a workflow each has a step of its own', async () => {
    const desired = await renderOne(text(''), clustersOf([member('east')]));
    assert.deepEqual(
      [findings(desired), desired.steps.map((step) => [step.name, step.template]), desired.components.size],
      [
        [],
        [
          ['deploy-envs-test', null],
          ['deploy-envs-prod', null],
        ],
        0,
      ],
    );
    assert.deepEqual(where(desired), ['local/Deployment/test/job', 'east/Deployment/prod/web', 'east/Deployment/prod/job']);
    assert.equal(spec(desired.placed[1]?.object)['replicas'], 3);
  });

  test('are named by the workflow, whose mistakes are told at their line', async () => {
    const steps = (env: string): string => `  workflow:\n    steps:\n      - {name: go, type: deploy2env, properties: {policy: envs, env: ${env}}}\n`;
    assert.deepEqual(where(await renderOne(text(steps('prod')), clustersOf([member('east')]))), ['east/Deployment/prod/web', 'east/Deployment/prod/job']);
    assert.deepEqual(findings(await renderOne(text(steps('pord')))), [
      '21 error load/reference step "go": policy "envs" has no environment "pord" (did you mean "prod"?) | It has: test, prod.',
    ]);
  });
});
