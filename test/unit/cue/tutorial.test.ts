/** The two steps of KubeVela's tutorial, as they are published, with the answers that a hub gives. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parseDocuments } from '../../../daemon/lib/yaml.ts';
import type { CueJson, CueObject, CueStepCall, CueStepResult } from '../../../daemon/model/cue.ts';
import { cue } from './evaluator.ts';

const FOLDER = join(import.meta.dirname, '../../../../shared/cases/tutorial/definitions');
const skip = existsSync(FOLDER) ? false : 'the recorded cases are not here';
const templateOf = (name: string): string => {
  const object = parseDocuments(readFileSync(join(FOLDER, `${name}.yaml`), 'utf8'), name).documents[0]?.value as {
    spec: { schematic: { cue: { template: string } } };
  };
  return object.spec.schematic.cue.template;
};

interface Walk {
  readonly calls: readonly CueStepCall[];
  readonly last: CueStepResult;
}

/** Makes the calls with the answers until one of them has none. */
async function walk(
  template: string,
  parameter: CueJson,
  answers: (call: CueStepCall) => CueObject | undefined,
  outputs: readonly { readonly name: string; readonly path: string }[] = [],
): Promise<Walk> {
  const results: Record<string, CueObject> = {};
  const calls: CueStepCall[] = [];
  for (;;) {
    const last = await cue.evaluateStep({
      dialect: '1.1',
      template,
      parameter,
      context: { name: 'managed-cluster', namespace: 'vela-system' },
      results,
      outputs,
    });
    assert.deepEqual(last.errors, []);
    if (last.next === undefined) return { calls, last };
    assert.ok(calls.length < 30, 'the step does not end');
    calls.push(last.next);
    const answer = answers(last.next);
    if (answer === undefined) return { calls, last };
    results[last.next.path] = answer;
  }
}

const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');
const CONFIGURATION = {
  apiVersion: 'terraform.core.oam.dev/v1beta1',
  kind: 'Configuration',
  metadata: { name: 'ack-worker', namespace: 'vela-system' },
  spec: { hcl: 'x', variable: {}, writeConnectionSecretToRef: { name: 'ack-conn', namespace: 'vela-system' } },
};
const OUTPUTS = [{ name: 'connInfo', path: 'connInfo' }];

describe('create-ack', { skip }, () => {
  const template = skip === false ? templateOf('create-ack') : '';
  const answersWith =
    (status: CueObject, stop: string) =>
    (call: CueStepCall): CueObject | undefined => {
      if (call.path === stop) return undefined;
      if (call.do === 'load') return { value: { workload: CONFIGURATION } };
      if (call.do === 'apply') return { value: { ...CONFIGURATION, metadata: { ...CONFIGURATION.metadata, uid: 'u', resourceVersion: '7' }, status } };
      if (call.do === 'read')
        return {
          value: {
            apiVersion: 'v1',
            kind: 'Secret',
            metadata: { name: 'ack-conn', namespace: 'vela-system' },
            type: 'Opaque',
            data: {
              name: base64('poc-01'),
              kubeconfig: base64('kube'),
              cluster_ca_cert: base64('Q0E='),
              client_cert: base64('Q0VSVA=='),
              client_key: base64('S0VZ'),
              api_server_internet: base64('https://192.0.2.1:6443'),
            },
          },
        };
      return {};
    };

  it('loads the component, applies the Configuration and waits while it has no status', async () => {
    const { calls } = await walk(template, { component: 'ack-worker' }, answersWith({}, 'wait'));
    assert.deepEqual(
      calls.map((call) => [call.path, call.provider, call.do]),
      [
        ['configuration', 'builtin', 'load'],
        ['apply', 'kube', 'apply'],
        ['wait', 'builtin', 'wait'],
      ],
    );
    assert.deepEqual(calls[0]?.params, { component: 'ack-worker' });
    assert.deepEqual([calls[1]?.params, calls[1]?.missing], [{ value: CONFIGURATION }, []]);
    assert.deepEqual(calls[2]?.params, {});
  });

  it('waits while it is provisioned', async () => {
    const { calls } = await walk(template, { component: 'ack-worker' }, answersWith({ state: 'Provisioning' }, 'wait'));
    assert.deepEqual(calls.at(-1)?.params, { continue: false });
  });

  it('reads the Secret that the Configuration names, and gives its values decoded', async () => {
    const { calls, last } = await walk(template, { component: 'ack-worker' }, answersWith({ state: 'Available' }, ''), OUTPUTS);
    assert.deepEqual(
      calls.map((call) => call.path),
      ['configuration', 'apply', 'wait', 'ackConn'],
    );
    assert.deepEqual(calls[3]?.params, { value: { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'ack-conn', namespace: 'vela-system' } } });
    assert.deepEqual([last.done, last.outputErrors], [true, {}]);
    assert.deepEqual(last.outputs, {
      connInfo: { clusterName: 'poc-01', clusterCACert: 'Q0E=', clientCert: 'Q0VSVA==', clientKey: 'S0VZ', clusterAPIServer: 'https://192.0.2.1:6443' },
    });
  });

  it('has no output while the Secret is not there', async () => {
    const { last } = await walk(
      template,
      { component: 'ack-worker' },
      (call) => (call.path === 'ackConn' ? { err: 'Secret vela-system/ack-conn not found' } : answersWith({ state: 'Available' }, '')(call)),
      OUTPUTS,
    );
    assert.deepEqual([last.done, last.outputs, Object.keys(last.outputErrors)], [true, {}, ['connInfo']]);
  });
});

