// What a Configuration asks for: the one module that is known, read strictly.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { equal } from '../../../daemon/lib/json.ts';
import { parseYaml } from '../../../daemon/lib/yaml.ts';
import { Fault } from '../../../daemon/model/fault.ts';
import { cloudPlan, planFor } from '../../../daemon/provision/order.ts';
import { readHcl } from '../../../daemon/provision/hcl.ts';
import { EFFECTIVE, isKnown, readWanted, VARIABLES, type Value } from '../../../daemon/provision/variables.ts';
import { configuration, HCL } from './rig.ts';

const refusal =
  (pattern: RegExp) =>
  (error: unknown): boolean =>
    error instanceof Fault && error.code === 'provision/refused' && pattern.test(error.message);
const withHcl = (hcl: string, variable: Record<string, unknown> = {}) => configuration(variable, { hcl });
const ordered = (variable: Record<string, unknown>) => {
  const { order, ...plan } = planFor(readWanted(configuration(variable)));
  return { ...plan, order: order('vpc-1', ['vsw-1'], {}) };
};

test("the defaults of the definition give the tutorial's cluster", () => {
  const plan = planFor(readWanted(configuration()));
  assert.equal(plan.clusterName, 'poc-01');
  assert.deepEqual(plan.network, {
    vpcName: 'tf-k8s-vpc',
    vpcCidr: '10.0.0.0/8',
    vswitches: [
      { name: 'tf-k8s-vsw-01', cidr: '10.1.0.0/16' },
      { name: 'tf-k8s-vsw-02', cidr: '10.2.0.0/16' },
      { name: 'tf-k8s-vsw-03', cidr: '10.3.0.0/16' },
    ],
  });
  assert.equal(plan.order('', [], {}).version, '1.20.4-aliyun.1');
});

test('the published definition asks for the same as ours', (t) => {
  const file = '../../../../shared/cases/tutorial-recorded/configurations.yaml';
  const path = new URL(file, import.meta.url);
  if (!existsSync(path)) return t.skip('the recorded cases are not here');
  const list = parseYaml(readFileSync(path, 'utf8'), file).value as { readonly items: readonly ReturnType<typeof configuration>[] };
  const recorded = list.items[0]!;
  assert.ok(isKnown(recorded));
  assert.deepEqual(readWanted(recorded), readWanted(configuration()));
});

/** A value for each variable that is not its default. */
const OTHERS: Readonly<Record<string, Value>> = {
  vpc_name: 'other',
  vpc_cidr: '172.16.0.0/12',
  vswitch_name_prefix: 'other',
  vswitch_cidrs: ['10.9.0.0/16'],
  vswitch_ids: ['vsw-9'],
  zone_id: 'cn-hongkong-c',
  number_format: '%03d',
  k8s_name_prefix: 'other',
  k8s_version: '1.32.1-aliyun.1',
  k8s_pod_cidr: '172.30.0.0/16',
  k8s_service_cidr: '172.31.0.0/20',
  node_cidr_mask: 26,
  proxy_mode: 'ipvs',
  new_nat_gateway: false,
  k8s_worker_number: 5,
  worker_instance_types: ['ecs.c9.large'],
  cpu_policy: 'static',
  install_cloud_monitor: false,
  cpu_core_count: 16,
  memory_size: 64,
  master_instance_types: ['ecs.c9.large'],
  enable_ssh: false,
};

test('each variable changes what is asked for, is told to be without effect, or is refused', () => {
  const standard = ordered({});
  for (const name of Object.keys(VARIABLES)) {
    if (name === 'password') continue;
    const isChanged = !equal(ordered({ [name]: OTHERS[name] }), standard);
    assert.equal(isChanged, (EFFECTIVE as readonly string[]).includes(name), name);
    const told = readWanted(configuration({ [name]: OTHERS[name] })).inert;
    assert.equal(told.length, isChanged ? 0 : 1, name);
  }
});

test('a password is refused when it is given, and its default is never sent', () => {
  assert.throws(
    () => readWanted(configuration({ password: 'Secret-1' })),
    (error) => refusal(/"password" is refused/)(error) && !(error as Error).message.includes('Secret-1'),
  );
  assert.doesNotMatch(JSON.stringify(ordered({})), /Just4Test/);
});

test('an unknown variable is refused with what was likely meant', () => {
  assert.throws(() => readWanted(configuration({ k8s_worker_numbr: 3 })), refusal(/"k8s_worker_numbr" is not known\. Did you mean "k8s_worker_number"\?/));
});

test('a variable that the text does not declare is refused', () => {
  const hcl = 'module "k" {\n  source = "github.com/zzxwill/terraform-alicloud-kubernetes"\n  zone_id = "cn-hongkong-b"\n  k8s_name_prefix = "own"\n}\n';
  assert.equal(planFor({ ...readWanted(withHcl(hcl)), values: { ...readWanted(withHcl(hcl)).values, worker_instance_types: ['a'] } }).clusterName, 'own-01');
  assert.throws(() => readWanted(withHcl(hcl, { vpc_name: 'x' })), refusal(/spec\.hcl does not declare it/));
});

