/**
 * The Application of KubeVela's tutorial "multi-cluster deployment with a workflow", unchanged, through the real path: a
 * hub and two members on the lab, delivered directly. What vela-core 1.1.0 made of it is recorded beside it.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseDocuments } from '../../daemon/lib/yaml.ts';
import { openScenario } from '../rig/daemon.ts';
import { useCloud } from '../rig/cloud.ts';
import { useMembers } from '../rig/members.ts';
import { bare, differ, type Fields } from './compare.ts';

const CASES = join(import.meta.dirname, '..', '..', '..', 'shared', 'cases');
const isThere = existsSync(join(CASES, 'tutorial')) && existsSync(join(CASES, 'tutorial-recorded'));

function recordedAll(file: string): readonly Fields[] {
  const path = join(CASES, 'tutorial-recorded', file);
  const [list] = parseDocuments(readFileSync(path, 'utf8'), path).documents.map((document) => document.value as { items: Fields[] });
  return list?.items ?? [];
}

function recorded(file: string): Fields {
  const [first] = recordedAll(file);
  assert.ok(first, `${file} holds an object`);
  return first;
}

/** The files of a folder of cases, by their path in the repository. */
function filesOf(...folders: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    folders.flatMap((folder) =>
      readdirSync(join(CASES, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.yaml'))
        .map((name) => [name, readFileSync(join(CASES, folder, name), 'utf8')] as const),
    ),
  );
}

test(
  "the tutorial's Application lands on the member that its placement selects, as KubeVela 1.1.0 sent it",
  { skip: isThere ? false : 'the folder of recorded cases is absent, skipped' },
  async () => {
    await using lab = await useMembers({
      'poc-01': { labels: { purpose: 'test' }, clusterSet: 'prod', boundTo: ['default'] },
      other: { clusterSet: 'prod', boundTo: ['default'] },
    });
    const { hub, 'poc-01': member, other } = lab.planes;
    await using scenario = await openScenario({ hub: hub.client, kubeconfig: hub.kubeconfig, name: 'tutorial', withNamespace: false });
    await scenario.push({ 'app.yaml': readFileSync(join(CASES, 'tutorial', 'app.yaml'), 'utf8') });
    const once = await scenario.once('--wait', '90s');
    assert.equal(once.code, 0, once.stdout + once.stderr);

    const work = await hub.client.get('manifestworks.work.open-cluster-management.io/poc-01/prod-env-prod-podinfo-server');
    assert.deepEqual(
      differ((recorded('manifestworks.work.open-cluster-management.io.yaml')['spec'] as Fields)['workload'], (work['spec'] as Fields)['workload'], []),
      [],
    );
    const binding = await hub.client.get('envbindings.core.oam.dev/default/prod-env');
    assert.deepEqual(differ(recorded('envbindings.yaml')['spec'], binding['spec'], []), []);
    assert.deepEqual((binding['status'] as Fields)['cluster_decisions'], [{ env: 'prod', cluster: 'poc-01' }]);

    const deployment = bare(await member.client.get('deploy/default/podinfo-server'));
    assert.match(JSON.stringify(deployment), /stefanprodan\/podinfo:6\.0\.0/);
    assert.match(await member.client.show('svc/default'), /podinfo-server +LoadBalancer +\S+ +\d+\.\d+\.\d+\.\d+ +9898/);
    assert.doesNotMatch(await other.client.show('deploy/default'), /podinfo/);
    assert.match(await hub.client.show('applications.core.oam.dev/default'), /workflow-demo +podinfo-server +webservice +running +true/);
    assert.match(
      await hub.client.show('managedclusters.cluster.open-cluster-management.io'),
      /NAME +HUB ACCEPTED +MANAGED CLUSTER URLS +JOINED +AVAILABLE +AGE\n(.*\n)*poc-01 +true +https:\S+ +True +True/,
    );
  },
);

const phaseOf = (object: Fields): unknown => (object['status'] as Fields | undefined)?.['status'];
const nameOf = (object: Fields): string => `${String((object['metadata'] as Fields)['namespace'])}/${String((object['metadata'] as Fields)['name'])}`;
/** An object as it was applied, without what the revision's content decides. */
const withoutHash = (object: Fields): Fields => {
  const { annotations: _annotations, ...metadata } = bare(object)['metadata'] as Fields;
  return { ...bare(object), metadata };
};

test(
  'the whole tutorial, unchanged, from one push: cloud cluster, registration and Application as KubeVela 1.1.0 made them',
  { skip: isThere ? false : 'the folder of recorded cases is absent, skipped' },
  async () => {
    await using ground = await useCloud();
    const { hub, member } = ground.lab.planes;
    await using scenario = await openScenario({ hub: hub.client, kubeconfig: hub.kubeconfig, name: 'tutorial', withNamespace: false, instance: '' });
    await scenario.push(filesOf('tutorial', 'tutorial-addon'));
    const once = await scenario.verb('once', { env: ground.env() }, ...ground.args, '--wait', '120s');
    assert.equal(once.code, 0, once.stdout + once.stderr);
    const get = (ref: string): Promise<Fields> => hub.client.get(ref);

    for (const file of ['initializers.yaml', 'applications.yaml'] as const) {
      const kind = file.slice(0, -'.yaml'.length);
      for (const expected of recordedAll(file))
        assert.deepEqual([nameOf(expected), phaseOf(await get(`${kind}.core.oam.dev/${nameOf(expected)}`))], [nameOf(expected), phaseOf(expected)]);
    }
    const work = await get('manifestworks.work.open-cluster-management.io/poc-01/prod-env-prod-podinfo-server');
    assert.deepEqual(
      differ((recorded('manifestworks.work.open-cluster-management.io.yaml')['spec'] as Fields)['workload'], (work['spec'] as Fields)['workload'], []),
      [],
    );
    assert.deepEqual(differ(withoutHash(recorded('providers.yaml')), withoutHash(await get('providers.terraform.core.oam.dev/default/default')), []), []);
    const configuration = withoutHash({
      ...(await get('configurations.terraform.core.oam.dev/vela-system/ack-worker')),
      apiVersion: 'terraform.core.oam.dev/v1beta1',
    });
    assert.deepEqual(differ(withoutHash(recorded('configurations.yaml')), configuration, []), []);
    const { managedBy: _managedBy, suspend: _suspend, ...job } = (await get('jobs/default/cluster-register'))['spec'] as Fields;
    const { suspend: _recorded, ...recordedJob } = recorded('jobs.yaml')['spec'] as Fields;
    const shape = (spec: Fields): unknown =>
      JSON.parse(
        JSON.stringify(spec)
          .replaceAll(/"--(hub-api-server|cluster-ca-cert|client-cert|client-key|api-server-internet)=[^"]*"/g, '"--$1"')
          .replaceAll(/"[^"]*controller-uid":"[^"]*",?/g, ''),
      );
    assert.deepEqual(differ(shape(recordedJob), shape(job), []), []);

    assert.match(
      await hub.client.show('initializers.core.oam.dev'),
      /^NAMESPACE +NAME +PHASE +AGE\nvela-system +managed-cluster +success .*\nvela-system +ocm-cluster-manager +success .*\nvela-system +terraform +success .*\nvela-system +terraform-alibaba +success /,
    );
    const applications = await hub.client.show('applications.core.oam.dev');
    assert.match(applications, /^default +workflow-demo +podinfo-server +webservice +running +true /m);
    assert.match(applications, /^vela-system +managed-cluster +ack-worker +alibaba-ack +running +true +Cloud resources are deployed and ready to use\. /m);
    assert.match(await hub.client.show('managedclusters.cluster.open-cluster-management.io'), /^poc-01 +true +https:\S+ +True +True/m);
    assert.match(await member.client.show('deploy/default'), /^podinfo-server +1\/1/m);
    assert.match(await member.client.show('svc/default'), /^podinfo-server +LoadBalancer +\S+ +\d+\.\d+\.\d+\.\d+ +9898/m);
    const cluster = await get('managedclusters.cluster.open-cluster-management.io/poc-01');
    assert.deepEqual(
      Object.fromEntries(
        Object.entries((cluster['metadata'] as { labels: Fields }).labels).filter(([key]) => key === 'purpose' || key.endsWith('/clusterset')),
      ),
      { purpose: 'test', 'cluster.open-cluster-management.io/clusterset': 'prod' },
    );
    const secret = await get('secrets/vela-system/ack-conn');
    assert.deepEqual(Object.keys(secret['data'] as Fields).sort(), [
      'api_server_internet',
      'client_cert',
      'client_key',
      'cluster_ca_cert',
      'kubeconfig',
      'name',
    ]);
    assert.deepEqual(
      ground.cloud.state().clusters.map(({ name }) => name),
      ['poc-01'],
    );
    assert.match((await scenario.bare.show('lateen-status', 'initializers/vela-system/managed-cluster.yaml')) ?? '', /^phase: success$/m);
  },
);
