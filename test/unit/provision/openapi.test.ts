// The SDK's errors, in their four shapes, and what they mean.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { systemClock } from '../../../daemon/lib/retry.ts';
import type { Code } from '../../../daemon/model/fault.ts';
import { openAlibaba } from '../../../daemon/provision/alibaba.ts';
import { cloudFault, isGone, openCaller, type CallKind } from '../../../daemon/provision/openapi.ts';
import { statusPatch } from '../../../daemon/provision/report.ts';
import { configuration, never } from './rig.ts';

/** An error as the SDK throws it for an answer. */
const answer = (statusCode: number, code: string, more: object = {}): object => ({
  name: statusCode < 500 ? 'ClientError' : 'ServerError',
  statusCode,
  code,
  message: `${code}: code: ${statusCode}, Words. request id: R-1`,
  requestId: 'R-1',
  data: { code, message: 'Words.' },
  ...more,
});
const codeOf = (error: unknown, kind: CallKind = 'read'): Code => cloudFault(error, kind, 'asking').code;

test("a code of the cloud becomes a code of ours, with its words, its own code and the request's id", () => {
  const cases: readonly (readonly [number, string, Code])[] = [
    [400, 'InvalidAccessKeyId.NotFound', 'provision/credentials'],
    [404, 'InvalidAccessKeyId.NotFound', 'provision/credentials'],
    [400, 'SignatureDoesNotMatch', 'provision/credentials'],
    [400, 'InvalidSecurityToken.Expired', 'provision/credentials'],
    [400, 'InvalidTimeStamp.Expired', 'provision/credentials'],
    [403, 'Forbidden.RAM', 'provision/denied'],
    [403, 'ErrorCheckAcl', 'provision/denied'],
    [403, 'SomethingNew', 'provision/denied'],
    [400, 'QuotaExceeded.Cluster', 'provision/quota'],
    [400, 'InstanceLimitExceeded', 'provision/quota'],
    [403, 'QuotaExceeded', 'provision/quota'],
    [400, 'InvalidParameter', 'provision/refused'],
    [404, 'InvalidRegionId.NotFound', 'provision/refused'],
    [400, 'DependencyViolation.VSwitch', 'provision/transient'],
    [400, 'IncorrectVSwitchStatus', 'provision/transient'],
    [503, 'ServiceUnavailable', 'provision/transient'],
    [408, 'Timeout', 'provision/transient'],
  ];
  for (const [status, code, expected] of cases) assert.equal(codeOf(answer(status, code)), expected, code);
  assert.equal(
    cloudFault(answer(400, 'InvalidParameter'), 'read', 'creating VPC x').message,
    'creating VPC x: Words. (InvalidParameter, HTTP 400, request R-1)',
  );
});

test('throttling says when to come again, in milliseconds', () => {
  const fault = cloudFault(answer(429, 'Throttling.User', { name: 'ThrottlingError', retryAfter: 1_500 }), 'read', 'asking');
  assert.deepEqual([fault.code, fault.retryAfterMs], ['provision/throttled', 1_500]);
});

test('errors without an answer are told in words, and never as what the SDK makes of them', () => {
  assert.match(
    cloudFault(new SyntaxError('Unexpected token < in JSON'), 'read', 'asking').message,
    /^asking: the cloud answered with something that is not JSON/,
  );
  assert.match(cloudFault(Object.assign(new Error('ConnectTimeout'), { name: 'RequestTimeoutError' }), 'read', 'asking').message, /no answer in time/);
  assert.match(
    cloudFault(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }), 'read', 'asking').message,
    /nothing listens there \(ECONNREFUSED\)/,
  );
  assert.equal(codeOf(new DOMException('late', 'TimeoutError')), 'provision/transient');
});

