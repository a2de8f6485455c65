/**
 * The built-in definitions against KubeVela's own: the same documents, properties and live objects give the same
 * objects, calls, health and messages. KubeVela's are read from `../shared/cases`; without that folder all is skipped.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { equal, isRecord } from '../../daemon/lib/json.ts';
import { systemClock } from '../../daemon/lib/retry.ts';
import { parseDocuments } from '../../daemon/lib/yaml.ts';
import type { Dialect } from '../../daemon/model/catalog.ts';
import type { CueComponentRequest, CueComponentResult, CueError, CueJson, CueObject, CueStepCall } from '../../daemon/model/cue.ts';
import type { KubeObject } from '../../daemon/model/object.ts';
import { openCue } from '../../daemon/render/cue/cue.ts';
import { readPack } from '../../daemon/render/pack.ts';
import { COMPONENTS, DEPLOYMENT, ENV_BINDINGS, STATUSES, STEPS, TRAITS } from './pack-table.ts';

const CASES = join(import.meta.dirname, '../../../shared/cases');
const skip = existsSync(CASES) ? false : 'the recorded cases (../shared/cases) are not here';
const DIALECTS: readonly Dialect[] = ['1.10', '1.1'];

const cue = openCue({ clock: systemClock() });
after(() => cue[Symbol.asyncDispose]());

/** Definitions by `Kind/name`. */
type Shelf = ReadonlyMap<string, KubeObject>;
const ours = await readPack();
const theirs = new Map<Dialect, Shelf>(
  skip === false
    ? await Promise.all(DIALECTS.map(async (dialect) => [dialect, shelfOf(await documentsIn(join(CASES, `definitions-${dialect}`)))] as const))
    : [],
);

async function documentsIn(folder: string): Promise<KubeObject[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.yaml')).sort();
  return (await Promise.all(names.map((name) => documentsOf(join(folder, name))))).flat();
}
async function documentsOf(path: string): Promise<KubeObject[]> {
  const { documents, errors } = parseDocuments(await readFile(path, 'utf8'), path);
  assert.deepEqual(errors, [], path);
  return documents.flatMap(({ value }) => (isRecord(value) ? [value as unknown as KubeObject] : []));
}
function shelfOf(objects: readonly KubeObject[]): Shelf {
  return new Map(objects.map((object) => [`${object.kind}/${object.metadata.name ?? ''}`, object]));
}

interface DefinitionSpec {
  readonly schematic?: { readonly cue?: { readonly template?: string } };
  readonly status?: { readonly healthPolicy?: string; readonly customStatus?: string };
}
function specOf(shelf: Shelf | undefined, kind: string, type: string): DefinitionSpec {
  const object = shelf?.get(`${kind}/${type}`);
  assert.ok(object !== undefined, `no ${kind} ${type}`);
  return object['spec'] as DefinitionSpec;
}
const templateOf = (shelf: Shelf | undefined, kind: string, type: string): string => specOf(shelf, kind, type).schematic?.cue?.template ?? '';

/** What every template sees; the 1.1 line knows only some of it. */
const CONTEXT: CueObject = {
  name: 'web',
  appName: 'shop',
  namespace: 'prod',
  appRevision: 'shop-v1',
  appRevisionNum: 1,
  revision: 'web-v1',
  cluster: 'local',
  replicaKey: '',
  workflowName: 'shop',
  publishVersion: '',
  appLabels: {},
  appAnnotations: {},
  clusterVersion: { major: '1', minor: 36, gitVersion: 'v1.36.0', platform: 'linux/amd64' },
  components: [{ name: 'web', type: 'webservice' }],
};

const failed = (result: { readonly errors: readonly CueError[] }): boolean => result.errors.length > 0;
/** The part of a rendering that is compared: the objects, or only that there are none. What was wrong may be worded otherwise. */
const essence = (result: CueComponentResult): unknown => (failed(result) ? 'refused' : { output: result.output, outputs: result.outputs });

