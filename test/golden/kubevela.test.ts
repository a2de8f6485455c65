/**
 * The recorded cases through the real path: pushed to a repository, rendered and applied by the daemon on a real API
 * server, and read back from there. Prints `N of M` per set. A case on the committed list that fails, fails the test.
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
import { compare, type Fields, type Found } from './compare.ts';
import { CASES, daemon, documents, notServedYet, push, record } from './ground.ts';

const LIST = join(import.meta.dirname, 'passing.txt');

const SETS = [
  { name: 'kubevela-1.10', dialect: '1.10', definitions: 'definitions-1.10' },
  { name: 'kubevela-1.1', dialect: '1.1', definitions: 'definitions-1.1' },
] as const;

/** What was recorded, per application: the two sets have different shapes. */
function recorded(path: string, namespace: string): Map<string, Found> {
  const [content] = parseDocuments(readFileSync(path, 'utf8'), path).documents.map((document) => document.value);
  const apps = Array.isArray(content) ? (content as Fields[]) : (record(content)['applications'] as Fields[]);
  const shared = Array.isArray(content) ? null : ((record(content)['objects'] ?? []) as Fields[]);
  return new Map(
    apps.map((app) => {
      const name = String(app['application'] ?? app['name']);
      const own = (shared ?? (app['objects'] as Fields[] | undefined) ?? []).filter(
        (object) => shared === null || apps.length === 1 || record(record(object['metadata'])['labels'])['app.oam.dev/name'] === name,
      );
      return [`${namespace}/${name}`, { phase: String(app['phase'] ?? ''), steps: (app['steps'] ?? []) as Fields[], objects: own }];
    }),
  );
}

/** What Lateen made of an application: its status, and each object that it owns as it was last applied. */
async function made(hub: LabClient, place: string): Promise<Found> {
  const [namespace = '', name = ''] = place.split('/');
  const application = (await hub.find(`applications.core.oam.dev/${namespace}/${name}`)) as Fields | undefined;
  const status = record(application?.['status']);
  const trackers = (await hub.list('resourcetrackers.core.oam.dev', `app.oam.dev/name=${name},app.oam.dev/namespace=${namespace}`)) as unknown as Fields[];
  const objects: Fields[] = [];
  for (const tracker of trackers) {
    for (const entry of (record(tracker['spec'])['managedResources'] ?? []) as Fields[]) {
      const live = (await hub.find({
        apiVersion: entry['apiVersion'],
        kind: entry['kind'],
        metadata: { name: entry['name'], ...(entry['namespace'] === undefined ? {} : { namespace: entry['namespace'] }) },
      } as never)) as Fields | undefined;
      if (live === undefined) continue;
      const applied = record(record(live['metadata'])['annotations'])['app.oam.dev/last-applied-configuration'];
      objects.push(typeof applied === 'string' && applied.startsWith('{') ? (JSON.parse(applied) as Fields) : live);
    }
  }
  return { phase: String(status['status'] ?? ''), steps: (record(status['workflow'])['steps'] ?? []) as Fields[], objects };
}

function passing(): ReadonlySet<string> {
  return new Set(
    existsSync(LIST)
      ? readFileSync(LIST, 'utf8')
          .split('\n')
          .filter((line) => line !== '' && !line.startsWith('#'))
      : [],
  );
}

interface Case {
  readonly id: string;
  readonly expected: ReadonlyMap<string, Found>;
}

function readCase(set: (typeof SETS)[number], name: string): Case {
  const input = documents(join(CASES, set.name, name, 'input.yaml'));
  const namespace = String(record(input.find((document) => document['kind'] === 'Namespace')?.['metadata'])['name']);
  return { id: `${set.name}/${name}`, expected: recorded(join(CASES, set.name, name, 'expected.yaml'), namespace) };
}

async function problemsOf(item: Case, hub: LabClient): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const [place, expected] of item.expected) problems.push(...compare(expected, await made(hub, place)).map((line) => `${place}: ${line}`));
  return problems;
}

for (const set of SETS) {
  test(
    `the recorded cases of ${set.name} come out as KubeVela made them`,
    { skip: existsSync(join(CASES, set.name)) ? false : `${set.name}: the folder of recorded cases is absent, skipped` },
    async () => {
      const directory = mkdtempSync(join(tmpdir(), 'lateen-golden-'));
      await using lab = await useLab(['hub']);
      const hub = lab.planes['hub'];
      assert.ok(hub);
      try {
        const repo = await push(set, directory);
        await using _daemon = daemon(['run', '--repo', repo, '--kubeconfig', hub.kubeconfig, '--work-dir', join(directory, 'state')], directory);
        const known = passing();
        const cases = readdirSync(join(CASES, set.name))
          .sort()
          .map((name) => readCase(set, name));
        const listed = cases.filter((item) => known.has(item.id)).length;
        const problems = new Map<string, readonly string[]>();
        // What waits in KubeVela waits here as well, so the end is when the listed ones are there, or when time is up.
        for (const endMs = Date.now() + 180_000; Date.now() < endMs; await sleep(3000)) {
          for (const item of cases) if (problems.get(item.id)?.length !== 0) problems.set(item.id, await problemsOf(item, hub.client).catch(notServedYet));
          if (cases.filter((item) => known.has(item.id) && problems.get(item.id)?.length === 0).length === listed) break;
        }
        const count = cases.length;
        const passed = cases.filter((item) => problems.get(item.id)?.length === 0).map((item) => item.id);
        const broken = cases.filter((item) => known.has(item.id) && problems.get(item.id)?.length !== 0).map((item) => item.id);
        for (const [id, lines] of problems)
          if (lines.length > 0)
            console.log(
              `differs: ${id}\n${lines
                .slice(0, 12)
                .map((line) => `    ${line}`)
                .join('\n')}`,
            );
        console.log(`${set.name}: ${passed.length} of ${count}`);
        const fresh = passed.filter((id) => !known.has(id));
        if (fresh.length > 0) console.log(`not on the list yet (test/golden/passing.txt):\n${fresh.join('\n')}`);
        assert.deepEqual(broken, [], 'cases on the list of the passing ones differ now');
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    },
  );
}
