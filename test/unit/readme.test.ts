/** What the documents say of the code is held against the code. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { cli } from '../../daemon/cli.ts';
import { SETTINGS } from '../../daemon/config.ts';
import { CODES } from '../../daemon/model/fault.ts';
import { VARIABLES } from '../../daemon/provision/variables.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const README = read('README.md');
const DEPLOY = read('deploy/README.md');
const DOCUMENTS = [
  'README.md',
  'CONTRIBUTING.md',
  'daemon/README.md',
  'daemon/provision/README.md',
  'deploy/README.md',
  'sample-repo/README.md',
  'test/README.md',
];

/** The part of a document below a heading, up to the next. */
function section(title: string, document = README): string {
  const [, text = ''] = document.split(`\n## ${title}\n`);
  return text.split('\n## ')[0] ?? '';
}

test('deploy/README.md has a row for every setting, and none besides', () => {
  const rows = section('Settings', DEPLOY)
    .split('\n')
    .filter((line) => line.startsWith('| `--'));
  assert.deepEqual(
    rows,
    SETTINGS.map(({ flag, fallback, help }) => `| \`--${flag}\` | ${fallback === '' ? '' : `\`${fallback}\``} | ${help} |`),
  );
});

test('deploy/README.md names every code, by folder', () => {
  const rows = section('Codes', DEPLOY)
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  const folders = Object.groupBy(Object.keys(CODES), (code) => code.slice(0, code.indexOf('/') + 1));
  assert.deepEqual(
    rows,
    Object.entries(folders).map(([folder, codes = []]) => `| \`${folder}\` | ${codes.map((code) => `\`${code.slice(folder.length)}\``).join(' ')} |`),
  );
});

test('the README names every verb of the command line', async () => {
  let help = '';
  await cli(
    ['--help'],
    {
      out: (text) => {
        help += text;
      },
      signal: new AbortController().signal,
    },
    '0',
  );
  const verbs = [...(help.split('Commands:')[1] ?? '').matchAll(/^ {2}([a-z]+)/gm)].map(([, verb = '']) => verb).filter((verb) => verb !== 'help');
  assert.ok(verbs.length > 5, help);
  const rows = [...section('Verbs').matchAll(/^\| `([a-z]+)/gm)].map(([, verb = '']) => verb);
  assert.deepEqual(rows.toSorted(), verbs.toSorted());
});

test('the README names every field of lateen.yaml', () => {
  const { properties } = JSON.parse(read('schemas/config.schema.json')) as { readonly properties: Readonly<Record<string, unknown>> };
  const rows = [...section('What may stand in a repository').matchAll(/^\| (`[^|]*)\|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([a-zA-Z]+)`/g)].map(([, name = '']) => name),
  );
  assert.deepEqual(rows.toSorted(), Object.keys(properties).toSorted());
});

test('the map has every file and folder of daemon/, and none besides', () => {
  const [, tree = ''] = read('daemon/README.md').split('## The tree\n\n```\n');
  const named = [...(tree.split('\n```')[0] ?? '').matchAll(/^([\w./-]+) /gm)].map(([, name = '']) => name);
  const there = readdirSync(join(ROOT, 'daemon'), { withFileTypes: true })
    .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
    .filter((name) => name !== 'README.md');
  assert.deepEqual(named.filter((name) => !/\/./.test(name)).toSorted(), [...new Set([...there, 'provision/'])].toSorted());
  assert.deepEqual(
    named.filter((name) => name !== 'provision/' && !existsSync(join(ROOT, 'daemon', name))),
    [],
  );
});

test('every path that the documents name is there', () => {
  const missing: string[] = [];
  for (const document of DOCUMENTS) {
    const folder = document.startsWith('daemon/') ? ['', 'daemon'] : document.startsWith('test/') ? ['', 'test'] : [''];
    for (const [, path = ''] of read(document).matchAll(
      /`((?:daemon|test|schemas|tools|sample-repo|source|load|render|plan|workflow|transport|status|lib|model)\/[\w./-]*[\w/])`/g,
    )) {
      const isCode = Object.keys(CODES).some((code) => code === path || code.startsWith(path));
      if (!isCode && !folder.some((base) => existsSync(join(ROOT, base, path)) || existsSync(join(ROOT, 'daemon', path)))) missing.push(`${document}: ${path}`);
    }
  }
  assert.deepEqual(missing, []);
});

test('every script that the documents name is in package.json', () => {
  const { scripts } = JSON.parse(read('package.json')) as { readonly scripts: Readonly<Record<string, string>> };
  const missing = DOCUMENTS.flatMap((document) =>
    [...read(document).matchAll(/npm run (?:-s )?([a-z][a-z:0-9]*)/g)]
      .map(([, name = '']) => name)
      .filter((name) => scripts[name] === undefined)
      .map((name) => `${document}: ${name}`),
  );
  assert.deepEqual(missing, []);
});

test('what becomes of every variable of a cloud cluster is told, and of none besides', () => {
  const rows = section('Variables', read('daemon/provision/README.md'))
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.replace(/^\| `(\w+)` \|.*\| (.*) \|$/, '$1: $2'));
  const becomes = (variable: { readonly goesTo?: string; readonly inert?: string; readonly refused?: string }): string =>
    variable.goesTo ?? (variable.inert === undefined ? `refused: ${variable.refused ?? ''}` : `no effect: ${variable.inert}`);
  assert.deepEqual(
    rows,
    Object.entries(VARIABLES).map(([name, variable]) => `${name}: ${becomes(variable)}`),
  );
});

test('the README can be read in one go', () => {
  assert.ok(README.split('\n').length <= 380);
});