/** JSON inside of a string as JSON: the order of its fields is not ours, and differs between versions of CUE. */
function opened(value: unknown): unknown {
  if (typeof value === 'string' && value.startsWith('{')) return JSON.parse(value);
  if (Array.isArray(value)) return value.map(opened);
  return isRecord(value) ? Object.fromEntries(Object.entries(value).map(([name, each]) => [name, opened(each)])) : value;
}

/** Both renderings, with what each said. */
async function both(make: (shelf: Shelf | undefined) => CueComponentRequest, dialect: Dialect): Promise<readonly [CueComponentResult, CueComponentResult]> {
  return Promise.all([cue.renderComponent(make(theirs.get(dialect))), cue.renderComponent(make(ours.get(dialect)))]);
}
function same(expected: CueComponentResult, actual: CueComponentResult, subject: string): string[] {
  if (equal(opened(essence(expected)), opened(essence(actual)))) return [];
  return [`${subject}\n  KubeVela's: ${said(expected)}\n  ours:       ${said(actual)}`];
}
const said = (result: CueComponentResult): string => JSON.stringify(failed(result) ? result.errors : essence(result));
const assertNone = (differences: readonly string[]): void => assert.equal(differences.join('\n'), '');

/** One component with a definition's template, and the traits on it. */
function componentRequest(dialect: Dialect, shelf: Shelf | undefined, type: string, parameter: CueJson): CueComponentRequest {
  return { dialect, component: { name: 'web', type, template: templateOf(shelf, 'ComponentDefinition', type) }, parameter, context: CONTEXT, traits: [] };
}
function traitRequest(dialect: Dialect, shelf: Shelf | undefined, type: string, parameter: CueJson, on: CueObject): CueComponentRequest {
  const traits = [{ type, template: templateOf(shelf, 'TraitDefinition', type), parameter, context: { componentType: 'raw' } }];
  return { dialect, component: { name: 'web', type: 'raw', template: '' }, parameter: null, context: CONTEXT, traits, output: on };
}

for (const dialect of DIALECTS) {
  for (const [type, table] of Object.entries(COMPONENTS[dialect])) {
    test(`${dialect}: ${type} renders what KubeVela's does, for ${table.length} sets of properties`, { skip }, async () => {
      const differences = await Promise.all(
        table.map(async (properties) => {
          const [expected, actual] = await both((shelf) => componentRequest(dialect, shelf, type, properties), dialect);
          return same(expected, actual, JSON.stringify(properties));
        }),
      );
      assertNone(differences.flat());
    });
  }
  for (const type of new Set(TRAITS[dialect].map((each) => each.type))) {
    const table = TRAITS[dialect].filter((each) => each.type === type);
    test(`${dialect}: trait ${type} does what KubeVela's does, for ${table.length} sets of properties`, { skip }, async () => {
      const differences = await Promise.all(
        table.map(async ({ properties, on }) => {
          const [expected, actual] = await both((shelf) => traitRequest(dialect, shelf, type, properties, on), dialect);
          return same(expected, actual, JSON.stringify(properties));
        }),
      );
      assertNone(differences.flat());
    });
  }
}

test("1.1: policy env-binding renders what KubeVela's does", { skip }, async () => {
  const differences = await Promise.all(
    ENV_BINDINGS.map(async (parameter) => {
      const render = (shelf: Shelf | undefined): Promise<CueComponentResult> =>
        cue.renderObject({ dialect: '1.1', template: templateOf(shelf, 'PolicyDefinition', 'env-binding'), parameter, context: CONTEXT });
      return same(await render(theirs.get('1.1')), await render(ours.get('1.1')), JSON.stringify(parameter));
    }),
  );
  assertNone(differences.flat());
});

