import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import acs, * as ack from '@alicloud/cs20151215';
import { $OpenApiUtil, OpenApiUtil } from '@alicloud/openapi-core';
import vpc20160428, * as vpc from '@alicloud/vpc20160428';
import * as dara from '@darabonba/typescript';
import { openClient } from '../lab/client.ts';
import { type Cloud, type CloudCredentials, type CloudOptions, startCloud } from '../lab/cloud.ts';
import { kubeconfigText, readKubeconfig } from '../lab/kubeconfig.ts';
import type { ControlPlane } from '../lab/lab.ts';
import { createAuthority, issueClient, type KeyPair } from '../lab/pki.ts';

const REGION = 'cn-hongkong';
const SOON = { planes: false, createMs: 60, deleteMs: 40, networkMs: 0 } as const satisfies CloudOptions;

// --- the real SDKs, with nothing but the endpoint changed

function sdk(cloud: Cloud, credentials: CloudCredentials = cloud.credentials) {
  const config = () =>
    new $OpenApiUtil.Config({ ...credentials, regionId: REGION, endpoint: cloud.endpoint, protocol: 'http', connectTimeout: 30_000, readTimeout: 30_000 });
  return { cs: new acs.default(config()), vpc: new vpc20160428.default(config()) };
}

type Sdk = ReturnType<typeof sdk>;
type SdkError = { readonly name: string; readonly code: string; readonly statusCode?: number; readonly message: string; readonly retryAfter?: number };

const refusal = (code: string, statusCode?: number) => (error: unknown) => {
  const { code: had, statusCode: hadStatus, message } = error as SdkError;
  assert.equal(had, code, message);
  if (statusCode !== undefined) assert.equal(hadStatus, statusCode);
  return true;
};

async function makeNetwork({ vpc: client }: Sdk, name = 'net'): Promise<{ readonly vpcId: string; readonly vswitchIds: string[] }> {
  const { body } = await client.createVpc(
    new vpc.CreateVpcRequest({ regionId: REGION, vpcName: name, cidrBlock: '10.0.0.0/8', tag: [{ key: 'owner', value: name }] }),
  );
  const vswitchIds: string[] = [];
  for (const [index, cidrBlock] of ['10.1.0.0/16', '10.2.0.0/16'].entries()) {
    const made = await client.createVSwitch(
      new vpc.CreateVSwitchRequest({ regionId: REGION, vpcId: body!.vpcId!, zoneId: `${REGION}-b`, cidrBlock, vSwitchName: `${name}-${index}` }),
    );
    vswitchIds.push(made.body!.vSwitchId!);
  }
  return { vpcId: body!.vpcId!, vswitchIds };
}

const clusterRequest = (network: { readonly vpcId: string; readonly vswitchIds: string[] }, more: Record<string, unknown> = {}) =>
  new ack.CreateClusterRequest({
    name: 'poc-01',
    regionId: REGION,
    clusterType: 'ManagedKubernetes',
    clusterSpec: 'ack.pro.small',
    vpcid: network.vpcId,
    vswitchIds: network.vswitchIds,
    containerCidr: '172.20.0.0/16',
    serviceCidr: '192.168.0.0/16',
    snatEntry: true,
    endpointPublicAccess: true,
    loginPassword: 'Just4Test',
    tags: [new ack.Tag({ key: 'owner', value: 'lateen' })],
    ...more,
  });

async function makeCluster(
  { cs }: Sdk,
  network: { readonly vpcId: string; readonly vswitchIds: string[] },
  more: Record<string, unknown> = {},
): Promise<{ readonly clusterId: string; readonly taskId: string }> {
  const { body } = await cs.createCluster(clusterRequest(network, more));
  return { clusterId: body!.clusterId!, taskId: body!.taskId! };
}

async function untilState({ cs }: Sdk, clusterId: string, state: string): Promise<void> {
  while ((await cs.describeClusterDetail(clusterId)).body!.state !== state) await sleep(10);
}

/** Any request at all, signed by the SDK: for what its models cannot say. */
function rawRpc({ vpc: client }: Sdk, action: string, query: Record<string, unknown>) {
  const params = new $OpenApiUtil.Params({
    action,
    version: '2016-04-28',
    protocol: 'HTTP',
    pathname: '/',
    method: 'POST',
    authType: 'AK',
    style: 'RPC',
    reqBodyType: 'formData',
    bodyType: 'json',
  });
  return client.callApi(params, new $OpenApiUtil.OpenApiRequest({ query: OpenApiUtil.query(query) }), new dara.RuntimeOptions({}));
}

function rawRoa({ cs }: Sdk, action: string, method: string, pathname: string, body: unknown) {
  const params = new $OpenApiUtil.Params({
    action,
    version: '2015-12-15',
    protocol: 'HTTP',
    pathname,
    method,
    authType: 'AK',
    style: 'ROA',
    reqBodyType: 'json',
    bodyType: 'json',
  });
  return cs.callApi(params, new $OpenApiUtil.OpenApiRequest({ body }), new dara.RuntimeOptions({}));
}

// --- who may ask

