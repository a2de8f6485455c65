/**
 * The law of the code, checked: who may import whom, where the world is touched, and which codes there are. The tables
 * here are the law's own; to open a new door is to write it down here, with its reason.
 */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { test } from 'node:test';
import { CODES } from '../daemon/model/fault.ts';

const ROOT = join(import.meta.dirname, '../daemon');

interface SourceFile {
  /** Relative to daemon/. */
  readonly path: string;
  readonly text: string;
  /** Without comments, so that prose breaks no law. */
  readonly code: string;
  readonly imports: readonly { readonly target: string; readonly isType: boolean }[];
}

const FILES: readonly SourceFile[] = readdirSync(ROOT, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
  .sort()
  .map((path) => read(path));

function read(path: string): SourceFile {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const code = text.replace(/\/\*\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  const imports = [...code.matchAll(/^(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm)].map((match) => ({
    target: match[2] ?? '',
    isType: match[1] !== undefined,
  }));
  const lazy = [...code.matchAll(/(?:\bimport|require)\(\s*'([^']+)'/g)].map((match) => ({ target: match[1] ?? '', isType: false }));
  return { path, text, code, imports: [...imports, ...lazy] };
}

/** Path of a relative import as seen from daemon/; it begins with `../` outside of it. */
function resolve(file: SourceFile, target: string): string {
  return normalize(join(file.path, '..', target));
}

/** Every place of a pattern in the code, as `path: text`. */
function occurrences(pattern: RegExp, files: readonly SourceFile[] = FILES): string[] {
  return files.flatMap(({ path, code }) => [...code.matchAll(new RegExp(pattern, 'gm'))].map((match) => `${path}: ${match[0]}`));
}

// ------------------------------------------------------------------------------------------------------------ layers

/** From top to bottom; what is not named here is a stage if it is a folder, else it stands beside pass.ts. */
const LAYERS: Readonly<Record<string, number>> = {
  main: 0,
  cli: 1,
  verbs: 2,
  'plan-verb': 2,
  'audit-verbs': 2,
  'at-verb': 2,
  'approve-verb': 2,
  'steer-verbs': 2,
  wire: 3,
  'wire-base': 3.5,
  loop: 4,
  pass: 4,
  http: 4,
  config: 5,
  lib: 7,
  model: 8,
};
const VERBS = 2;
const BESIDE_PASS = 4;
const STAGE = 6;

function layerOf(path: string): { readonly name: string; readonly layer: number } {
  const isFolder = path.includes('/');
  const name = isFolder ? path.slice(0, path.indexOf('/')) : path.replace(/\.ts$/, '');
  return { name, layer: LAYERS[name] ?? (isFolder ? STAGE : BESIDE_PASS) };
}

test('imports go downwards only, and a stage imports no other stage', () => {
  const broken: string[] = [];
  for (const file of FILES) {
    const own = layerOf(file.path);
    for (const { target } of file.imports.filter(({ target }) => target.startsWith('.'))) {
      const path = resolve(file, target);
      if (path.startsWith('../')) continue;
      const other = layerOf(path);
      const isNear = own.name === other.name || (own.layer === other.layer && (own.layer === BESIDE_PASS || own.layer === VERBS));
      if (!isNear && other.layer <= own.layer) broken.push(`${file.path} imports ${path}`);
    }
  }
  assert.deepEqual(broken, []);
});

test('outside of daemon/ only the schemas are imported, below the stages for their types alone; main reads its version', () => {
  const outside = FILES.flatMap((file) =>
    file.imports
      .filter(({ target }) => target.startsWith('.') && resolve(file, target).startsWith('../'))
      .map(({ target, isType }) => ({ file, path: resolve(file, target), isType })),
  );
  const broken = outside.filter(
    ({ file, path, isType }) =>
      (!path.startsWith('../schemas/') || (layerOf(file.path).layer > STAGE && !isType)) && !(file.path === 'main.ts' && path === '../package.json'),
  );
  assert.deepEqual(
    broken.map(({ file, path }) => `${file.path} imports ${path}`),
    [],
  );
});

// ------------------------------------------------------------------------------------------------------------- doors

/** Each package and the one file that may import it and translates its errors. */
const PACKAGES: Readonly<Record<string, string>> = {
  '@alicloud/cs20151215': 'provision/ack.ts',
  '@alicloud/openapi-core': 'provision/openapi.ts',
  '@alicloud/vpc20160428': 'provision/vpc.ts',
  '@kubernetes/client-node': 'transport/kubeconfig.ts',
  ajv: 'load/validate.ts',
  'ajv-formats': 'load/validate.ts',
  chokidar: 'source/watch.ts',
  commander: 'cli.ts',
  'fast-json-patch': 'lib/json.ts',
  'js-yaml': 'lib/yaml.ts',
  pino: 'lib/log.ts',
  'pino-pretty': 'lib/log.ts',
  'prom-client': 'http.ts',
  'simple-git': 'source/git.ts',
  undici: 'transport/sockets.ts',
};

test('each package has one door', () => {
  const broken = FILES.flatMap((file) =>
    file.imports
      .filter(({ target }) => !target.startsWith('.') && !target.startsWith('node:'))
      .map(({ target }) =>
        target
          .split('/')
          .slice(0, target.startsWith('@') ? 2 : 1)
          .join('/'),
      )
      .filter((name) => PACKAGES[name] !== file.path)
      .map((name) => `${file.path} imports ${name}, whose door is ${PACKAGES[name] ?? 'not in the table'}`),
  );
  assert.deepEqual(broken, []);
});

/** Modules of Node that compute and touch nothing. */
const PURE_MODULES = new Set(['node:crypto', 'node:path', 'node:stream', 'node:string_decoder', 'node:url', 'node:util', 'node:timers/promises']);

/** Files, or folders, that touch the world beside being a package's door. */
const DOORS: readonly (readonly [string, string])[] = [
  ['main.ts', 'argv, signals, exit code'],
  ['cli.ts', 'prints'],
  ['verbs.ts', 'what the command line does, and its progress'],
  ['wire-base.ts', 'reads the kubeconfig'],
  ['http.ts', 'probes, metrics, webhook'],
  ['config.ts', 'the only reader of the environment'],
  ['lib/log.ts', 'writes the log'],
  ['source/', 'Git and its files'],
  ['render/pack.ts', 'reads the built-in definitions'],
  ['render/cue/', 'builds and runs the evaluator'],
  ['transport/', 'the clusters, and the identity of this process for the Lease'],
  ['provision/ack.ts', "the cloud's clusters"],
  ['provision/vpc.ts', "the cloud's networks"],
  ['provision/openapi.ts', "what the cloud's SDKs have in common"],
];

const isDoor = (path: string): boolean => DOORS.some(([door]) => (door.endsWith('/') ? path.startsWith(door) : path === door));

test('files, processes and the network are touched only at doors', () => {
  const broken = FILES.filter(({ path }) => !isDoor(path)).flatMap((file) =>
    file.imports.filter(({ target }) => target.startsWith('node:') && !PURE_MODULES.has(target)).map(({ target }) => `${file.path} imports ${target}`),
  );
  assert.deepEqual(broken, []);
  assert.deepEqual(
    occurrences(
      /\bprocess\.\w+/,
      FILES.filter(({ path }) => !isDoor(path)),
    ),
    [],
  );
});

test('only config.ts reads the environment, and nothing but the command line prints', () => {
  assert.deepEqual(
    occurrences(/\bprocess\.env\b/).filter((place) => !place.startsWith('config.ts:')),
    [],
  );
  assert.deepEqual(
    occurrences(/\bconsole\.\w+/).filter((place) => !/^(?:main|cli)\.ts:/.test(place)),
    [],
  );
});

/** Who may ask for the time or for chance by themselves, and why. */
const CLOCKS: Readonly<Record<string, string>> = {
  'lib/retry.ts': 'makes the real Clock',
  'transport/lease.ts': 'measures its own Lease with a clock that no one can set',
  'transport/sockets.ts': 'gives up a request that takes too long',
  'render/cue/sandbox.ts': 'answers the clock that a WASI module must have',
};

test('time and chance come from the Clock', () => {
  const own = occurrences(/\bDate\.now\b|\bMath\.random\b|\bnew Date\(\)|\bset(?:Timeout|Interval)\b|\bperformance\.now\b|\bAbortSignal\.timeout\b/);
  assert.deepEqual(
    own.filter((place) => CLOCKS[place.slice(0, place.indexOf(':'))] === undefined),
    [],
  );
});

// ------------------------------------------------------------------------------------------------------------- codes

/** Codes that nothing raises yet. The list only ever gets shorter: take out what is raised, add nothing. */
const NOT_RAISED_YET: readonly string[] = ['workflow/waiting', 'workflow/suspended', 'status/push', 'loop/timeout'];

const STAGES = [...new Set(Object.keys(CODES).map((code) => code.slice(0, code.indexOf('/'))))];
const LITERAL = new RegExp(`['"\`]((?:${STAGES.join('|')})/[a-z][a-z0-9-]*)['"\`]`, 'g');
const USED = new Set(FILES.filter(({ path }) => path !== 'model/fault.ts').flatMap(({ code }) => [...code.matchAll(LITERAL)].map((match) => match[1] ?? '')));
/** toFault in the table's own file raises these two. */
const RAISED_BY_TABLE = ['loop/cancelled', 'loop/bug'];

test('every code that is used stands in the table', () => {
  assert.deepEqual(
    [...USED].filter((code) => !Object.hasOwn(CODES, code)),
    [],
  );
});

test('every code in the table is used', () => {
  const unused = Object.keys(CODES).filter((code) => !USED.has(code) && !RAISED_BY_TABLE.includes(code));
  assert.deepEqual(
    unused.filter((code) => !NOT_RAISED_YET.includes(code)),
    [],
    'raise them, or take them out of the table',
  );
  assert.deepEqual(
    NOT_RAISED_YET.filter((code) => !unused.includes(code)),
    [],
    'take these out of NOT_RAISED_YET',
  );
});

test('every code says what it means and what to do', () => {
  for (const [code, { meaning, action }] of Object.entries(CODES)) {
    assert.match(code, /^[a-z]+\/[a-z]+(?:-[a-z]+)*$/);
    assert.match(meaning, /^[A-Za-z].*\.$/, code);
    assert.match(action, /^[A-Z].*[.)]$/, code);
  }
});

// ------------------------------------------------------------------------------------------------------------- shape

test('files are small, named in kebab-case after what they are, and export by name', () => {
  assert.deepEqual(
    FILES.filter(({ text }) => text.split('\n').length - 1 > 450).map(({ path }) => path),
    [],
  );
  assert.deepEqual(
    FILES.filter(({ path }) => !/^(?:[a-z0-9]+(?:-[a-z0-9]+)*\/)*[a-z0-9]+(?:-[a-z0-9]+)*\.ts$/.test(path)).map(({ path }) => path),
    [],
  );
  assert.deepEqual(
    FILES.filter(({ path }) => /(?:^|\/)(?:index|utils|helpers?|common|misc)\.ts$/.test(path)).map(({ path }) => path),
    [],
  );
  assert.deepEqual(occurrences(/^export default\b/), []);
});

test('every file begins by saying what it is', () => {
  assert.deepEqual(
    FILES.filter(({ text }) => !/^(?:#!.*\n)?\/\*\*/.test(text)).map(({ path }) => path),
    [],
  );
});
