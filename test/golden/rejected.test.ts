/**
 * The Applications that vela-core 1.10 refused or failed, through the real path: pushed to a repository, and what a user
 * reads of them on the hub and on the status branch. Compared: the phase, the cause, the line, and that nothing is left
 * behind. The table may only grow.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseDocuments } from '../../daemon/lib/yaml.ts';
import type { LabClient } from '../lab/client.ts';
import { useLab } from '../lab/lab.ts';
import type { Fields } from './compare.ts';
import { CASES, command, daemon, documents, notServedYet, push, record } from './ground.ts';
import { OTHERS, REJECTED } from './rejected-table.ts';

const SET = { name: 'kubevela-1.10-rejected', dialect: '1.10', definitions: 'definitions-1.10' } as const;

interface Case {
  readonly name: string;
  readonly lines: readonly string[];
  readonly place: string;
  /** As vela-core left it. */
  readonly phase: string;
}

function readCase(name: string): Case {
  const folder = join(CASES, SET.name, name);
  const [recorded] = documents(join(folder, 'expected.yaml'));
  const metadata = record(documents(join(folder, 'input.yaml')).find((document) => document['kind'] === 'Application')?.['metadata']);
  return {
    name,
    lines: readFileSync(join(folder, 'input.yaml'), 'utf8').split('\n'),
    place: `${String(metadata['namespace'])}/${String(metadata['name'])}`,
    phase: String(recorded?.['phase']),
  };
}

const listOf = (value: unknown): readonly Fields[] => (Array.isArray(value) ? value.map(record) : []);

/** Objects of the Application that are on the hub. */
async function left(hub: LabClient, place: string): Promise<readonly string[]> {
  const [namespace = '', name = ''] = place.split('/');
  const trackers = (await hub.list('resourcetrackers.core.oam.dev', `app.oam.dev/name=${name},app.oam.dev/namespace=${namespace}`)) as unknown as Fields[];
  const entries = trackers.flatMap((tracker) => listOf(record(tracker['spec'])['managedResources']));
  const found = await Promise.all(
    entries.map(async ({ apiVersion, kind, name: object, namespace: inside }) => {
      const live = await hub
        .find({ apiVersion, kind, metadata: { name: object, ...(inside === undefined ? {} : { namespace: inside }) } } as never)
        .catch(() => undefined);
      return live === undefined ? [] : [`${String(kind)} ${String(object)}`];
    }),
  );
  return found.flat();
}

/** What is otherwise than the table says, in words. */
async function problemsOf(item: Case, hub: LabClient, repo: string): Promise<readonly string[]> {
  const status = record(((await hub.find(`applications.core.oam.dev/${item.place}`)) as Fields | undefined)?.['status']);
  const other = OTHERS[item.name];
  const phase = other?.phase ?? item.phase;
  const out: string[] = [];
  if (status['status'] !== phase) out.push(`phase ${phase} expected, ${String(status['status'])} found`);
  if (other !== undefined) return other.says.test(JSON.stringify(status)) ? out : [...out, `${String(other.says)} is not said`];
  const expected = REJECTED[item.name];
  if (expected === undefined) return [...out, 'it is not in the table'];
  const ready = listOf(status['conditions']).find((condition) => condition['type'] === 'Ready');
  if (ready?.['status'] !== 'False' || !expected.cause.test(String(ready['message'])))
    out.push(`condition Ready: ${String(expected.cause)} expected, ${JSON.stringify(ready)} found`);
  const { output } = await command('git', ['--git-dir', repo, 'show', `lateen-status:applications/${item.place}.yaml`], repo);
  const [file] = parseDocuments(output, item.place).documents.map((document) => record(document.value));
  const said = listOf(file?.['diagnostics']).find((diagnostic) => diagnostic['severity'] === 'error' && expected.cause.test(String(diagnostic['message'])));
  const at = new RegExp(`^cases/${RegExp.escape(item.name)}\\.yaml:(\\d+):\\d+$`).exec(String(said?.['at']));
  const line = at === null ? 'none' : (item.lines[Number(at[1]) - 1] ?? '').trim();
  if (line !== expected.line) out.push(`line ${expected.line} expected, ${line} found`);
  const objects = await left(hub, item.place);
  if (objects.length > 0) out.push(`${objects.join(', ')} is left behind`);
  return out;
}

test(
  'what KubeVela 1.10 refused is refused, at the same stage and for the same cause',
  { skip: existsSync(join(CASES, SET.name)) ? false : `${SET.name}: the folder of recorded cases is absent, skipped` },
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'lateen-golden-'));
    await using lab = await useLab(['hub']);
    const hub = lab.planes['hub'];
    assert.ok(hub);
    try {
      const repo = await push(SET, directory);
      await using _daemon = daemon(['run', '--repo', repo, '--kubeconfig', hub.kubeconfig, '--work-dir', join(directory, 'state')], directory);
      const cases = readdirSync(join(CASES, SET.name)).sort().map(readCase);
      const problems = new Map<string, readonly string[]>();
      for (const endMs = Date.now() + 180_000; Date.now() < endMs; await sleep(3000)) {
        for (const item of cases)
          if (problems.get(item.name)?.length !== 0) problems.set(item.name, await problemsOf(item, hub.client, repo).catch(notServedYet));
        if (cases.every((item) => problems.get(item.name)?.length === 0)) break;
      }
      const bad = [...problems].filter(([, lines]) => lines.length > 0);
      for (const [name, lines] of bad) console.log(`differs: ${name}\n${lines.map((line) => `    ${line}`).join('\n')}`);
      console.log(
        `${SET.name}: ${cases.length - bad.length - Object.keys(OTHERS).length} of ${cases.length}, and ${Object.keys(OTHERS).length} otherwise by intent`,
      );
      const listed = [...Object.keys(REJECTED), ...Object.keys(OTHERS)];
      assert.deepEqual(
        bad.map(([name]) => name).filter((name) => listed.includes(name)),
        [],
        'cases of the table differ now',
      );
      assert.deepEqual(
        listed.filter((name) => !cases.some((item) => item.name === name)),
        [],
        'the table names cases that are not there',
      );
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
);