test('a request that the SDK signs is accepted, whatever stands in its query', async () => {
  await using cloud = await startCloud(SOON);
  const { cs, vpc: network } = sdk(cloud);
  assert.equal((await cs.describeClustersV1(new ack.DescribeClustersV1Request({ name: "a b*(c)!~'+%" }))).body!.pageInfo!.totalCount, 0);
  assert.equal((await network.describeVpcs(new vpc.DescribeVpcsRequest({ regionId: REGION, vpcName: "a b*(c)!~'+%" }))).body!.totalCount, 0);
});

test('a plain AccessKey without a token is accepted where the account has one', async () => {
  await using cloud = await startCloud({ ...SOON, isTemporary: false });
  assert.equal(cloud.credentials.securityToken, undefined);
  assert.equal((await sdk(cloud).cs.describeClustersV1(new ack.DescribeClustersV1Request({}))).statusCode, 200);
});

test('a wrong secret, key or token is refused with the gateway’s own code', async () => {
  await using cloud = await startCloud(SOON);
  const { accessKeyId, accessKeySecret, securityToken } = cloud.credentials;
  const list = (credentials: CloudCredentials) => sdk(cloud, credentials).cs.describeClustersV1(new ack.DescribeClustersV1Request({}));
  await assert.rejects(list({ accessKeyId, accessKeySecret: 'wrong', securityToken: securityToken! }), refusal('SignatureDoesNotMatch', 400));
  await assert.rejects(list({ accessKeyId: 'STS.other', accessKeySecret, securityToken: securityToken! }), refusal('InvalidAccessKeyId.NotFound', 404));
  await assert.rejects(list({ accessKeyId, accessKeySecret, securityToken: 'other' }), refusal('InvalidSecurityToken.MismatchWithAccessKey', 400));
  await assert.rejects(list({ accessKeyId, accessKeySecret }), refusal('InvalidAccessKeyId.NotFound', 404));
});

test('credentials expire, and new ones work', async () => {
  await using cloud = await startCloud(SOON);
  const before = sdk(cloud);
  cloud.faults.add({ kind: 'expire-credentials' });
  await assert.rejects(before.cs.describeClustersV1(new ack.DescribeClustersV1Request({})), refusal('InvalidSecurityToken.Expired'));
  cloud.renewCredentials();
  await sdk(cloud).cs.describeClustersV1(new ack.DescribeClustersV1Request({}));
  await assert.rejects(before.vpc.describeVpcs(new vpc.DescribeVpcsRequest({ regionId: REGION })), refusal('InvalidSecurityToken.Expired'));
});

test('an unsigned request, a repeated one and one with an old date are refused', async () => {
  await using cloud = await startCloud(SOON);
  const send = (headers: Record<string, string>) => plainRequest(cloud, 'GET', '/api/v1/clusters', headers);
  assert.equal((await send({ 'x-acs-action': 'DescribeClustersV1', 'x-acs-version': '2015-12-15' })).body['Code'], 'IncompleteSignature');
  const signed = signedHeaders(cloud, new Date());
  assert.equal((await send(signed)).status, 200);
  assert.equal((await send(signed)).body['Code'], 'SignatureNonceUsed');
  assert.equal((await send(signedHeaders(cloud, new Date(Date.now() - 16 * 60_000)))).body['Code'], 'InvalidTimeStamp.Expired');
  assert.equal((await send({ ...signedHeaders(cloud, new Date()), 'x-acs-extra': 'unsigned' })).body['Code'], 'IncompleteSignature');
});

function signedHeaders(cloud: Cloud, date: Date): Record<string, string> {
  const { accessKeyId, accessKeySecret, securityToken } = cloud.credentials;
  const payload = OpenApiUtil.hash(Buffer.from(''), 'ACS3-HMAC-SHA256').toString('hex');
  const headers = {
    host: cloud.endpoint,
    'x-acs-action': 'DescribeClustersV1',
    'x-acs-version': '2015-12-15',
    'x-acs-date': `${date.toISOString().slice(0, 19)}Z`,
    'x-acs-signature-nonce': randomUUID(),
    'x-acs-content-sha256': payload,
    'x-acs-accesskey-id': accessKeyId,
    'x-acs-security-token': securityToken!,
  };
  const signed = new dara.Request();
  Object.assign(signed, { method: 'GET', pathname: '/api/v1/clusters', query: {}, headers });
  return { ...headers, authorization: OpenApiUtil.getAuthorization(signed, 'ACS3-HMAC-SHA256', payload, accessKeyId, accessKeySecret) };
}

async function plainRequest(
  cloud: Cloud,
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: unknown,
): Promise<{ readonly status: number; readonly body: Record<string, unknown> }> {
  const [host, port] = cloud.endpoint.split(':');
  return new Promise((resolve, reject) => {
    request({ host, port, path, method, headers, agent: false }, (reply) => {
      reply
        .toArray()
        .then(
          (chunks) => resolve({ status: reply.statusCode!, body: JSON.parse(Buffer.concat(chunks as Buffer[]).toString()) as Record<string, unknown> }),
          reject,
        );
    })
      .once('error', reject)
      .end(body === undefined ? undefined : JSON.stringify(body));
  });
}

// --- what a request may hold