for (const dialect of DIALECTS) {
  test(`${dialect}: health and message are KubeVela's for ${STATUSES[dialect].length} live objects`, { skip }, async () => {
    const differences = await Promise.all(
      STATUSES[dialect].map(async ({ type, properties, live }) => {
        const tell = async (shelf: Shelf | undefined): Promise<unknown> => {
          const kind = shelf?.has(`ComponentDefinition/${type}`) === true ? 'ComponentDefinition' : 'TraitDefinition';
          const { status = {}, schematic } = specOf(shelf, kind, type);
          const result = await cue.evaluateStatus({
            dialect,
            ...(schematic?.cue?.template === undefined ? {} : { template: schematic.cue.template }),
            parameter: properties,
            context: { ...CONTEXT, ...live },
            ...status,
          });
          return { healthy: result.healthy, message: result.message, ...(dialect === '1.1' ? { refused: failed(result) } : {}) };
        };
        const [expected, actual] = await Promise.all([tell(theirs.get(dialect)), tell(ours.get(dialect))]);
        return equal(expected, actual)
          ? []
          : [`${type} ${JSON.stringify(live)}\n  KubeVela's: ${JSON.stringify(expected)}\n  ours:       ${JSON.stringify(actual)}`];
      }),
    );
    assertNone(differences.flat());
  });

  test(`${dialect}: steps make KubeVela's calls, for ${STEPS[dialect].length} sets of properties`, { skip }, async () => {
    const differences = await Promise.all(
      STEPS[dialect].map(async ({ type, properties, answers = {} }) => {
        const walk = (shelf: Shelf | undefined): Promise<unknown> => callsOf(dialect, templateOf(shelf, 'WorkflowStepDefinition', type), properties, answers);
        const [expected, actual] = await Promise.all([walk(theirs.get(dialect)), walk(ours.get(dialect))]);
        return equal(expected, actual)
          ? []
          : [`${type} ${JSON.stringify(properties)}\n  KubeVela's: ${JSON.stringify(expected)}\n  ours:       ${JSON.stringify(actual)}`];
      }),
    );
    assertNone(differences.flat());
  });
}

/** The calls of a step until it ends, or until one of them gives no answer to go on with. */
async function callsOf(dialect: Dialect, template: string, parameter: CueJson, answers: Readonly<Record<string, CueObject>>): Promise<unknown> {
  const results: Record<string, CueObject> = {};
  const calls: Pick<CueStepCall, 'provider' | 'do' | 'params'>[] = [];
  for (let round = 0; round < 20; round += 1) {
    const { next, done, errors } = await cue.evaluateStep({
      dialect,
      template,
      parameter,
      context: { ...CONTEXT, name: 'shop', stepName: 'the-step', stepSessionID: 'abc', spanID: 's' },
      results,
    });
    if (next === undefined) return { calls, done, refused: errors.length > 0 };
    const { provider, do: action, params, missing } = next;
    calls.push({ provider, do: action, params });
    if (missing.length > 0) return { calls, missing: true };
    results[next.path] = answers[`${provider}/${action}`] ?? {};
  }
  return { calls, endless: true };
}

interface ComponentSpec {
  readonly name: string;
  readonly type: string;
  readonly properties?: CueObject;
  readonly traits?: readonly { readonly type: string; readonly properties?: CueObject }[];
}

for (const dialect of DIALECTS) {
  test(`${dialect}: the recorded applications render to the same objects`, { skip }, async (t) => {
    const folder = join(CASES, `kubevela-${dialect}`);
    const names = (await readdir(folder)).sort();
    const differences: string[] = [];
    let compared = 0;
    for (const name of names) {
      const documents = await documentsOf(join(folder, name, 'input.yaml'));
      const own = shelfOf(documents.filter(({ kind }) => kind.endsWith('Definition')));
      for (const application of documents.filter(({ kind }) => kind === 'Application')) {
        const components = (application['spec'] as { readonly components?: readonly ComponentSpec[] }).components ?? [];
        const known = components.filter((component) => isKnown(dialect, own, component));
        compared += known.length;
        for (const component of known) {
          const [expected, actual] = await both((shelf) => recordedRequest(dialect, new Map([...(shelf ?? []), ...own]), application, component), dialect);
          differences.push(...same(expected, actual, `${name}: ${component.name}`));
        }
      }
    }
    t.diagnostic(`${compared} components of ${names.length} cases were compared`);
    assert.ok(compared > 0);
    assertNone(differences);
  });
}

