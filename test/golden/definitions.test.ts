/**
 * KubeVela's own definitions on our CUE: each template is checked by itself, and the components of the recorded cases are
 * rendered and compared with what KubeVela made of them (labels, annotations, names and namespaces are others' work).
 */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { equal } from '../../daemon/lib/json.ts';
import { systemClock } from '../../daemon/lib/retry.ts';
import { parseDocuments } from '../../daemon/lib/yaml.ts';
import type { CueDialect, CueJson, CueObject } from '../../daemon/model/cue.ts';
import { openCue } from '../../daemon/render/cue/cue.ts';

const CASES = join(import.meta.dirname, '../../../shared/cases');
const DIALECTS = ['1.1', '1.10'] as const;
/** Objects of the recorded cases that came out equal when this was last raised. The rest is not rendering's: rollouts, step inputs, secrets from the cluster. */
const EQUAL_AT_LEAST = { '1.1': 20, '1.10': 77 } as const;

type Any = { readonly [field: string]: Any } & readonly Any[] & string;

const names = await readdir(CASES).catch(() => null);
const skip = names === null ? 'the recorded cases are not here' : false;
const cue = openCue({
  clock: systemClock(),
  override: process.env['LATEEN_CUE_WASM'],
  cacheDirectory: process.env['XDG_CACHE_HOME'],
  limits: { timeoutMs: 60_000 },
});
after(() => cue[Symbol.asyncDispose]());

async function documents(path: string): Promise<readonly Any[]> {
  const text = await readFile(path, 'utf8');
  return parseDocuments(text, path)
    .documents.map((document) => document.value as Any)
    .filter((value) => value !== null);
}

async function definitions(dialect: CueDialect): Promise<Map<string, Any>> {
  const folder = join(CASES, `definitions-${dialect}`);
  const all = await Promise.all((await readdir(folder)).sort().map((file) => documents(join(folder, file))));
  return new Map(all.flat().map((document) => [`${document['kind']}/${document['metadata']?.['name']}`, document]));
}

function templateOf(definition: Any | undefined): string | undefined {
  return definition?.['spec']?.['schematic']?.['cue']?.['template'];
}

describe("KubeVela's shipped definitions", { skip }, () => {
  for (const dialect of DIALECTS) {
    it(`of ${dialect} compile, every one`, async (t) => {
      const bad: string[] = [];
      let count = 0;
      for (const [name, definition] of await definitions(dialect)) {
        const status = definition['spec']?.['status'];
        for (const template of [templateOf(definition), status?.['healthPolicy'], status?.['customStatus'], status?.['details']]) {
          if (template === undefined) continue;
          count += 1;
          const { errors } = await cue.vet({ template, kind: 'component', dialect });
          if (errors.length > 0) bad.push(`${name}: ${errors[0]?.message}`);
        }
      }
      t.diagnostic(`${count - bad.length} of ${count} templates of ${dialect} compile`);
      assert.deepEqual(bad, []);
      assert.ok(count > 0);
    });
  }
});

describe('components of the recorded cases', { skip }, () => {
  for (const dialect of DIALECTS) {
    it(`of ${dialect} render as KubeVela rendered them`, async (t) => {
      const shipped = await definitions(dialect);
      const different: string[] = [];
      let count = 0;
      for (const name of (await readdir(join(CASES, `kubevela-${dialect}`))).sort()) {
        const { rendered, unlike } = await compareCase(dialect, name, shipped);
        count += rendered;
        different.push(...unlike);
      }
      t.diagnostic(`${count - different.length} of ${count} objects of ${dialect} are equal; different: ${different.join(', ')}`);
      assert.ok(count - different.length >= EQUAL_AT_LEAST[dialect], `only ${count - different.length} of ${count} are equal`);
    });
  }
});

async function compareCase(dialect: CueDialect, name: string, shipped: ReadonlyMap<string, Any>): Promise<{ rendered: number; unlike: string[] }> {
  const folder = join(CASES, `kubevela-${dialect}`, name);
  const input = await documents(join(folder, 'input.yaml'));
  const [recorded] = await documents(join(folder, 'expected.yaml'));
  const expected = (Array.isArray(recorded) ? recorded.flatMap((each: Any) => each['objects'] ?? []) : (recorded?.['objects'] ?? [])) as Any[];
  const known = new Map([...shipped, ...input.map((document): [string, Any] => [`${document['kind']}/${document['metadata']?.['name']}`, document])]);
  const unlike: string[] = [];
  let rendered = 0;
  for (const app of input.filter((document) => document['kind'] === 'Application')) {
    for (const component of app['spec']?.['components'] ?? []) {
      const objects = await renderCase(dialect, app, component, known);
      for (const object of objects) {
        rendered += 1;
        const same = expected.some(
          (each) => each['metadata']?.['labels']?.['app.oam.dev/component'] === component['name'] && equal(bare(each), bare(object as unknown as Any)),
        );
        if (!same) unlike.push(`${name}/${component['name']}/${String(object['kind'])}`);
      }
    }
  }
  return { rendered, unlike };
}

async function renderCase(dialect: CueDialect, app: Any, component: Any, known: ReadonlyMap<string, Any>): Promise<readonly CueObject[]> {
  const template = templateOf(known.get(`ComponentDefinition/${component['type']}`));
  if (template === undefined) return [];
  const appName = String(app['metadata']?.['name']);
  const traits = (component['traits'] ?? ([] as unknown as readonly Any[])).map((trait: Any) => ({
    type: String(trait['type']),
    template: templateOf(known.get(`TraitDefinition/${trait['type']}`)) ?? '',
    parameter: (trait['properties'] ?? null) as CueJson,
  }));
  const { output, outputs, errors } = await cue.renderComponent({
    dialect,
    component: { name: String(component['name']), type: String(component['type']), template },
    parameter: component['properties'] ?? null,
    traits,
    context: {
      name: String(component['name']),
      namespace: String(app['metadata']?.['namespace']),
      appName,
      appRevision: `${appName}-v1`,
      appRevisionNum: 1,
      revision: '',
      cluster: 'local',
      workflowName: '',
      publishVersion: '',
      replicaKey: '',
      appLabels: {},
      appAnnotations: {},
      clusterVersion: { major: '1', gitVersion: 'v1.36.0', platform: 'linux/amd64', minor: 36 },
    },
  });
  if (errors.length > 0) return [{ kind: `failed: ${errors[0]?.message}` }];
  return [...(output === null ? [] : [output]), ...outputs.map((auxiliary) => auxiliary.object)];
}

/** An object without what others than the templates put on it. */
function bare(object: Any): unknown {
  const { metadata, status: _status, ...rest } = object as unknown as Record<string, unknown>;
  const {
    labels: _labels,
    annotations: _annotations,
    namespace: _namespace,
    name: _name,
    creationTimestamp: _created,
    ...others
  } = (metadata ?? {}) as Record<string, unknown>;
  return { ...rest, ...(Object.keys(others).length === 0 ? {} : { metadata: others }) };
}
