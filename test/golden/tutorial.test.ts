/**
 * The Application of KubeVela's tutorial "multi-cluster deployment with a workflow", unchanged, through the real path: a
 * hub and two members on the lab, delivered directly. What vela-core 1.1.0 made of it is recorded beside it.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseDocuments } from '../../daemon/lib/yaml.ts';
import { openScenario } from '../rig/daemon.ts';
import { useMembers } from '../rig/members.ts';
import { bare, differ, type Fields } from './compare.ts';

const CASES = join(import.meta.dirname, '..', '..', '..', 'shared', 'cases');
const isThere = existsSync(join(CASES, 'tutorial')) && existsSync(join(CASES, 'tutorial-recorded'));

function recorded(file: string): Fields {
  const path = join(CASES, 'tutorial-recorded', file);
  const [list] = parseDocuments(readFileSync(path, 'utf8'), path).documents.map((document) => document.value as { items: Fields[] });
  const [first] = list?.items ?? [];
  assert.ok(first, `${file} holds an object`);
  return first;
}

test('the tutorial\'s Application lands on the member that its placement selects, as KubeVela 1.1.0 sent it', { skip: isThere ? false : 'the folder of recorded cases is absent, skipped' }, async () => {
  await using lab = await useMembers({ 'poc-01': { labels: { purpose: 'test' }, clusterSet: 'prod', boundTo: ['default'] }, other: { clusterSet: 'prod', boundTo: ['default'] } });
  const { hub, 'poc-01': member, other } = lab.planes;
  await using scenario = await openScenario({ hub: hub.client, kubeconfig: hub.kubeconfig, name: 'tutorial', withNamespace: false });
  await scenario.push({ 'app.yaml': readFileSync(join(CASES, 'tutorial', 'app.yaml'), 'utf8') });
  const once = await scenario.once('--wait', '90s');
  assert.equal(once.code, 0, once.stdout + once.stderr);

  const work = await hub.client.get('manifestworks.work.open-cluster-management.io/poc-01/prod-env-prod-podinfo-server');
  assert.deepEqual(differ((recorded('manifestworks.work.open-cluster-management.io.yaml')['spec'] as Fields)['workload'], (work['spec'] as Fields)['workload'], []), []);
  const binding = await hub.client.get('envbindings.core.oam.dev/default/prod-env');
  assert.deepEqual(differ(recorded('envbindings.yaml')['spec'], binding['spec'], []), []);
  assert.deepEqual((binding['status'] as Fields)['cluster_decisions'], [{ env: 'prod', cluster: 'poc-01' }]);

  const deployment = bare(await member.client.get('deploy/default/podinfo-server'));
  assert.match(JSON.stringify(deployment), /stefanprodan\/podinfo:6\.0\.0/);
  assert.match(await member.client.show('svc/default'), /podinfo-server +LoadBalancer +\S+ +\d+\.\d+\.\d+\.\d+ +9898/);
  assert.doesNotMatch(await other.client.show('deploy/default'), /podinfo/);
  assert.match(await hub.client.show('applications.core.oam.dev/default'), /workflow-demo +podinfo-server +webservice +running +true/);
  assert.match(await hub.client.show('managedclusters.cluster.open-cluster-management.io'), /NAME +HUB ACCEPTED +MANAGED CLUSTER URLS +JOINED +AVAILABLE +AGE\n(.*\n)*poc-01 +true +https:\S+ +True +True/);
});