test('fields that the SDK’s models do not have are refused by name', async () => {
  await using cloud = await startCloud(SOON);
  const client = sdk(cloud);
  const network = await makeNetwork(client);
  const body = { ...(clusterRequest(network).toMap() as Record<string, unknown>), worker_count: 3 };
  await assert.rejects(rawRoa(client, 'CreateCluster', 'POST', '/clusters', body), /InvalidParameter.*"worker_count" is unknown/);
  const nested = { ...(clusterRequest(network).toMap() as Record<string, unknown>), nodepools: [{ scaling_group: { size: 1 } }] };
  await assert.rejects(rawRoa(client, 'CreateCluster', 'POST', '/clusters', nested), /"nodepools\.1\.scaling_group\.size" is unknown/);
  const wrongType = { ...(clusterRequest(network).toMap() as Record<string, unknown>), snat_entry: 'true' };
  await assert.rejects(rawRoa(client, 'CreateCluster', 'POST', '/clusters', wrongType), /"snat_entry".*a boolean is expected, not a string/);
  await assert.rejects(rawRpc(client, 'CreateVpc', { RegionId: REGION, Name: 'x' }), /"Name" is unknown/);
  await assert.rejects(rawRpc(client, 'CreateVpc', { RegionId: REGION, Tag: [{ Name: 'x' }] }), /"Tag\.1\.Name" is unknown/);
  assert.equal(cloud.state().clusters.length, 0);
  assert.equal(cloud.state().vpcs.length, 1);
});

test('fields that the APIs require are asked for', async () => {
  await using cloud = await startCloud(SOON);
  const client = sdk(cloud);
  const network = await makeNetwork(client);
  for (const field of ['name', 'regionId', 'clusterType', 'containerCidr', 'vswitchIds']) {
    await assert.rejects(client.cs.createCluster(clusterRequest(network, { [field]: undefined })), refusal('MissingParameter', 400), field);
  }
  await assert.rejects(client.vpc.createVpc(new vpc.CreateVpcRequest({})), refusal('MissingRegionId', 400));
  for (const [field, code] of [
    ['cidrBlock', 'MissingCidrBlock'],
    ['vpcId', 'MissingVpcId'],
    ['zoneId', 'MissingZoneId'],
  ] as const) {
    const whole = { regionId: REGION, vpcId: network.vpcId, zoneId: `${REGION}-b`, cidrBlock: '10.9.0.0/16' };
    await assert.rejects(client.vpc.createVSwitch(new vpc.CreateVSwitchRequest({ ...whole, [field]: undefined })), refusal(code, 400));
  }
});

test('an action that there is not, or on another path, is not found', async () => {
  await using cloud = await startCloud(SOON);
  const client = sdk(cloud);
  await assert.rejects(rawRpc(client, 'CreateMoon', {}), refusal('InvalidAction.NotFound', 404));
  await assert.rejects(rawRoa(client, 'CreateCluster', 'POST', '/moons', {}), refusal('InvalidAction.NotFound', 404));
});

test('ranges of addresses must fit together', async () => {
  await using cloud = await startCloud(SOON);
  const client = sdk(cloud);
  const network = await makeNetwork(client);
  const vswitch = (cidrBlock: string) =>
    client.vpc.createVSwitch(new vpc.CreateVSwitchRequest({ regionId: REGION, vpcId: network.vpcId, zoneId: `${REGION}-b`, cidrBlock }));
  await assert.rejects(vswitch('10.1.128.0/24'), refusal('InvalidCidrBlock.Overlapped'));
  await assert.rejects(vswitch('172.16.0.0/16'), refusal('InvalidParameter'));
  await assert.rejects(vswitch('10.3.0.0/15'), refusal('InvalidCidrBlock.Malformed'));
  await assert.rejects(client.cs.createCluster(clusterRequest(network, { containerCidr: '10.99.0.0/16' })), /container_cidr.*overlaps the VPC/);
  await assert.rejects(client.cs.createCluster(clusterRequest(network, { serviceCidr: '172.20.0.0/20' })), /overlaps service_cidr/);
  await makeCluster(client, network);
  await assert.rejects(client.cs.createCluster(clusterRequest(network, { serviceCidr: '172.31.0.0/20' })), /overlaps that of cluster poc-01 in the same VPC/);
});

// --- networks

test('a VPC is Pending, then Available; meanwhile nothing can be made in it', async () => {
  let nowMs = Date.now();
  await using cloud = await startCloud({ ...SOON, networkMs: 1000, now: () => nowMs });
  const { vpc: client } = sdk(cloud);
  const { vpcId } = (await client.createVpc(new vpc.CreateVpcRequest({ regionId: REGION }))).body!;
  const attribute = async () => (await client.describeVpcAttribute(new vpc.DescribeVpcAttributeRequest({ regionId: REGION, vpcId }))).body!;
  const vswitch = (cidrBlock: string) => client.createVSwitch(new vpc.CreateVSwitchRequest({ regionId: REGION, vpcId, zoneId: `${REGION}-b`, cidrBlock }));
  assert.equal((await attribute()).status, 'Pending');
  await assert.rejects(vswitch('172.16.0.0/24'), refusal('IncorrectVpcStatus', 400));
  await assert.rejects(client.deleteVpc(new vpc.DeleteVpcRequest({ regionId: REGION, vpcId })), refusal('IncorrectVpcStatus'));
  nowMs += 1000;
  assert.equal((await attribute()).status, 'Available');
  const { vSwitchId } = (await vswitch('172.16.0.0/24')).body!;
  await assert.rejects(vswitch('172.16.1.0/24'), refusal('IncorrectVSwitchStatus'), 'one at a time');
  nowMs += 1000;
  assert.equal((await client.describeVSwitchAttributes(new vpc.DescribeVSwitchAttributesRequest({ vSwitchId }))).body!.status, 'Available');
});

