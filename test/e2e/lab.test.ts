import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ApiError, hasCondition, type KubeInput, openClient } from '../lab/client.ts';
import { type ControlPlane, startControlPlane, useLab } from '../lab/lab.ts';
import { isRunning, type ProcessRecord } from '../lab/process.ts';
import type { PlaneState } from '../lab/state.ts';

const LAB_MAIN = join(import.meta.dirname, '../lab/main.ts');
const lab = await useLab(['hub', 'edge'], { audit: true });
after(() => lab.stop());
const { hub, edge } = lab.planes;

test('two control planes are two clusters', async () => {
  await hub.client.apply(configMap('only-here', { where: 'hub' }));
  assert.equal(await edge.client.find('configmaps/default/only-here'), undefined);
  const [ofHub, ofEdge] = await Promise.all([hub, edge].map((plane) => plane.client.get('namespaces/kube-system')));
  assert.notEqual(ofHub!.metadata.uid, ofEdge!.metadata.uid);
});

test('a Deployment becomes ready and the Table says so', async () => {
  const namespace = await hub.client.scratchNamespace();
  await hub.client.apply(deployment('web', namespace, 2));
  const live = await hub.client.until(`deploy/${namespace}/web`, (it) => it?.status?.readyReplicas === 2);
  assert.ok(hasCondition(live, 'Available'));
  assert.match(await hub.client.show(`deploy/${namespace}`), /^NAME   READY   UP-TO-DATE   AVAILABLE   AGE\nweb    2\/2     2            2           \d+s$/);
  assert.equal(await hub.client.show(`jobs/${namespace}`), `No resources found in ${namespace} namespace.`);
  assert.match(await hub.client.show('deploy'), /^NAMESPACE +NAME +READY/);
});

test('a Job completes', async () => {
  const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'example.invalid/task' }] } };
  await hub.client.apply({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'once' }, spec: { template } });
  await hub.client.until('jobs/default/once', (it) => hasCondition(it, 'Complete'));
});

test('a Service of type LoadBalancer gets an address of its own, and a deleted namespace goes away', async () => {
  const namespace = await edge.client.scratchNamespace('web');
  const addresses = new Set<string>();
  for (const name of ['one', 'two']) {
    const spec = { type: 'LoadBalancer', selector: { app: name }, ports: [{ port: 80 }] };
    await edge.client.apply({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec });
    const live = await edge.client.until(`svc/${namespace}/${name}`, (it) => it?.status?.loadBalancer?.ingress !== undefined);
    addresses.add(live.status.loadBalancer.ingress[0].ip);
  }
  assert.equal(addresses.size, 2);
  for (const address of addresses) assert.match(address, /^203\.0\.113\.\d+$/);
  assert.equal(await edge.client.delete(`ns/${namespace}`), true);
  await edge.client.gone(`ns/${namespace}`);
});

test('a user has the rights that RBAC gives and no more', async () => {
  using nobody = await openClient(await hub.kubeconfigFor('nobody'));
  await assert.rejects(nobody.list('secrets/default'), (error) => error instanceof ApiError && error.status === 403 && error.reason === 'Forbidden');
  using admin = await openClient(await hub.kubeconfigFor('admin-too', ['system:masters']));
  assert.ok(await admin.list('secrets/default'));
});

test('the audit tells of writes by user, and not of reads', async () => {
  using writer = await openClient(await hub.kubeconfigFor('writer', ['system:masters']));
  await writer.apply(configMap('audited', {}));
  await writer.get('configmaps/default/audited');
  await writer.delete('configmaps/default/audited');
  const ofWriter = (await hub.writes()).filter((write) => write.user === 'writer');
  assert.deepEqual(
    ofWriter.map(({ verb, path, status }) => [verb, path, status]),
    [
      ['patch', '/api/v1/namespaces/default/configmaps/audited', 201],
      ['delete', '/api/v1/namespaces/default/configmaps/audited', 200],
    ],
  );
});