test('values are converted as Terraform does it, and nothing else', () => {
  assert.equal(readWanted(configuration({ k8s_worker_number: '3' })).values.k8s_worker_number, 3);
  assert.equal(readWanted(configuration({ new_nat_gateway: 'false' })).values.new_nat_gateway, false);
  assert.throws(() => readWanted(configuration({ k8s_worker_number: 'many' })), refusal(/"k8s_worker_number" is not a number/));
  assert.throws(() => readWanted(configuration({ vswitch_cidrs: '10.0.0.0/16' })), refusal(/"vswitch_cidrs" is not a list/));
});

test('properties that set a field of the spec are no variables', () => {
  assert.doesNotThrow(() => readWanted(configuration({ deleteResource: false, providerRef: { name: 'other' } })));
});

test('values that do not fit together are refused by name', () => {
  const cases: readonly (readonly [Record<string, unknown>, RegExp])[] = [
    [{ vswitch_cidrs: [] }, /vswitch_ids and vswitch_cidrs/],
    [{ number_format: '%s' }, /number_format/],
    [{ k8s_name_prefix: '-x' }, /k8s_name_prefix/],
    [{ k8s_worker_number: -1 }, /k8s_worker_number/],
    [{ node_cidr_mask: 20 }, /node_cidr_mask/],
    [{ worker_instance_types: [] }, /worker_instance_types/],
  ];
  for (const [variable, pattern] of cases) assert.throws(() => ordered(variable), refusal(pattern));
});

test('anything that is not the module is refused by name and line', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    [`${HCL}\nresource "alicloud_oss_bucket" "b" {\n  bucket = "x"\n}\n`, /line \d+ of spec\.hcl: the block "resource alicloud_oss_bucket b"/],
    [`provider "alicloud" {\n  region = "cn-hongkong"\n}\n${HCL}`, /the block "provider alicloud"/],
    [HCL.replace('var.vpc_name', 'var.vpc_cidr'), /argument "vpc_name" is var\.vpc_cidr/],
    [HCL.replace('var.vpc_name', 'upper(var.vpc_name)'), /the function "upper"/],
    [HCL.replace('var.vpc_name', 'var.vpc_name == "" ? "a" : "b"'), /is not known|expression/],
    [HCL.replace('var.vpc_name', '"${var.vpc_name}-x"'), /a string with an expression/],
    [HCL.replace('zone_id               = var.zone_id', 'zone_id = var.zone_id\n  k8s_number = 2'), /argument "k8s_number" is not known/],
    [HCL.replace('"github.com/zzxwill', '"github.com/other'), /its source is "github\.com\/other\/terraform-alicloud-kubernetes"/],
    [HCL.replace('value = module.kubernetes.client_key', 'value = module.kubernetes.nodes'), /the output "client_key" is not one of/],
    [HCL.replace('variable "vpc_name" {', 'variable "vpc_nam" {'), /the variable "vpc_nam" is not known\. Did you mean "vpc_name"/],
    [HCL.replace('default     = "tf-k8s-vpc"', 'default     = <<EOT\nx\nEOT'), /line \d+ of spec\.hcl/],
    [HCL.replace('default     = "tf-k8s-vpc"', 'default     = "tf-k8s-vpc"\n  validation {\n  }'), /the block "validation" is not known/],
    ['module "a" {', /line 1 of spec\.hcl/],
    ['', /spec\.hcl is empty/],
  ];
  for (const [hcl, pattern] of cases) assert.throws(() => readWanted(withHcl(hcl)), refusal(pattern), hcl.slice(0, 60));
  assert.throws(() => readWanted(configuration({}, { remote: 'https://example.com/x.git' })), refusal(/spec\.remote is used/));
});

test('comments of three forms, trailing commas and types are read', () => {
  const [block] = readHcl('/* a\n b */\nvariable "x" { # c\n  type = list(string) // d\n  default = [\n    "a", # e\n    // "b",\n    "c\\"d",\n  ]\n}\n');
  assert.deepEqual(block?.attributes.get('default'), ['a', 'c"d']);
  assert.deepEqual(block?.attributes.get('type'), { reference: 'list(string)' });
  assert.equal(block?.line, 3);
});

test('a plan says in words what would be made, or why nothing can be', () => {
  const lines = cloudPlan(configuration({ enable_ssh: false }));
  assert.match(lines[0] ?? '', /^managed cluster poc-01, Kubernetes 1\.20\.4-aliyun\.1/);
  assert.ok(lines.some((line) => line.startsWith('VPC tf-k8s-vpc 10.0.0.0/8 with vSwitches tf-k8s-vsw-01 10.1.0.0/16')));
  assert.ok(lines.some((line) => line.startsWith('without effect: enable_ssh')));
  assert.deepEqual(cloudPlan(configuration({ k8s_worker_number: -1 })), ['refused: k8s_worker_number is -1: a whole number from 0 is needed']);
});