test('the same ClientToken makes one VPC, and another request with it is refused', async () => {
  await using cloud = await startCloud(SOON);
  const { vpc: client } = sdk(cloud);
  const create = (vpcName: string) => client.createVpc(new vpc.CreateVpcRequest({ regionId: REGION, vpcName, clientToken: 'token-1' }));
  const [first, second] = [await create('a'), await create('a')];
  assert.equal(first.body!.vpcId, second.body!.vpcId);
  await assert.rejects(create('b'), refusal('IdempotentParameterMismatch', 400));
  assert.equal(cloud.state().vpcs.length, 1);
});

test('VPCs and vSwitches are found by name, id and tag', async () => {
  await using cloud = await startCloud(SOON);
  const client = sdk(cloud);
  const [one, two] = [await makeNetwork(client, 'one'), await makeNetwork(client, 'two')];
  const find = async (filter: Record<string, unknown>) =>
    (await client.vpc.describeVpcs(new vpc.DescribeVpcsRequest({ regionId: REGION, ...filter }))).body!.vpcs!.vpc!.map((it) => it.vpcId);
  assert.deepEqual(await find({ vpcName: 'one' }), [one.vpcId]);
  assert.deepEqual(await find({ vpcId: two.vpcId }), [two.vpcId]);
  assert.deepEqual(await find({ tag: [{ key: 'owner', value: 'two' }] }), [two.vpcId]);
  assert.deepEqual(await find({ tag: [{ key: 'owner' }] }), [one.vpcId, two.vpcId]);
  assert.deepEqual(await find({ pageSize: 1, pageNumber: 2 }), [two.vpcId]);
  const vswitches = (await client.vpc.describeVSwitches(new vpc.DescribeVSwitchesRequest({ vpcId: one.vpcId }))).body!.vSwitches!.vSwitch!;
  assert.deepEqual(
    vswitches.map((it) => [it.vSwitchId, it.cidrBlock, it.zoneId, it.status]),
    [
      [one.vswitchIds[0], '10.1.0.0/16', `${REGION}-b`, 'Available'],
      [one.vswitchIds[1], '10.2.0.0/16', `${REGION}-b`, 'Available'],
    ],
  );
  await client.vpc.tagResources(
    new vpc.TagResourcesRequest({ regionId: REGION, resourceType: 'VSWITCH', resourceId: one.vswitchIds, tag: [{ key: 'k', value: 'v' }] }),
  );
  const tags = await client.vpc.listTagResources(new vpc.ListTagResourcesRequest({ regionId: REGION, resourceType: 'VSWITCH', tag: [{ key: 'k' }] }));
  assert.deepEqual(
    tags.body!.tagResources!.tagResource!.map((it) => it.resourceId),
    one.vswitchIds,
  );
  const zones = (await client.vpc.describeZones(new vpc.DescribeZonesRequest({ regionId: REGION }))).body!.zones!.zone!;
  assert.equal(zones[1]!.zoneId, `${REGION}-b`);
});

test('a network goes in order: cluster, vSwitches, VPC', async () => {
  await using cloud = await startCloud(SOON);
  const client = sdk(cloud);
  const network = await makeNetwork(client);
  const { clusterId } = await makeCluster(client, network);
  const dropVSwitch = (vSwitchId: string) => client.vpc.deleteVSwitch(new vpc.DeleteVSwitchRequest({ regionId: REGION, vSwitchId }));
  const dropVpc = () => client.vpc.deleteVpc(new vpc.DeleteVpcRequest({ regionId: REGION, vpcId: network.vpcId }));
  await assert.rejects(dropVSwitch(network.vswitchIds[0]!), refusal('DependencyViolation', 400));
  await assert.rejects(dropVpc(), refusal('DependencyViolation.SecurityGroup', 400));
  await client.cs.deleteCluster(clusterId, new ack.DeleteClusterRequest({}));
  while (cloud.state().clusters[0]!.state !== 'gone') await sleep(10);
  await assert.rejects(dropVpc(), refusal('DependencyViolation.VSwitch', 400));
  for (const id of network.vswitchIds) await dropVSwitch(id);
  await dropVpc();
  await assert.rejects(dropVpc(), refusal('InvalidVpcId.NotFound', 404));
  assert.equal((await client.vpc.describeVpcs(new vpc.DescribeVpcsRequest({ regionId: REGION }))).body!.totalCount, 0);
  assert.deepEqual(
    cloud.state().vpcs.map((it) => it.state),
    ['gone'],
  );
});

// --- clusters

