import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readBody, readFlat, readQuery, requestModel } from '../lab/cloud-models.ts';

test('what is required stands in the SDK’s own declarations', () => {
  assert.deepEqual(requestModel('cs', 'CreateClusterRequest').required, ['name', 'region_id']);
  assert.deepEqual(requestModel('vpc', 'CreateVSwitchRequest', 'CreateVswitchRequest').required, ['VpcId', 'ZoneId']);
  assert.deepEqual(requestModel('vpc', 'DescribeVSwitchesRequest', 'DescribeVswitchesRequest').required, []);
});

test('a flat query becomes lists and values of the model’s types', () => {
  const model = requestModel('vpc', 'CreateVpcRequest');
  const read = (query: string) => readFlat(model, new URLSearchParams(query));
  assert.deepEqual(read('RegionId=r&DryRun=true&Ipv4CidrMask=8&Tag.1.Key=a&Tag.1.Value=b&Tag.2.Key=c'), {
    RegionId: 'r',
    DryRun: true,
    Ipv4CidrMask: 8,
    Tag: [{ Key: 'a', Value: 'b' }, { Key: 'c' }],
  });
  for (const [query, words] of [
    ['RegionId=r&Tag.2.Key=a', /not numbered from 1/],
    ['RegionId=r&DryRun=yes', /true or false/],
    ['RegionId=r&Tag=a', /a list is expected/],
    ['RegionId=r&VpcName.1=a', /plain value/],
    ['Tag.1.Key=a', /RegionId is mandatory/],
  ] as const) {
    assert.throws(() => read(query), words, query);
  }
});

test('a query of the ROA style has lists as JSON', () => {
  const model = requestModel('cs', 'DeleteClusterRequest');
  const read = (query: Record<string, string>) => readQuery(model, new URLSearchParams(query));
  assert.deepEqual(read({ keep_slb: 'false', retain_resources: '["a"]' }), { keep_slb: false, retain_resources: ['a'] });
  assert.throws(() => read({ retain_resources: 'a' }), /JSON is expected/);
  assert.throws(() => read({ delete_options: '[{"mode":"delete"}]' }), /"delete_options\.1\.mode" is unknown/);
});

test('a body is read to its depth', () => {
  const model = requestModel('cs', 'CreateClusterRequest');
  const body = { name: 'n', region_id: 'r', nodepools: [{ nodepool_info: { name: 'p' }, scaling_group: { instance_types: ['t'], desired_size: 2 } }] };
  assert.deepEqual(readBody(model, body), body);
  assert.throws(
    () => readBody(model, { ...body, nodepools: [{ scaling_group: { desired_size: '2' } }] }),
    /nodepools\.1\.scaling_group\.desired_size.*a number is expected/,
  );
  assert.throws(() => readBody(model, []), /an object is expected/);
});