/** Every type has a CUE template here, in the case or in the pack, and something of it is from the pack. */
function isKnown(dialect: Dialect, own: Shelf, component: ComponentSpec): boolean {
  const keys = [`ComponentDefinition/${component.type}`, ...(component.traits ?? []).map((trait) => `TraitDefinition/${trait.type}`)];
  const all = new Map([...(ours.get(dialect) ?? []), ...own]);
  return keys.every((key) => (all.get(key)?.['spec'] as DefinitionSpec | undefined)?.schematic?.cue !== undefined) && keys.some((key) => !own.has(key));
}

function recordedRequest(dialect: Dialect, shelf: Shelf, application: KubeObject, component: ComponentSpec): CueComponentRequest {
  const context = { ...CONTEXT, name: component.name, appName: application.metadata.name ?? '', namespace: application.metadata.namespace ?? 'default' };
  const traits = (component.traits ?? []).map((trait) => ({
    type: trait.type,
    template: templateOf(shelf, 'TraitDefinition', trait.type),
    parameter: trait.properties ?? null,
    context: { componentType: component.type },
  }));
  return {
    dialect,
    component: { name: component.name, type: component.type, template: templateOf(shelf, 'ComponentDefinition', component.type) },
    parameter: component.properties ?? null,
    context,
    traits,
  };
}

test("where KubeVela's definitions make what no cluster takes, ours make what was meant", { skip }, async () => {
  const render = async (type: string, properties: CueJson): Promise<CueComponentResult> =>
    (await both((shelf) => traitRequest('1.10', shelf, type, properties, DEPLOYMENT), '1.10'))[1];
  const host = await render('storage', { hostPath: [{ name: 'h', mountPath: '/h', path: '/var' }] });
  assert.deepEqual(podOf(host)['volumes'], [
    { name: 'old', emptyDir: {} },
    { name: 'hostpath-h', hostPath: { path: '/var', type: 'Directory' } },
  ]);
  const block = await render('storage', { pvc: [{ name: 'a', mountPath: '/dev/a', volumeMode: 'Block' }] });
  const [first] = podOf(block)['containers'] as readonly CueObject[];
  assert.deepEqual([first?.['volumeDevices'], first?.['volumeMounts']], [[{ name: 'pvc-a', devicePath: '/dev/a' }], [{ name: 'old', mountPath: '/old' }]]);
  const selected = await render('storage', { pvc: [{ name: 'a', mountPath: '/a', selector: { matchLabels: { a: 'b' } } }] });
  assert.deepEqual(at(selected.outputs[0]?.object, 'spec')['selector'], { matchLabels: { a: 'b' } });
  const probes = await render('startup-probe', { probes: [{ containerName: 'side', tcpSocket: { port: 1 } }] });
  assert.equal(probes.errors.length, 0);
  const secure = await render('securitycontext', {});
  assert.equal(secure.errors.length, 0);
  const two = await render('resource', { cpu: '1', memory: '1Gi' });
  assert.equal(two.errors.length, 0);
});

function at(object: CueObject | null | undefined, name: string): CueObject {
  const value = object?.[name];
  assert.ok(isRecord(value), `no ${name}`);
  return value;
}
function podOf(result: CueComponentResult): CueObject {
  assert.deepEqual(result.errors, []);
  return at(at(at(result.output, 'spec'), 'template'), 'spec');
}