test('a cluster is initial, then running, and its task tells the stages', async () => {
  let nowMs = Date.parse('2026-01-02T03:04:05Z');
  await using cloud = await startCloud({ ...SOON, createMs: 4000, now: () => nowMs });
  const client = sdk(cloud);
  const { clusterId, taskId } = await makeCluster(client, await makeNetwork(client));
  const detail = async () => (await client.cs.describeClusterDetail(clusterId)).body!;
  const task = async () => (await client.cs.describeTaskInfo(taskId)).body!;
  assert.equal((await detail()).state, 'initial');
  assert.equal((await detail()).masterUrl, '');
  await assert.rejects(client.cs.describeClusterUserKubeconfig(clusterId, new ack.DescribeClusterUserKubeconfigRequest({})), refusal('ErrorClusterState', 400));
  const stages: unknown[] = [];
  for (let second = 0; second < 4; second++, nowMs += 1000) stages.push((await task()).currentStage);
  assert.deepEqual(stages, ['PrepareNetwork', 'CreateControlPlane', 'CreateNodePools', 'InstallAddons']);
  assert.deepEqual((await detail()).state, 'running');
  const done = await task();
  assert.equal(done.state, 'success');
  assert.deepEqual(
    done.stages!.map((it) => it.state),
    ['success', 'success', 'success', 'success'],
  );
  assert.equal(done.stages![1]!.startTime, '2026-01-02 11:04:06');
  assert.equal(done.events!.length, 8);
  const addresses = JSON.parse((await detail()).masterUrl!) as Record<string, string>;
  assert.deepEqual(Object.keys(addresses), ['api_server_endpoint', 'intranet_api_server_endpoint']);
});

test('two calls make two clusters, and both are found by a part of their name', async () => {
  await using cloud = await startCloud(SOON);
  const client = sdk(cloud);
  const network = await makeNetwork(client);
  const ids = [await makeCluster(client, network), await makeCluster(client, network, { containerCidr: '172.24.0.0/16', serviceCidr: '172.28.0.0/16' })].map(
    (it) => it.clusterId,
  );
  const found = async (filter: Record<string, unknown>) => (await client.cs.describeClustersV1(new ack.DescribeClustersV1Request(filter))).body!;
  assert.deepEqual(
    (await found({ name: 'poc' })).clusters!.map((it) => it.clusterId),
    ids.toReversed(),
  );
  assert.deepEqual((await found({ name: 'other' })).clusters, []);
  const second = await found({ pageSize: 1, pageNumber: 2 });
  assert.deepEqual([second.clusters!.map((it) => it.clusterId), second.pageInfo!.totalCount], [[ids[0]], 2]);
  assert.deepEqual(
    second.clusters![0]!.tags!.map((it) => ({ ...it })),
    [{ key: 'owner', value: 'lateen' }],
  );
  assert.equal(cloud.state().calls.filter((it) => it.action === 'CreateCluster' && it.outcome === 'ok').length, 2);
});

test('tags of clusters are set, listed, taken away and replaced', async () => {
  await using cloud = await startCloud(SOON);
  const client = sdk(cloud);
  const { clusterId } = await makeCluster(client, await makeNetwork(client));
  const which = { regionId: REGION, resourceIds: [clusterId], resourceType: 'CLUSTER' };
  await client.cs.tagResources(new ack.TagResourcesRequest({ ...which, tags: [new ack.Tag({ key: 'id', value: '7' })] }));
  const listed = await client.cs.listTagResources(new ack.ListTagResourcesRequest({ ...which, tags: [new ack.Tag({ key: 'id', value: '7' })] }));
  assert.deepEqual(
    listed.body!.tagResources!.tagResource!.map((it) => [it.tagKey, it.tagValue]),
    [
      ['owner', 'lateen'],
      ['id', '7'],
    ],
  );
  await client.cs.untagResources(new ack.UntagResourcesRequest({ ...which, tagKeys: ['owner'] }));
  assert.deepEqual(cloud.state().clusters[0]!.tags, { id: '7' });
  await client.cs.modifyClusterTags(clusterId, new ack.ModifyClusterTagsRequest({ body: [new ack.Tag({ key: 'only', value: 'this' })] }));
  assert.deepEqual(cloud.state().clusters[0]!.tags, { only: 'this' });
  await assert.rejects(
    client.cs.tagResources(new ack.TagResourcesRequest({ ...which, tags: [new ack.Tag({ key: 'acs:x', value: '' })] })),
    refusal('InvalidTagKey'),
  );
});

test('a protected cluster is not deleted until the protection is gone; then it is not found any more', async () => {
  await using cloud = await startCloud(SOON);
  const client = sdk(cloud);
  const { clusterId } = await makeCluster(client, await makeNetwork(client), { deletionProtection: true });
  await untilState(client, clusterId, 'running');
  const drop = () =>
    client.cs.deleteCluster(
      clusterId,
      new ack.DeleteClusterRequest({ retainAllResources: false, deleteOptions: [{ resourceType: 'SLB', deleteMode: 'delete' }] }),
    );
  await assert.rejects(drop(), refusal('ErrorDeletionProtection', 400));
  await client.cs.modifyCluster(clusterId, new ack.ModifyClusterRequest({ deletionProtection: false }));
  const { taskId } = (await drop()).body!;
  assert.equal((await client.cs.describeClusterDetail(clusterId)).body!.state, 'deleting');
  await assert.rejects(drop(), refusal('ErrorClusterState', 400));
  while (cloud.state().clusters[0]!.state !== 'gone') await sleep(10);
  await assert.rejects(client.cs.describeClusterDetail(clusterId), refusal('ErrorClusterNotFound', 404));
  assert.equal((await client.cs.describeTaskInfo(taskId!)).body!.state, 'success');
  assert.deepEqual(cloud.state().clusters[0]!.deletions, [{ delete_options: [{ resource_type: 'SLB', delete_mode: 'delete' }], retain_all_resources: false }]);
});