test('a creation counts as refused only where it is certain that nothing was made', () => {
  const certain = [
    answer(400, 'InvalidParameter'),
    answer(403, 'Forbidden.RAM'),
    answer(429, 'Throttling', { name: 'ThrottlingError' }),
    Object.assign(new Error(''), { code: 'ECONNREFUSED' }),
    Object.assign(new Error(''), { code: 'ENOTFOUND' }),
  ];
  const open = [
    answer(500, 'InternalError'),
    answer(503, 'Throttling', { name: 'ThrottlingError' }),
    answer(408, 'Timeout'),
    new SyntaxError(''),
    Object.assign(new Error(''), { code: 'ECONNRESET' }),
    Object.assign(new Error(''), { name: 'RequestTimeoutError' }),
    new DOMException('late', 'TimeoutError'),
    new Error('whatever'),
  ];
  for (const error of certain) assert.notEqual(codeOf(error, 'create'), 'provision/unknown-outcome');
  for (const error of open) assert.equal(codeOf(error, 'create'), 'provision/unknown-outcome');
});

test('gone is what the cloud says of the thing itself, not any 404', () => {
  const gone = (status: number, code: string): boolean => isGone(cloudFault(answer(status, code), 'read', 'asking'));
  for (const code of [
    'ErrorClusterNotFound',
    'InvalidVpcId.NotFound',
    'InvalidVpcID.NotFound',
    'InvalidVSwitchId.NotFound',
    'InvalidVswitchID.NotFound',
    'TaskNotFound',
  ])
    assert.equal(gone(404, code), true, code);
  for (const code of ['InvalidAccessKeyId.NotFound', 'InvalidRegionId.NotFound', 'InvalidApi.NotFound']) assert.equal(gone(404, code), false, code);
});

test("nothing of the SDK's error stays with the fault: it may hold what was signed", () => {
  const fault = cloudFault(answer(400, 'SignatureDoesNotMatch', { data: { message: 'server string to sign is:\nACS3' } }), 'read', 'asking');
  assert.equal(fault.cause, undefined);
  assert.equal(
    fault.message,
    'asking: the AccessKey secret does not belong to the AccessKey id. The cloud says: server string to sign is: ACS3 (SignatureDoesNotMatch, HTTP 400, request R-1)',
  );
});

test('a read is cut off by the signal at once, a write is waited for', async () => {
  const call = openCaller({ endpoint: null, clock: systemClock(), timeoutMs: 10_000 });
  const stop = new AbortController();
  const read = call('read', 'asking', () => new Promise<never>(() => {}), stop.signal);
  const work = Promise.withResolvers<string>();
  const write = call('write', 'doing', () => work.promise, stop.signal);
  stop.abort();
  await assert.rejects(read, { code: 'loop/cancelled' });
  work.resolve('done');
  assert.equal(await write, 'done');
});

test('the SDK sends each request once, to the endpoint that it was given, and names no other place', async () => {
  const hosts: string[] = [];
  const server = createServer((request, reply) => {
    hosts.push(request.headers.host ?? '');
    reply.writeHead(503, { 'content-type': 'application/json' }).end(JSON.stringify({ Code: 'ServiceUnavailable', Message: 'no', RequestId: 'R' }));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const cloud = await openAlibaba({ endpoint: `http://${host}`, clock: systemClock() })({
    accessKeyId: 'LTAI5tTest',
    accessKeySecret: 'secret',
    securityToken: '',
    region: 'cn-hongkong',
  });
  await assert.rejects(cloud.clusters(never), { code: 'provision/transient' });
  await assert.rejects(cloud.vpcs(['a', 'b'], never), { code: 'provision/transient' });
  assert.deepEqual(hosts, [host, host]);
  server.close();
  server.closeAllConnections();
});

test("a status that differs by a request's id only is not written again", () => {
  const object = { ...configuration(), status: { state: 'Unavailable', message: 'No. (QuotaExceeded, HTTP 400, request 0A1B-22)' } };
  assert.equal(statusPatch(object, 'unavailable', 'No. (QuotaExceeded, HTTP 400, request FFFF-01)'), null);
  assert.notEqual(statusPatch(object, 'unavailable', 'Other. (QuotaExceeded, HTTP 400, request FFFF-01)'), null);
  assert.notEqual(statusPatch(object, 'provisioning', 'No. (QuotaExceeded, HTTP 400, request FFFF-01)'), null);
});