test('a watch tells of what comes', async () => {
  const ending = new AbortController();
  const names: string[] = [];
  const { metadata } = JSON.parse((await hub.client.raw('GET', '/api/v1/namespaces/default/configmaps')).text) as { metadata: { resourceVersion: string } };
  const watching = (async () => {
    for await (const event of hub.client.watch('configmaps/default', ending.signal, metadata.resourceVersion)) {
      if (event.type === 'ADDED' && names.push(event.object.metadata.name) === 2) return;
    }
  })();
  await hub.client.apply(configMap('first', {}));
  await hub.client.apply(configMap('second', {}));
  await watching;
  ending.abort();
  assert.deepEqual(names, ['first', 'second']);
});

test('an API server goes away and comes back on its port with its data, and its controllers work on', async () => {
  await hub.client.apply(configMap('kept', { text: 'still here' }));
  const server = hub.server;
  await hub.stopApiServer();
  await assert.rejects(hub.client.get('configmaps/default/kept'), { code: 'ECONNREFUSED' });
  await hub.startApiServer();
  assert.equal(hub.server, server);
  assert.deepEqual((await hub.client.get('configmaps/default/kept')).data, { text: 'still here' });
  await hub.client.apply(deployment('afterwards', 'default', 1));
  await hub.client.until('deploy/default/afterwards', (it) => it?.status?.readyReplicas === 1);
  assert.ok(await edge.client.get('namespaces/default'), 'the other one was never away');
});

test('a frozen API server takes connections and says nothing until it thaws', async () => {
  await hub.freezeApiServer();
  await assert.rejects(hub.client.raw('GET', '/version', { signal: AbortSignal.timeout(500) }), { name: 'AbortError' });
  await hub.thawApiServer();
  assert.equal((await hub.client.raw('GET', '/version')).status, 200);
});

test('a program that dies is started again', async () => {
  const before = await partOf(edge, 'kube-scheduler');
  process.kill(before.pid, 'SIGKILL');
  const now = await eventually(async () => {
    const part = await partOf(edge, 'kube-scheduler').catch(() => undefined);
    return part !== undefined && part.pid !== before.pid ? part : undefined;
  });
  assert.ok(isRunning(now));
});

test('what stopped is started again with its data, in its folder', async () => {
  await using folder = await temporaryFolder();
  const first = await startControlPlane({ name: 'again', dir: folder.path, nodes: false });
  await first.client.apply(configMap('kept', { text: 'over a restart' }));
  const { parts } = await first.state();
  await assert.rejects(startControlPlane({ name: 'again', dir: folder.path, nodes: false }), { name: 'LabError', message: /up already/ });
  await first.stop();
  assert.ok(parts.every((part) => !isRunning(part as ProcessRecord)));
  await using second = await startControlPlane({ name: 'again', dir: folder.path, nodes: false });
  assert.deepEqual((await second.client.get('configmaps/default/kept')).data, { text: 'over a restart' });
});

test('the command line leaves control planes up, tells where they are, and takes them down without a process left', async () => {
  await using folder = await temporaryFolder();
  const { stdout } = await runLab('up', 'one', 'two', '--api-only', '--json', '--dir', folder.path);
  const up = JSON.parse(stdout) as Record<string, { kubeconfig: string; server: string }>;
  assert.deepEqual(Object.keys(up), ['one', 'two']);
  using client = await openClient(up['two']!.kubeconfig);
  assert.equal(client.server, up['two']!.server);
  assert.ok(await client.get('namespaces/default'));
  const states = JSON.parse((await runLab('status', '--json', '--dir', folder.path)).stdout) as Record<string, Pick<PlaneState, 'parts'>>;
  const processes = Object.values(states).flatMap((state) => state.parts as readonly ProcessRecord[]);
  assert.equal(processes.length, 4);
  assert.ok(processes.every(isRunning));
  await runLab('down', '--dir', folder.path);
  assert.ok(processes.every((it) => !isRunning(it)));
  assert.ok(!existsSync(join(folder.path, 'one')));
});