test('a cluster in zones brings its own network and takes it along', async () => {
  await using cloud = await startCloud(SOON);
  const client = sdk(cloud);
  const { clusterId } = await makeCluster(
    client,
    { vpcId: '', vswitchIds: [] },
    { vpcid: undefined, vswitchIds: undefined, zoneIds: [`${REGION}-a`, `${REGION}-b`], serviceCidr: '172.21.0.0/20' },
  );
  assert.equal(cloud.state().vswitches.length, 2);
  await client.cs.deleteCluster(clusterId, new ack.DeleteClusterRequest({}));
  while (cloud.state().clusters[0]!.state !== 'gone') await sleep(10);
  assert.deepEqual(
    [...cloud.state().vpcs, ...cloud.state().vswitches].map((it) => it.state),
    ['gone', 'gone', 'gone'],
  );
});

test('without planes the kubeconfig is one in form', async () => {
  await using cloud = await startCloud(SOON);
  const client = sdk(cloud);
  const { clusterId } = await makeCluster(client, await makeNetwork(client));
  await untilState(client, clusterId, 'running');
  const get = async (minutes?: number) =>
    (await client.cs.describeClusterUserKubeconfig(clusterId, new ack.DescribeClusterUserKubeconfigRequest({ temporaryDurationMinutes: minutes }))).body!;
  const dir = await mkdtemp(join(tmpdir(), 'lateen-cloud-test-'));
  try {
    await writeFile(join(dir, 'kubeconfig'), (await get()).config!);
    const { tls } = await readKubeconfig(join(dir, 'kubeconfig'));
    assert.match(`${tls.ca}${tls.cert}${tls.key}`, /CERTIFICATE[\s\S]+CERTIFICATE[\s\S]+PRIVATE KEY/);
  } finally {
    await rm(dir, { recursive: true });
  }
  assert.equal((await get()).config, (await get()).config);
  assert.notEqual((await get(15)).config, (await get(15)).config);
  await assert.rejects(get(14), refusal('InvalidParameter'));
});

// --- what goes wrong

test('throttling names its wait, as often as told', async () => {
  await using cloud = await startCloud(SOON);
  const client = sdk(cloud);
  cloud.faults.add({ kind: 'throttle', action: 'DescribeClustersV1', times: 2, retryAfterMs: 70 });
  const list = () => client.cs.describeClustersV1(new ack.DescribeClustersV1Request({}));
  for (let time = 0; time < 2; time++) {
    await assert.rejects(
      list(),
      (error: SdkError) => error.name === 'ThrottlingError' && error.code === 'Throttling.User' && error.statusCode === 429 && error.retryAfter === 70,
    );
  }
  await list();
  assert.deepEqual(cloud.faults.pending(), []);
});

test('a server that fails says so in JSON, or like a gateway', async () => {
  await using cloud = await startCloud(SOON);
  const client = sdk(cloud);
  const list = () => client.cs.describeClustersV1(new ack.DescribeClustersV1Request({}));
  cloud.faults.add({ kind: 'server-error' });
  await assert.rejects(list(), (error: SdkError) => error.name === 'ServerError' && error.statusCode === 503);
  cloud.faults.add({ kind: 'server-error', body: 'html' });
  await assert.rejects(list(), SyntaxError);
  await list();
});

test('an answer is lost after the work was done', async () => {
  await using cloud = await startCloud(SOON);
  const client = sdk(cloud);
  const network = await makeNetwork(client);
  cloud.faults.add({ kind: 'lose-answer', action: 'CreateCluster', holdMs: 20 });
  await assert.rejects(makeCluster(client, network), (error: SdkError) => error.code === 'ECONNRESET');
  assert.equal(cloud.state().clusters.length, 1);
  const call = cloud.state().calls.at(-1)!;
  assert.deepEqual([call.action, call.outcome, call.subject], ['CreateCluster', 'lost', cloud.state().clusters[0]!.id]);
});

test('a connection is cut before any work', async () => {
  await using cloud = await startCloud(SOON);
  const client = sdk(cloud);
  cloud.faults.add({ kind: 'cut', action: 'CreateVpc' });
  await assert.rejects(makeNetwork(client), (error: SdkError) => error.code === 'ECONNRESET');
  assert.equal(cloud.state().vpcs.length, 0);
});

