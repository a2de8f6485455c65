/**
 * What a Configuration asks for. The one module that is known is KubeVela's `alibaba-ack`: the table below says for each
 * of its variables where its value goes, that it is without effect, or that it is refused; anything else in the text is
 * refused by name. Pure.
 */
import { isRecord, type Fields } from '../lib/json.ts';
import { didYouMeanHint, listed } from '../lib/text.ts';
import { Fault } from '../model/fault.ts';
import type { KubeObject } from '../model/object.ts';
import { isReference, readHcl, type HclBlock, type HclValue } from './hcl.ts';

/** The module behind KubeVela 1.1's ComponentDefinition `alibaba-ack`. */
const MODULE_SOURCE = 'github.com/zzxwill/terraform-alicloud-kubernetes';
const TYPE_LABEL = 'workload.oam.dev/type';
const TYPE = 'alibaba-ack';

type Type = 'string' | 'number' | 'bool' | 'list';
export type Value = string | number | boolean | readonly string[];

interface Variable {
  readonly type: Type;
  /** The module's own default; null where it has none. */
  readonly fallback: Value | null;
  /** Where the value goes. */
  readonly goesTo?: string;
  /** Why it changes nothing about a managed cluster. */
  readonly inert?: string;
  /** Why a value that is given is refused. */
  readonly refused?: string;
}

/** Every variable of the module that a Configuration may set. */
export const VARIABLES = {
  vpc_name: { type: 'string', fallback: '', goesTo: 'CreateVpc VpcName' },
  vpc_cidr: { type: 'string', fallback: '10.0.0.0/8', goesTo: 'CreateVpc CidrBlock' },
  vswitch_name_prefix: { type: 'string', fallback: '', goesTo: 'CreateVSwitch VSwitchName: prefix, dash, number from 1' },
  vswitch_cidrs: { type: 'list', fallback: ['10.1.0.0/16', '10.2.0.0/16', '10.3.0.0/16'], goesTo: 'CreateVSwitch CidrBlock, one vSwitch each' },
  vswitch_ids: { type: 'list', fallback: [], goesTo: 'CreateCluster vswitch_ids and their VPC as vpcid; then no network is made' },
  zone_id: { type: 'string', fallback: null, goesTo: 'CreateVSwitch ZoneId' },
  number_format: { type: 'string', fallback: '%02d', goesTo: 'the number in the names of cluster and vSwitches' },
  k8s_name_prefix: { type: 'string', fallback: '', goesTo: 'CreateCluster name: prefix, dash, number 1' },
  k8s_version: { type: 'string', fallback: '1.18.8-aliyun.1', goesTo: 'CreateCluster kubernetes_version, as it is written' },
  k8s_pod_cidr: { type: 'string', fallback: '172.20.0.0/16', goesTo: 'CreateCluster container_cidr' },
  k8s_service_cidr: { type: 'string', fallback: '172.21.0.0/20', goesTo: 'CreateCluster service_cidr' },
  node_cidr_mask: { type: 'number', fallback: 24, goesTo: 'CreateCluster node_cidr_mask' },
  proxy_mode: { type: 'string', fallback: 'iptables', goesTo: 'CreateCluster proxy_mode' },
  new_nat_gateway: { type: 'bool', fallback: true, goesTo: 'CreateCluster snat_entry' },
  k8s_worker_number: { type: 'number', fallback: 2, goesTo: 'CreateCluster nodepools[0].scaling_group.desired_size' },
  worker_instance_types: { type: 'list', fallback: [], goesTo: 'CreateCluster nodepools[0].scaling_group.instance_types' },
  cpu_policy: { type: 'string', fallback: 'none', goesTo: 'CreateCluster nodepools[0].kubernetes_config.cpu_policy' },
  install_cloud_monitor: { type: 'bool', fallback: true, goesTo: 'CreateCluster nodepools[0].kubernetes_config.cms_enabled' },
  cpu_core_count: { type: 'number', fallback: 1, inert: "the module only looks for a zone with it; the nodes' types are worker_instance_types" },
  memory_size: { type: 'number', fallback: 2, inert: "the module only looks for a zone with it; the nodes' types are worker_instance_types" },
  master_instance_types: { type: 'list', fallback: [], inert: "the masters of a managed cluster are the cloud's" },
  enable_ssh: { type: 'bool', fallback: true, inert: "it lets people log in to masters, and those of a managed cluster are the cloud's" },
  password: {
    type: 'string',
    fallback: '',
    refused: "no password is set on nodes: it would stand in the repository in clear; set a key pair in the cloud's console",
  },
} as const satisfies Readonly<Record<string, Variable>>;

export type VariableName = keyof typeof VARIABLES;
const ENTRIES: Readonly<Record<string, Variable>> = VARIABLES;
const NAMES = Object.keys(VARIABLES) as readonly VariableName[];

/** The variables that change what is made. */
export const EFFECTIVE: readonly VariableName[] = NAMES.filter((name) => ENTRIES[name]?.goesTo !== undefined);

