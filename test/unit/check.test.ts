/** `lateen check`, from the command line: what it says of a folder. */
import assert from 'node:assert/strict';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { cli } from '../../daemon/cli.ts';
import { runDaemon } from '../rig/daemon.ts';
import { temporaryDirectory } from '../rig/git.ts';

const SAMPLE = join(import.meta.dirname, '..', '..', 'sample-repo');
const CLUSTER = 'clusters/test.yaml';

interface Checked {
  readonly code: number;
  readonly out: string;
}

/** Checks a copy of the sample repository in which one text of one file is another. */
async function check(path: string, from: string, to: string): Promise<Checked> {
  await using directory = await temporaryDirectory();
  await cp(SAMPLE, directory.path, { recursive: true });
  const text = await readFile(join(directory.path, path), 'utf8');
  assert.ok(text.includes(from), `${path} has ${from}`);
  await writeFile(join(directory.path, path), text.replace(from, to));
  let out = '';
  const code = await cli(
    ['check', directory.path],
    {
      out: (part) => {
        out += part;
      },
      signal: new AbortController().signal,
    },
    '0',
  );
  return { code, out };
}

test('check finds nothing in the sample repository', async () => {
  const said = await check('lateen.yaml', 'drift: correct', 'drift: correct');
  assert.deepEqual([said.code, /^Nothing wrong in \d+ documents, 5 of them applications\.\n$/.test(said.out)], [0, true], said.out);
});

test('check says so where there is nothing that it could read, and for machines it is an empty list', async () => {
  await using directory = await temporaryDirectory();
  const said = async (...args: readonly string[]): Promise<string> => {
    let out = '';
    assert.equal(
      await cli(
        ['check', directory.path, ...args],
        {
          out: (part) => {
            out += part;
          },
          signal: new AbortController().signal,
        },
        '0',
      ),
      0,
    );
    return out;
  };
  assert.equal(await said(), `${directory.path} has no documents for Lateen.\n`);
  assert.deepEqual(JSON.parse(await said('-o', 'json')), []);
});

test('check tells of a path in lateen.yaml with nothing below it', async () => {
  const { code, out } = await check('lateen.yaml', '# paths: [apps, definitions, namespaces.yaml]', 'paths: [ap, definitions, namespaces.yaml, ./clusters/]');
  assert.deepEqual(
    [code, out.split('\n')[0]],
    [0, 'lateen.yaml:8:9: warning: load/reference: paths: there is no file or folder "ap", so nothing is read there'],
  );
  assert.match(out, /Did you mean "apps"\?|from the root of the repository/);
});

test('render of an application that is not there says which are', async () => {
  for (const [name, words] of [
    ['helo', /there is no application "helo" in .*; Did you mean "hello"\?/],
    ['nothing-like-it', /; it has .*\bhello\b.*\bshop\b/],
  ] as const) {
    const { code, stderr } = await runDaemon(['render', SAMPLE, '--application', name]);
    assert.equal(code, 2);
    assert.match(stderr, words);
  }
});

test('check tells of a cloud cluster that will be refused, once, at the property', async () => {
  const CASES: readonly (readonly [to: string, finding: RegExp])[] = [
    [
      'k8s_worker_numbr: 2',
      /^clusters\/test\.yaml:16:13: provision\/refused: the variable "k8s_worker_numbr" is not known\. Did you mean "k8s_worker_number"\?\n.*\n$/,
    ],
    ['k8s_worker_number: two', /^clusters\/test\.yaml:16:13: provision\/refused: the variable "k8s_worker_number" is not a number\n.*\n$/],
    ['password: Hidden-1', /^clusters\/test\.yaml:16:13: provision\/refused: the variable "password" is refused: .*\n.*\n$/],
    ['node_cidr_mask: 8', /^clusters\/test\.yaml:16:13: provision\/refused: node_cidr_mask is 8: 24 to 28 are allowed\n.*\n$/],
  ];
  for (const [to, finding] of CASES) {
    const { code, out } = await check(CLUSTER, 'k8s_worker_number: 2', to);
    assert.deepEqual([code, finding.test(out)], [1, true], out);
  }
});

test("check tells of an Initializer that depends on nothing, and that a hub's address is left to the hub", async () => {
  const missing = await check(CLUSTER, 'name: terraform-alibaba\n', 'name: terraform-alibabba\n');
  assert.deepEqual(
    [
      missing.code,
      /^clusters\/test\.yaml:\d+:\d+: load\/reference: there is no Initializer "terraform-alibabba" in namespace vela-system\n.*Did you mean "terraform-alibaba"\?/.test(
        missing.out,
      ),
    ],
    [1, true],
    missing.out,
  );
  const left = await check('apps/hello/app.yaml', 'image: nginx:1.29', 'image: nginx:1.29\n        hubAPIServer: {{ the hub }}');
  assert.match(left.out, /^apps\/hello\/app\.yaml:\d+:\d+: warning: load\/reference: the placeholder \{\{ the hub \}\} is filled with the hub's own address$/m);
});