test('a creation fails for a reason that stands in its task, and the cluster stays until it is deleted', async () => {
  await using cloud = await startCloud(SOON);
  const client = sdk(cloud);
  const network = await makeNetwork(client);
  cloud.faults.add({ kind: 'fail-creation', code: 'QuotaExceeded.Eip', message: 'no more addresses' });
  const { clusterId, taskId } = await makeCluster(client, network);
  await untilState(client, clusterId, 'failed');
  const task = (await client.cs.describeTaskInfo(taskId)).body!;
  assert.deepEqual([task.state, task.error!.code, task.error!.message], ['fail', 'QuotaExceeded.Eip', 'no more addresses']);
  await assert.rejects(client.cs.describeClusterUserKubeconfig(clusterId, new ack.DescribeClusterUserKubeconfigRequest({})), refusal('ErrorClusterState'));
  await client.cs.deleteCluster(clusterId, new ack.DeleteClusterRequest({}));
  while (cloud.state().clusters[0]!.state !== 'gone') await sleep(10);
});

test('a deletion fails as often as told', async () => {
  await using cloud = await startCloud(SOON);
  const client = sdk(cloud);
  const { clusterId } = await makeCluster(client, await makeNetwork(client));
  await untilState(client, clusterId, 'running');
  cloud.faults.add({ kind: 'fail-deletion', times: 2 });
  for (let time = 0; time < 2; time++) {
    await client.cs.deleteCluster(clusterId, new ack.DeleteClusterRequest({}));
    await untilState(client, clusterId, 'delete_failed');
  }
  await client.cs.deleteCluster(clusterId, new ack.DeleteClusterRequest({}));
  while (cloud.state().clusters[0]!.state !== 'gone') await sleep(10);
  assert.deepEqual(
    cloud.state().clusters[0]!.tasks.map((it) => [it.kind, it.state]),
    [
      ['create', 'success'],
      ['delete', 'fail'],
      ['delete', 'fail'],
      ['delete', 'success'],
    ],
  );
});

test('quota and rights refuse before anything is made', async () => {
  await using cloud = await startCloud({ ...SOON, clusterQuota: 0 });
  const client = sdk(cloud);
  const network = await makeNetwork(client);
  await assert.rejects(makeCluster(client, network), refusal('QuotaExceeded.Cluster', 400));
  cloud.faults.add({ kind: 'quota', action: 'CreateVpc' });
  await assert.rejects(makeNetwork(client), refusal('QuotaExceeded.Vpc', 400));
  cloud.faults.add({ kind: 'forbid', action: 'CreateCluster' });
  await assert.rejects(makeCluster(client, network), refusal('ErrorCheckAcl', 403));
  cloud.faults.add({ kind: 'forbid', action: 'CreateVpc' });
  await assert.rejects(makeNetwork(client), refusal('Forbidden.RAM', 403));
  assert.deepEqual([cloud.state().clusters.length, cloud.state().vpcs.length], [0, 1]);
});

test('faults and state can be had over HTTP, but not by a page in a browser', async () => {
  await using cloud = await startCloud(SOON);
  const client = sdk(cloud);
  assert.equal((await plainRequest(cloud, 'POST', '/lab/faults', {}, { kind: 'throttle', times: 3 })).status, 200);
  await assert.rejects(makeNetwork(client), refusal('Throttling.User'));
  assert.deepEqual((await plainRequest(cloud, 'GET', '/lab/faults')).body, [{ kind: 'throttle', times: 2 }]);
  assert.deepEqual((await plainRequest(cloud, 'DELETE', '/lab/faults')).body, []);
  assert.match(String((await plainRequest(cloud, 'POST', '/lab/faults', {}, { kind: 'explode' })).body['message']), /none of throttle/);
  await makeCluster(client, await makeNetwork(client));
  const text = JSON.stringify((await plainRequest(cloud, 'GET', '/lab/state')).body);
  const { accessKeySecret, securityToken } = cloud.credentials;
  assert.match(text, /"login_password":"\*\*\*"/);
  for (const secret of ['Just4Test', accessKeySecret, securityToken!]) assert.ok(!text.includes(secret));
  assert.equal((await plainRequest(cloud, 'GET', '/lab/state', { origin: 'http://example.com' })).status, 403);
  assert.equal((await plainRequest(cloud, 'GET', '/lab/state', { host: 'example.com' })).status, 403);
});

// --- what outlives it

test('what it knows, its port and its keys outlive it in its folder, readable by its owner only', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'lateen-cloud-test-'));
  try {
    const first = await startCloud({ ...SOON, dir });
    const { clusterId } = await makeCluster(sdk(first), await makeNetwork(sdk(first)));
    await untilState(sdk(first), clusterId, 'running');
    const config = (await sdk(first).cs.describeClusterUserKubeconfig(clusterId, new ack.DescribeClusterUserKubeconfigRequest({}))).body!.config;
    const [{ endpoint, credentials }, calls] = [first, first.state().calls.length];
    await first.stop();
    await sleep(20); // the SDK's agent has to see that its idle connections are gone: the port is the same
    await using second = await startCloud({ ...SOON, dir });
    assert.deepEqual([second.endpoint, second.credentials], [endpoint, credentials]);
    assert.equal(second.state().calls.length, calls);
    assert.equal((await sdk(second).cs.describeClusterUserKubeconfig(clusterId, new ack.DescribeClusterUserKubeconfigRequest({}))).body!.config, config);
    for (const file of ['cloud.json', 'calls.jsonl', 'keys.json']) assert.equal((await stat(join(dir, 'cloud', file))).mode & 0o777, 0o600);
  } finally {
    await rm(dir, { recursive: true });
  }
});