/** What the module's outputs are, as far as they can be written into the connection Secret. */
export const OUTPUTS = ['name', 'kubeconfig', 'cluster_ca_cert', 'client_cert', 'client_key', 'api_server_internet'] as const;
export type OutputName = (typeof OUTPUTS)[number];

/** What a Configuration asks for. */
export interface Wanted {
  readonly values: Readonly<Record<VariableName, Value>>;
  /** Keys of the connection Secret, and what of the cluster each holds. */
  readonly outputs: Readonly<Record<string, OutputName>>;
  /** Variables that were given and change nothing, each with the reason. */
  readonly inert: readonly string[];
}

/** Whether the Configuration says that it is one of these, by KubeVela's label or by the module that its text names. */
export function isKnown(object: KubeObject): boolean {
  if (object.metadata.labels?.[TYPE_LABEL] === TYPE) return true;
  const text = specOf(object)['hcl'];
  return typeof text === 'string' && text.includes(`"${MODULE_SOURCE}"`);
}

/** `spec` of an object; empty where there is none. */
export function specOf(object: KubeObject): Fields {
  return isRecord(object['spec']) ? object['spec'] : {};
}

/** Reads what a Configuration asks for. Throws provision/refused that names what is not known, with a guess at what was meant. */
export function readWanted(object: KubeObject): Wanted {
  const spec = specOf(object);
  for (const field of ['remote', 'JSON', 'inlineCredentials'] as const)
    if (spec[field] !== undefined && spec[field] !== '' && spec[field] !== false) throw unknownModule(`spec.${field} is used, and only spec.hcl is known`);
  if (typeof spec['hcl'] !== 'string' || spec['hcl'].trim() === '') throw unknownModule('spec.hcl is empty');
  const text = readModule(readHcl(spec['hcl']));
  const given = readGiven(spec['variable'], text);
  const values = Object.fromEntries(NAMES.map((name) => [name, valueOf(name, given, text)])) as Record<VariableName, Value>;
  return {
    values,
    outputs: text.outputs,
    inert: [...given.keys()].flatMap((name) => (ENTRIES[name]?.inert === undefined ? [] : [`${name}: ${ENTRIES[name].inert}`])),
  };
}

// ---------------------------------------------------------------------------------------------------------- the text

/** What the text says: the variables it declares with their defaults, and the arguments that are no variables. */
interface ModuleText {
  readonly defaults: ReadonlyMap<string, HclValue | undefined>;
  readonly literals: ReadonlyMap<string, HclValue>;
  readonly outputs: Readonly<Record<string, OutputName>>;
}

const VARIABLE_ARGUMENTS = new Set(['description', 'type', 'default', 'sensitive', 'nullable']);
const OUTPUT_ARGUMENTS = new Set(['description', 'value', 'sensitive']);

function readModule(blocks: readonly HclBlock[]): ModuleText {
  const modules = blocks.filter(({ type }) => type === 'module');
  const other = blocks.find(({ type }) => !['module', 'variable', 'output'].includes(type));
  if (other !== undefined) throw unknownModule(`line ${other.line} of spec.hcl: the block "${[other.type, ...other.labels].join(' ')}"`);
  const [module, second] = modules;
  if (module === undefined) throw unknownModule('spec.hcl has no module');
  if (second !== undefined) throw unknownModule(`line ${second.line} of spec.hcl: a second module "${second.labels.join(' ')}"`);
  const source = module.attributes.get('source');
  if (source !== MODULE_SOURCE) throw unknownModule(`its source is ${typeof source === 'string' ? `"${source}"` : 'not given'} and not "${MODULE_SOURCE}"`);

  const defaults = new Map<string, HclValue | undefined>();
  for (const {
    labels: [name = ''],
    attributes,
    line,
  } of blocks.filter(({ type }) => type === 'variable')) {
    if (ENTRIES[name] === undefined) throw unknownVariable(`line ${line} of spec.hcl: the variable "${name}" is not known`, name);
    const unknown = [...attributes.keys()].find((argument) => !VARIABLE_ARGUMENTS.has(argument));
    if (unknown !== undefined) throw unknownModule(`line ${line} of spec.hcl: "${unknown}" in the variable "${name}"`);
    if (defaults.has(name)) throw unknownModule(`line ${line} of spec.hcl: the variable "${name}" stands twice`);
    defaults.set(name, attributes.get('default'));
  }
  return { defaults, literals: literalsOf(module, defaults), outputs: outputsOf(blocks, module.labels[0] ?? '') };
}

/** The module's arguments: `x = var.x` says nothing new, a plain value stands for itself. */
function literalsOf(module: HclBlock, defaults: ReadonlyMap<string, unknown>): ReadonlyMap<string, HclValue> {
  const literals = new Map<string, HclValue>();
  for (const [name, value] of module.attributes) {
    if (name === 'source') continue;
    if (ENTRIES[name] === undefined) throw unknownVariable(`the module's argument "${name}" is not known`, name);
    if (!isReference(value)) literals.set(name, value);
    else if (value.reference !== `var.${name}` || !defaults.has(name))
      throw unknownModule(`the module's argument "${name}" is ${value.reference}, and only var.${name}, declared as a variable, is known`);
  }
  return literals;
}