test('a control plane ends with its owner, also where the owner is killed', async () => {
  await using folder = await temporaryFolder();
  const { owner, state } = await startOwner(folder.path);
  owner.kill('SIGKILL');
  await eventually(async () => [state.keeper, ...(state.parts as readonly ProcessRecord[])].every((it) => !isRunning(it)) || undefined);
});

test('the programs end with their keeper, also where the keeper is killed', async () => {
  await using folder = await temporaryFolder();
  const { owner, state } = await startOwner(folder.path);
  process.kill(state.keeper.pid, 'SIGKILL');
  await eventually(async () => (state.parts as readonly ProcessRecord[]).every((it) => !isRunning(it)) || undefined);
  owner.kill('SIGKILL');
});

test('a start that is called off leaves nothing', async () => {
  await using folder = await temporaryFolder();
  const calledOff = new AbortController();
  let calls = 0;
  const report = () => void (++calls === 2 && calledOff.abort()); // etcd is up, the API server is starting
  await assert.rejects(startControlPlane({ name: 'off', dir: folder.path, signal: calledOff.signal, report }), { name: 'AbortError' });
  assert.ok(!existsSync(join(folder.path, 'off', 'state.json')));
});

test('where a program cannot start, the end of its log says why', async () => {
  await using folder = await temporaryFolder();
  const start = startControlPlane({ name: 'broken', dir: folder.path, nodes: false, apiServerFlags: ['--no-such-flag'] });
  await assert.rejects(start, { name: 'LabError', message: /kube-apiserver ends by itself[\s\S]*unknown flag: --no-such-flag/ });
  assert.ok(!existsSync(join(folder.path, 'broken', 'state.json')));
});

test('without Go and without binaries it says what to install and what else one can do', async () => {
  await using folder = await temporaryFolder();
  const env = { HOME: folder.path, PATH: folder.path };
  await assert.rejects(promisify(execFile)(process.execPath, [LAB_MAIN, 'build'], { env }), (error: Error & { stderr: string }) => {
    assert.match(error.stderr, /needs Go 1\.26 or newer/);
    assert.match(error.stderr, /KUBEBUILDER_ASSETS/);
    assert.match(error.stderr, /--kubeconfig FILE/);
    return true;
  });
});

function configMap(name: string, data: Readonly<Record<string, string>>): KubeInput {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data };
}

function deployment(name: string, namespace: string, replicas: number): KubeInput {
  const labels = { app: name };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'example.invalid/web' }] } };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace }, spec: { replicas, selector: { matchLabels: labels }, template } };
}

async function partOf(plane: ControlPlane, name: string): Promise<ProcessRecord> {
  const part = (await plane.state()).parts.find((it) => it.name === name);
  assert.ok(part?.pid !== undefined && part.startedAt !== undefined, `${name} runs`);
  return { pid: part.pid, startedAt: part.startedAt };
}

/** Another process that owns a control plane, and what that control plane consists of. */
async function startOwner(dir: string): Promise<{ owner: ChildProcess; state: PlaneState }> {
  const script = `
    const { startControlPlane } = await import(${JSON.stringify(join(import.meta.dirname, '../lab/lab.ts'))})
    const plane = await startControlPlane({ name: 'owned', dir: ${JSON.stringify(dir)}, nodes: false })
    console.log(JSON.stringify(await plane.state()))
    setInterval(() => {}, 1000)`;
  const owner = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: owner.stdout }), 'line')) as [string];
  return { owner, state: JSON.parse(line) as PlaneState };
}

async function runLab(...args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  return promisify(execFile)(process.execPath, [LAB_MAIN, ...args]);
}

async function temporaryFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'lateen-lab-test-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) };
}

async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < 600; tries++) {
    const found = await look();
    if (found !== undefined) return found;
    await sleep(50);
  }
  throw new Error('did not come about in 30 s');
}
