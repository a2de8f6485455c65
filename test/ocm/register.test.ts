// Lateen registers a cluster with OCM's own processes: OCM_BIN names a directory with `registration`, `placement` and `work`.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { createRedactor } from '../../daemon/lib/redact.ts';
import { systemClock } from '../../daemon/lib/retry.ts';
import { readKubeconfigText } from '../../daemon/lib/kubeconfig-text.ts';
import type { ClusterRegistration, Effects, Register } from '../../daemon/model/ports.ts';
import { installDefinitions, prepareHub, readDefinitions, readMemberDefinitions } from '../../daemon/transport/hub.ts';
import type { KubeClient } from '../../daemon/transport/kube.ts';
import { klusterletController } from '../../daemon/transport/klusterlet.ts';
import { openRegister } from '../../daemon/transport/register.ts';
import { hasCondition } from '../lab/client.ts';
import { useLab, type Lab } from '../lab/lab.ts';
import { until } from '../rig/daemon.ts';
import { clientOf, connectionOf, CRDS, freeEffects } from '../rig/members.ts';
import { startKlusterlet, startOcmHub } from './processes.ts';

const bin = process.env['OCM_BIN'] ?? '';
const missing = bin === '' ? ['OCM_BIN'] : ['registration', 'placement', 'work'].map((name) => join(bin, name)).filter((file) => !existsSync(file));
const CLUSTER = 'cluster.open-cluster-management.io';
const PATIENCE_MS = 120_000;

if (missing.length > 0) {
  process.stdout.write(`NOT RUN: registering with real OCM (${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing)\n`);
  test('registering with real OCM', { skip: 'NOT RUN: OCM_BIN names no directory with registration, placement and work' });
} else {
  suite('Lateen registers a cluster with OCM', () => {
    const clock = systemClock();
    const signal = new AbortController().signal;
    const redactor = createRedactor();
    const stack = new AsyncDisposableStack();
    let lab: Lab<'hub' | 'm1'>;
    let hub: KubeClient;
    let register: Register;
    let wanted: ClusterRegistration;
    let done: string[] = [];
    const effects: Effects = {
      run: (kind, subject, effect) => {
        done.push(`${kind} ${subject}`);
        return effect();
      },
    };
    const messages: string[] = [];

    before(async () => {
      lab = await useLab(['hub', 'm1']);
      stack.defer(() => lab.stop());
      hub = stack.use(await clientOf(lab.planes.hub));
      await prepareHub(hub, await readDefinitions(CRDS), freeEffects, clock, signal);
      // On a real member the klusterlet's operator brings it.
      await using member = await clientOf(lab.planes.m1);
      await installDefinitions(member, await readMemberDefinitions(CRDS), 'm1', freeEffects, clock, signal);
      stack.use(await startOcmHub(bin, lab.planes.hub));
      register = openRegister({ hub, effects, redactor, clock });
      wanted = {
        name: 'm1',
        connection: await connectionOf(lab.planes.m1),
        labels: { purpose: 'test' },
        clusterSet: 'prod',
        boundTo: ['default'],
        hubServer: '',
      };
    });
    after(() => stack.disposeAsync());

    test("from the member's connection alone it becomes accepted, joined and available", async (t) => {
      const from = performance.now();
      const first = await register(wanted, signal);
      assert.deepEqual([first.available, first.changed], [false, true]);
      t.diagnostic(`first call ${Math.round(performance.now() - from)} ms: ${done.length} effects`);
      stack.use(await startKlusterlet(bin, lab.planes.m1));
      await until(
        'the cluster is available',
        async () => {
          const { available, message } = await register(wanted, signal);
          if (messages.at(-1) !== message) messages.push(message);
          return available ? true : undefined;
        },
        PATIENCE_MS,
      );
      t.diagnostic(`available after ${Math.round(performance.now() - from)} ms`);
      t.diagnostic(messages.join(' | '));
      const cluster = await lab.planes.hub.client.get('managedclusters/m1');
      assert.equal(cluster.spec.hubAcceptsClient, true);
      assert.deepEqual(
        cluster.spec.managedClusterClientConfigs.map(({ url }: { url: string }) => url),
        [lab.planes.m1.server],
      );
      assert.ok(hasCondition(cluster, 'ManagedClusterJoined') && hasCondition(cluster, 'ManagedClusterConditionAvailable'));
      const labels = cluster.metadata['labels'];
      assert.deepEqual([labels['purpose'], labels[`${CLUSTER}/clusterset`], cluster.metadata['annotations']['lateen.dev/delivery']], ['test', 'prod', 'ocm']);
      assert.ok(await lab.planes.hub.client.get('managedclustersetbindings/default/prod'));
      assert.equal(await lab.planes.hub.client.find('secrets/vela-system/m1'), undefined, 'nothing is delivered past OCM');
      assert.ok(cluster.metadata['finalizers'].includes('lateen.dev/klusterlet'));
    });

    test('called again it writes nothing, and no message holds a secret', async () => {
      done = [];
      assert.deepEqual(await register(wanted, signal), { available: true, changed: false, message: '' });
      assert.deepEqual(await openRegister({ hub, effects, redactor, clock })(wanted, signal), { available: true, changed: false, message: '' });
      assert.deepEqual(done, []);
      const secret = await lab.planes.m1.client.get('secrets/open-cluster-management-agent/bootstrap-hub-kubeconfig');
      const { token } = readKubeconfigText(Buffer.from(secret['data'].kubeconfig, 'base64').toString('utf8'));
      assert.equal(redactor.text(`<${token}>`), '<***>');
      assert.ok(messages.every((message) => !message.includes(token) && message === redactor.text(message)));
    });

    test('a work reaches the member by it, and deleting the cluster takes work and klusterlet away again', async (t) => {
      const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'sent', namespace: 'default' }, data: { a: 'b' } };
      await lab.planes.hub.client.create({
        apiVersion: 'work.open-cluster-management.io/v1',
        kind: 'ManifestWork',
        metadata: { name: 'sent', namespace: 'm1' },
        spec: { workload: { manifests: [map] } },
      });
      await lab.planes.m1.client.until('configmaps/default/sent', (live) => live !== undefined, { timeoutMs: PATIENCE_MS });
      const doors = { hub, effects, redactor, clock };
      await lab.planes.hub.client.delete('managedclusters/m1');
      const controller = klusterletController(doors);
      await until(
        'the cluster is off the hub',
        async () => {
          const cluster = await lab.planes.hub.client.find('managedclusters/m1');
          if (cluster !== undefined) messages.push((await controller.turn(cluster, signal)).message);
          return cluster === undefined ? true : undefined;
        },
        PATIENCE_MS,
      );
      t.diagnostic([...new Set(messages)].join(' | '));
      const { m1, hub: plane } = lab.planes;
      assert.deepEqual([await plane.client.find('managedclusters/m1'), await m1.client.find('configmaps/default/sent')], [undefined, undefined]);
      assert.equal(await plane.client.find('secrets/vela-system/lateen-klusterlet-m1'), undefined);
      assert.deepEqual(
        [await m1.client.list('klusterlets'), await m1.client.find('secrets/open-cluster-management-agent/bootstrap-hub-kubeconfig')],
        [[], undefined],
      );
      assert.ok(await m1.client.get('namespaces/open-cluster-management-agent'));
    });
  });
}