function outputsOf(blocks: readonly HclBlock[], module: string): Readonly<Record<string, OutputName>> {
  const outputs: Record<string, OutputName> = {};
  for (const {
    labels: [name = ''],
    attributes,
    line,
  } of blocks.filter(({ type }) => type === 'output')) {
    const unknown = [...attributes.keys()].find((argument) => !OUTPUT_ARGUMENTS.has(argument));
    if (unknown !== undefined) throw unknownModule(`line ${line} of spec.hcl: "${unknown}" in the output "${name}"`);
    const value = attributes.get('value');
    const found = isReference(value) ? OUTPUTS.find((output) => value.reference === `module.${module}.${output}`) : undefined;
    if (found === undefined)
      throw unknownModule(`line ${line} of spec.hcl: the output "${name}" is not one of ${listed(OUTPUTS.map((output) => `module.${module}.${output}`))}`);
    outputs[name] = found;
  }
  return outputs;
}

// --------------------------------------------------------------------------------------------------------- the values

/** KubeVela leaves properties that set a field of the spec in `spec.variable` too. */
const SPEC_FIELDS = new Set([
  'hcl',
  'JSON',
  'remote',
  'path',
  'backend',
  'providerRef',
  'writeConnectionSecretToRef',
  'deleteResource',
  'customRegion',
  'region',
  'forceDelete',
  'inlineCredentials',
  'gitCredentialsSecretReference',
  'gitRef',
  'terraformRCConfigMapReference',
  'terraformCredentialsSecretReference',
  'terraformCredentialsHelperConfigMapReference',
]);

/** `spec.variable`, each known and declared. */
function readGiven(variable: unknown, text: ModuleText): ReadonlyMap<string, unknown> {
  if (variable === undefined || variable === null) return new Map();
  if (!isRecord(variable)) throw new Fault('provision/refused', 'spec.variable is not an object');
  const given = new Map(Object.entries(variable).filter(([name, value]) => value !== null && !SPEC_FIELDS.has(name)));
  for (const name of given.keys()) {
    if (ENTRIES[name] === undefined) throw unknownVariable(`the variable "${name}" is not known`, name);
    if (!text.defaults.has(name)) throw new Fault('provision/refused', `the variable "${name}" is given, but spec.hcl does not declare it`);
    if (ENTRIES[name].refused !== undefined) throw new Fault('provision/refused', `the variable "${name}" is refused: ${ENTRIES[name].refused}`);
  }
  return given;
}

/**
 * What was given wins over the text's default; where the text does not declare it, its plain argument and then the
 * module's own default count. (A variable that the text declares and does not hand on has its effect nevertheless:
 * that is how KubeVela 1.1's own text treats `vswitch_ids` and others.)
 */
function valueOf(name: VariableName, given: ReadonlyMap<string, unknown>, text: ModuleText): Value {
  const { type, fallback, refused } = ENTRIES[name] as Variable;
  if (refused !== undefined) return '';
  if (given.has(name)) return convert(name, type, given.get(name), 'the variable');
  const literal = text.literals.get(name);
  if (literal !== undefined && literal !== null) return convert(name, type, literal, "the module's argument");
  const standard = text.defaults.get(name);
  if (standard !== undefined && standard !== null) return convert(name, type, standard, 'the default of the variable');
  if (fallback === null || (text.defaults.has(name) && standard === undefined))
    throw new Fault('provision/refused', `the variable "${name}" has no value: give one, or a default in spec.hcl`);
  return fallback;
}

/** As Terraform does it: a number or a truth value may be written as text, and a text as one of them. */
function convert(name: string, type: Type, value: unknown, what: string): Value {
  const wrong = (): Fault =>
    new Fault(
      'provision/refused',
      `${what} "${name}" is not a ${type === 'bool' ? 'truth value' : type === 'list' ? 'list of texts' : type === 'string' ? 'text' : 'number'}`,
    );
  switch (type) {
    case 'string':
      if (typeof value === 'string') return value;
      if (typeof value === 'number' || typeof value === 'boolean') return String(value);
      throw wrong();
    case 'number': {
      const number = typeof value === 'string' && /^-?\d+(?:\.\d+)?$/.test(value.trim()) ? Number(value) : value;
      if (typeof number === 'number' && Number.isFinite(number)) return number;
      throw wrong();
    }
    case 'bool':
      if (typeof value === 'boolean') return value;
      if (value === 'true' || value === 'false') return value === 'true';
      throw wrong();
    case 'list':
      if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
      throw wrong();
    default:
      return type satisfies never;
  }
}

function unknownModule(why: string): Fault {
  return new Fault('provision/refused', `the Configuration is not the module that Lateen knows: ${why}`);
}

function unknownVariable(what: string, name: string): Fault {
  return new Fault('provision/refused', `${what}. ${didYouMeanHint(name, NAMES) ?? `Known are ${listed(NAMES, NAMES.length)}.`}`);
}