test('behind a cluster is a real control plane, which goes with it', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'lateen-cloud-test-'));
  try {
    await using cloud = await startCloud({ ...SOON, planes: true, dir });
    const client = sdk(cloud);
    const { clusterId } = await makeCluster(client, await makeNetwork(client));
    await untilState(client, clusterId, 'running');
    const { masterUrl } = (await client.cs.describeClusterDetail(clusterId)).body!;
    for (const temporaryDurationMinutes of [undefined, 15]) {
      const { config } = (await client.cs.describeClusterUserKubeconfig(clusterId, new ack.DescribeClusterUserKubeconfigRequest({ temporaryDurationMinutes })))
        .body!;
      const file = join(dir, 'kubeconfig');
      await writeFile(file, config!);
      assert.equal((await readKubeconfig(file)).server, (JSON.parse(masterUrl!) as Record<string, string>)['api_server_endpoint']);
      using kube = await openClient(file);
      assert.equal((await kube.list('nodes')).length, 1);
    }
    await client.cs.deleteCluster(clusterId, new ack.DeleteClusterRequest({}));
    while (cloud.state().clusters[0]!.state !== 'gone') await sleep(20);
    await assert.rejects(stat(join(dir, clusterId)), { code: 'ENOENT' });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

test('control planes can be given beforehand: each is taken once, and without one a creation fails', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'lateen-cloud-test-'));
  try {
    const kubeconfig = join(dir, 'kubeconfig');
    await writeFile(kubeconfig, kubeconfigText('given', 'https://127.0.0.1:1', ...paper()));
    await using cloud = await startCloud({ ...SOON, planes: [{ server: 'https://127.0.0.1:1', kubeconfig } as ControlPlane] });
    const client = sdk(cloud);
    const network = await makeNetwork(client);
    const first = await makeCluster(client, network);
    await untilState(client, first.clusterId, 'running');
    const { config } = (await client.cs.describeClusterUserKubeconfig(first.clusterId, new ack.DescribeClusterUserKubeconfigRequest({}))).body!;
    assert.equal(config!.replaceAll(first.clusterId, 'given'), await readFile(kubeconfig, 'utf8'));
    const second = await makeCluster(client, network, { containerCidr: '172.24.0.0/16', serviceCidr: '172.28.0.0/16' });
    await untilState(client, second.clusterId, 'failed');
    assert.match((await client.cs.describeTaskInfo(second.taskId)).body!.error!.message!, /the pool of control planes is empty/);
  } finally {
    await rm(dir, { recursive: true });
  }
});

function paper(): [string, KeyPair] {
  const authority = createAuthority('given-ca', new Date());
  return [authority.certPem, issueClient(authority, { commonName: 'given' }, new Date())];
}

test('npm run lab: a cloud from a shell is found again, goes on after its end, and is taken down with its control planes', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'lateen-cloud-test-'));
  const lab = async (...args: string[]) =>
    (await promisify(execFile)(process.execPath, [join(import.meta.dirname, '../lab/main.ts'), ...args, '--dir', dir])).stdout;
  const up = async () => JSON.parse(await lab('cloud', '--json', '--create-seconds', '0.1')) as Pick<Cloud, 'endpoint' | 'credentials'>;
  try {
    const { endpoint, credentials } = await up();
    assert.deepEqual(await up(), { endpoint, credentials });
    assert.equal(
      await lab('cloud'),
      `# endpoint ${endpoint}\nexport ALICLOUD_ACCESS_KEY=${credentials.accessKeyId}\nexport ALICLOUD_SECRET_KEY=${credentials.accessKeySecret}\nexport ALICLOUD_SECURITY_TOKEN=${credentials.securityToken}\n`,
    );
    const client = sdk({ endpoint, credentials } as Cloud);
    const { clusterId } = await makeCluster(
      client,
      { vpcId: '', vswitchIds: [] },
      { vpcid: undefined, vswitchIds: undefined, zoneIds: [`${REGION}-b`], serviceCidr: '172.21.0.0/20' },
    );
    await untilState(client, clusterId, 'running');
    const open = async () => {
      const { config } = (await client.cs.describeClusterUserKubeconfig(clusterId, new ack.DescribeClusterUserKubeconfigRequest({}))).body!;
      await writeFile(join(dir, 'kubeconfig'), config!);
      return openClient(join(dir, 'kubeconfig'));
    };
    {
      using kube = await open();
      await kube.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'left', namespace: 'default' } });
    }
    await lab('down', '--keep');
    await assert.rejects(client.cs.describeClustersV1(new ack.DescribeClustersV1Request({})), { code: 'ECONNREFUSED' });
    assert.deepEqual(await up(), { endpoint, credentials });
    {
      using kube = await open();
      assert.equal((await kube.get('configmaps/default/left')).metadata.name, 'left');
    }
    await lab('down');
    for (const name of ['cloud', clusterId]) await assert.rejects(stat(join(dir, name)), { code: 'ENOENT' });
  } finally {
    await lab('down');
    await rm(dir, { recursive: true, force: true });
  }
});