describe('register-cluster', { skip }, () => {
  const template = skip === false ? templateOf('register-cluster') : '';
  const parameter = {
    env: 'prod',
    initNameSpace: 'default',
    patchLabels: { purpose: 'test' },
    hubAPIServer: 'https://192.0.2.9:6443',
    connInfo: { clusterName: 'poc-01', clusterCACert: 'Q0E=', clientCert: 'Q0VSVA==', clientKey: 'S0VZ', clusterAPIServer: 'https://192.0.2.1:6443' },
  };
  const MEMBER = {
    apiVersion: 'cluster.open-cluster-management.io/v1',
    kind: 'ManagedCluster',
    metadata: {
      name: 'poc-01',
      uid: 'u',
      resourceVersion: '41',
      generation: 2,
      finalizers: ['cluster.open-cluster-management.io/api-resource-cleanup'],
      labels: { feature: 'x' },
    },
    spec: { hubAcceptsClient: true, leaseDurationSeconds: 60, managedClusterClientConfigs: [{ url: 'https://192.0.2.1:6443', caBundle: 'Q0E=' }] },
    status: { allocatable: { cpu: '4' }, conditions: [{ type: 'HubAcceptedManagedCluster', status: 'True' }] },
  };
  const applied = (call: CueStepCall, more: CueObject = {}): CueObject => {
    const value = call.params['value'] as CueObject & { readonly metadata: CueObject };
    return { value: { ...value, metadata: { ...value.metadata, uid: `of-${call.path}`, resourceVersion: '100' }, ...more } };
  };
  const answersFor =
    (member: CueObject, job: CueObject, stop = '') =>
    (call: CueStepCall): CueObject | undefined => {
      if (call.path === stop) return undefined;
      if (call.path === 'register') return applied(call, job);
      if (call.do === 'read') return { value: member };
      return call.do === 'apply' ? applied(call) : {};
    };
  const ORDER = [
    'clusterrole',
    'serviceaccount',
    'rolebinding',
    'register',
    'wait',
    'clusterSet',
    'clusterSetBinding',
    'managedCluster',
    'patchManagedCluster',
  ];

  it('applies the Job with what the connection says, and waits for it', async () => {
    const { calls } = await walk(template, parameter, answersFor(MEMBER, { status: { active: 1 } }, 'wait'));
    assert.deepEqual(
      calls.map((call) => call.path),
      ORDER.slice(0, 5),
    );
    const job = calls[3]?.params['value'] as { spec: { template: { spec: { containers: { command: string[] }[] } } } };
    assert.deepEqual(job.spec.template.spec.containers[0]?.command, [
      '/app',
      '--cluster-name=poc-01',
      '--hub-api-server=https://192.0.2.9:6443',
      '--cluster-ca-cert=Q0E=',
      '--client-cert=Q0VSVA==',
      '--client-key=S0VZ',
      '--api-server-internet=https://192.0.2.1:6443',
      '--kube-config=',
    ]);
    assert.deepEqual([calls[4]?.params, calls[4]?.missing.map(({ path }) => path)], [{}, [['continue']]]);
  });

  it('goes on when the Job has succeeded: the set, its binding, and the cluster as it was read with the new labels', async () => {
    const { calls, last } = await walk(template, parameter, answersFor(MEMBER, { status: { succeeded: 1 } }));
    assert.deepEqual(
      calls.map((call) => call.path),
      ORDER,
    );
    assert.deepEqual(calls[5]?.params, {
      value: { apiVersion: 'cluster.open-cluster-management.io/v1alpha1', kind: 'ManagedClusterSet', metadata: { name: 'prod' } },
    });
    assert.deepEqual(calls[6]?.params, {
      value: {
        apiVersion: 'cluster.open-cluster-management.io/v1alpha1',
        kind: 'ManagedClusterSetBinding',
        metadata: { name: 'prod', namespace: 'default' },
        spec: { clusterSet: 'prod' },
      },
    });
    assert.deepEqual(
      [calls[8]?.params, calls[8]?.missing],
      [
        {
          value: {
            ...MEMBER,
            metadata: { ...MEMBER.metadata, labels: { feature: 'x', 'cluster.open-cluster-management.io/clusterset': 'prod', purpose: 'test' } },
          },
        },
        [],
      ],
    );
    assert.equal(last.done, true);
  });

  it('moves a cluster that was in another set, and changes a label that it had', async () => {
    const labels = { 'cluster.open-cluster-management.io/clusterset': 'default', purpose: 'none', feature: 'x' };
    const { calls, last } = await walk(template, parameter, answersFor({ ...MEMBER, metadata: { ...MEMBER.metadata, labels } }, { status: { succeeded: 1 } }));
    assert.deepEqual(
      [(calls[8]?.params['value'] as CueObject | undefined)?.['metadata'], calls[8]?.missing],
      [{ ...MEMBER.metadata, labels: { feature: 'x', 'cluster.open-cluster-management.io/clusterset': 'prod', purpose: 'test' } }, []],
    );
    assert.equal(last.done, true);
  });
});
