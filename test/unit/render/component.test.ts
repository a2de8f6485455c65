/** What becomes of one component beside the objects that its template gives. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { RenderedComponent } from '../../../daemon/model/plan.ts';
import { renderFiles } from './rig.ts';

const TAKES_OVER = `apiVersion: core.oam.dev/v1beta1
kind: TraitDefinition
metadata: {name: takes-over, namespace: vela-system}
spec:
  manageWorkload: true
  schematic: {cue: {template: 'outputs: it: {apiVersion: "v1", kind: "ConfigMap", data: image: context.output.spec.template.spec.containers[0].image}'}}
`;
const app = (traits: string): string => `apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {name: shop}
spec:
  components: [{name: web, type: worker, properties: {image: "nginx:1"}, traits: [${traits}]}]
`;

async function web(traits: string): Promise<RenderedComponent | undefined> {
  const found = await renderFiles({ 'app.yaml': app(traits), 'trait.yaml': TAKES_OVER });
  return found[0]?.components.get('web');
}

suite('a trait that manages the workload', () => {
  test('has it in its place, and nobody asks the workload how it is', async () => {
    const [plain, managed] = [await web(''), await web('{type: takes-over}')];
    const kinds = (component: RenderedComponent | undefined): unknown => component?.objects.map(({ object }) => object.kind);
    assert.deepEqual([kinds(plain), Object.keys(plain?.status ?? {}).length > 0], [['Deployment'], true]);
    assert.deepEqual(
      [kinds(managed), managed?.status, managed?.objects[0]?.object.metadata.labels?.['trait.oam.dev/manage-workload']],
      [['ConfigMap'], {}, 'true'],
    );
  });
});

test('objects that are in a cluster already are left to the step that delivers them', async () => {
  const [shop] = await renderFiles({
    'app.yaml': `apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {name: shop}
spec:
  components: [{name: copy, type: ref-objects, properties: {objects: [{resource: configmap, name: base}]}}, {name: web, type: worker, properties: {image: a}}]
  policies: [{name: there, type: topology, properties: {namespace: apps}}]
`,
  });
  assert.deepEqual(
    [shop?.diagnostics, shop?.placed.map(({ key }) => `${key.kind} ${key.namespace}/${key.name}`), shop?.steps.map(({ name }) => name)],
    [[], ['Deployment apps/web'], ['deploy-there']],
  );
});
