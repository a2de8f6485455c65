/** What a newcomer runs first, as a newcomer runs it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../rig/git.ts';

const ROOT = join(import.meta.dirname, '..', '..');

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly errors: string;
}

/** Runs `npm run demo -- ARGS` with a directory of its own for what it leaves behind. */
const demo = (directory: string, args: readonly string[]): Promise<Ended> => run(directory, 'npm', ['run', '-s', 'demo', '--', ...args], () => {});

/** Runs a command to its end; `onOut` sees all that was printed so far, and may interrupt. */
async function run(directory: string, command: string, args: readonly string[], onOut: (out: string, interrupt: () => void) => void): Promise<Ended> {
  const child = spawn(command, [...args], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, TMPDIR: directory, NO_COLOR: '1' } });
  let out = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
    onOut(out, () => { child.kill('SIGINT'); });
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => { errors += text; });
  const { promise, resolve } = Promise.withResolvers<Ended>();
  child.once('close', (code) => { resolve({ code, out, errors }); });
  return promise;
}

/** What the demo left in its directory; npm and Node keep their own things there. */
const leftIn = async (directory: string): Promise<readonly string[]> => (await readdir(directory)).filter((name) => name.startsWith('lateen-'));

/** Titles of the sections that were printed, each with its text. */
function sections(out: string): ReadonlyMap<string, string> {
  return new Map(out.split(/\n\n(?=kubectl get |git log |git show )/).slice(1).map((part) => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n') + 1)]));
}

test('the demo delivers the sample repository, shows what came of it, ends with 0 and leaves nothing behind', async () => {
  await using directory = await temporaryDirectory();
  const { code, out, errors } = await demo(directory.path, ['--exit']);
  assert.equal(code, 0, `${out}\n${errors}`);
  for (const word of ['pushed', 'rendered', 'applied', 'waiting', 'running', 'status commit', 'done']) assert.match(out, new RegExp(`^ *\\d+\\.\\d s  ${word} `, 'm'), word);
  const shown = sections(out);
  assert.match(shown.get('kubectl get applications -A') ?? '', /^NAMESPACE +NAME +COMPONENT +TYPE +PHASE +HEALTHY +STATUS +AGE\nhello +hello +hello +webservice +running +true .*\nshop +shop +catalog +webservice +running +true /);
  assert.match(shown.get('kubectl get deployments -l app.oam.dev/name -A') ?? '', /^shop +frontend +2\/2 +2 +2 /m);
  assert.match(shown.get('kubectl get services -l app.oam.dev/name -A') ?? '', /^shop +frontend +LoadBalancer +\S+ +203\.0\.113\.\d+ /m);
  assert.match(shown.get('kubectl get resourcetrackers') ?? '', /^shop-v1-shop +versioned +shop +shop +1$/m);
  assert.match(shown.get('git log --stat lateen-status') ?? '', /^ {4}Source-Commit: [0-9a-f]{40}$[^]*^ applications\/shop\/shop\.yaml /m);
  assert.match(shown.get('git show lateen-status:applications/shop/shop.yaml') ?? '', /^phase: running$/m);
  assert.deepEqual(await leftIn(directory.path), []);
});

test('a mistake in the documents is shown with its line, the rest is delivered, and the demo ends with 1', async () => {
  await using directory = await temporaryDirectory();
  const documents = join(directory.path, 'documents');
  await mkdir(documents);
  const app = (name: string, type: string): string => `apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata:\n  name: ${name}\nspec:\n  components:\n    - name: ${name}\n      type: ${type}\n      properties:\n        image: nginx:1.29\n`;
  await writeFile(join(documents, 'good.yaml'), app('good', 'webservice'));
  await writeFile(join(documents, 'bad.yaml'), app('bad', 'webservise'));
  const { code, out, errors } = await demo(directory.path, ['--exit', '--repo', documents]);
  assert.equal(code, 1, `${out}\n${errors}`);
  assert.match(out, / finding +bad\.yaml:8:\d+: render\/unknown-type: .*webservice/);
  assert.match(sections(out).get('kubectl get applications -A') ?? '', /^default +good +good +webservice +running +true /m);
  assert.deepEqual(await leftIn(directory.path), []);
});

test('without --exit it says what to try next, stays, and Ctrl-C ends everything', async () => {
  await using directory = await temporaryDirectory();
  let isEnding = false;
  // Without npm between: it makes another exit code of an interruption.
  const { code, out, errors } = await run(directory.path, process.execPath, [join(ROOT, 'test', 'demo', 'demo.ts')], (text, interrupt) => {
    if (isEnding || !text.includes('Until Ctrl-C')) return;
    isEnding = true;
    interrupt();
  });
  assert.equal(code, 0, `${out}\n${errors}`);
  assert.match(out, /^ {2}cd \S+\/repository$/m);
  assert.match(out, /^ {2}sed -i 's\/replicas: 2\/replicas: 3\/' apps\/shop\/app\.yaml$/m);
  assert.deepEqual(await leftIn(directory.path), []);
});
