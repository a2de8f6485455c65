/** Compares what Lateen made of a case with what KubeVela recorded of it. */
import { isDeepStrictEqual } from 'node:util';

export type Fields = Record<string, unknown>;
export interface Found {
  readonly phase: string;
  readonly steps: readonly Fields[];
  readonly objects: readonly Fields[];
}

const record = (value: unknown): Fields => (value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Fields) : {});

const DROPPED_LABELS = new Set(['app.oam.dev/app-revision-hash']);
const DROPPED_ANNOTATIONS = new Set([
  'oam.dev/render-hash',
  'oam.dev/kubevela-version',
  'app.oam.dev/last-applied-configuration',
  'app.oam.dev/last-applied-time',
  'deployment.kubernetes.io/revision',
  'lateen.dev/source-hash',
]);

/** An object as it was rendered: what Lateen or the server put on it is left out, `stringData` is in its stored form. */
export function bare(object: Fields): Fields {
  const metadata = record(object['metadata']);
  const pick = (value: unknown, dropped: ReadonlySet<string>): Fields => Object.fromEntries(Object.entries(record(value)).filter(([key]) => !dropped.has(key)));
  const labels = pick(metadata['labels'], DROPPED_LABELS);
  const annotations = pick(metadata['annotations'], DROPPED_ANNOTATIONS);
  const { status: _status, stringData, metadata: _metadata, ...rest } = object;
  const encoded = Object.fromEntries(Object.entries(record(stringData)).map(([key, value]) => [key, Buffer.from(String(value)).toString('base64')]));
  const data = { ...record(rest['data']), ...encoded };
  // The API server's default, which a Secret read back from it always carries.
  if (rest['kind'] === 'Secret' && rest['type'] === 'Opaque') delete rest['type'];
  return {
    ...rest,
    ...(Object.keys(data).length > 0 ? { data } : {}),
    metadata: {
      name: metadata['name'],
      ...(metadata['namespace'] === undefined ? {} : { namespace: metadata['namespace'] }),
      ...(Object.keys(labels).length > 0 ? { labels } : {}),
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    },
  };
}

/** An address that the pod network gave: another one in every run. */
const POD_ADDRESS = /^10\.244\.\d+\.\d+$/;

/** Ids of steps are random in KubeVela: where a string of ours holds one of ours, any ten characters are right. */
function matches(expected: string, actual: string, ids: readonly string[]): boolean {
  if (expected === actual || (POD_ADDRESS.test(expected) && POD_ADDRESS.test(actual))) return true;
  const used = ids.filter((id) => id !== '' && actual.includes(id));
  if (used.length === 0) return false;
  const pattern = used.reduce((text, id) => text.replaceAll(id, '[a-z0-9]{10}'), actual.replace(/[.*+?^${}()|\\]/g, '\\$&'));
  return new RegExp(`^${pattern}$`).test(expected);
}

/** Objects written as JSON text: the order of their fields is CUE's, and another in every version of it. */
function sameJson(expected: string, actual: string): boolean {
  if (!expected.startsWith('{') || !actual.startsWith('{')) return false;
  try {
    return isDeepStrictEqual(JSON.parse(expected), JSON.parse(actual));
  } catch {
    return false;
  }
}

/** The paths at which `actual` is not what was expected. Empty maps and lists equal absence, as for the API server. */
export function differ(expected: unknown, actual: unknown, ids: readonly string[], path = ''): string[] {
  const empty = (value: unknown): boolean => value === undefined || value === null || (typeof value === 'object' && Object.keys(value).length === 0);
  if (empty(expected) && empty(actual)) return [];
  if (typeof expected === 'string' && typeof actual === 'string')
    return matches(expected, actual, ids) || sameJson(expected, actual)
      ? []
      : [`${path}: ${JSON.stringify(expected)} expected, ${JSON.stringify(actual)} found`];
  if (Array.isArray(expected) && Array.isArray(actual)) {
    if (expected.length !== actual.length)
      return [
        `${path}: ${expected.length} items expected, ${actual.length} found: ${JSON.stringify(expected).slice(0, 200)} / ${JSON.stringify(actual).slice(0, 200)}`,
      ];
    return expected.flatMap((item, i) => differ(item, actual[i], ids, `${path}[${i}]`));
  }
  if (
    expected !== null &&
    actual !== null &&
    typeof expected === 'object' &&
    typeof actual === 'object' &&
    !Array.isArray(expected) &&
    !Array.isArray(actual)
  ) {
    return [...new Set([...Object.keys(expected), ...Object.keys(actual)])]
      .sort()
      .flatMap((key) => differ((expected as Fields)[key], (actual as Fields)[key], ids, path === '' ? key : `${path}.${key}`));
  }
  return isDeepStrictEqual(expected, actual)
    ? []
    : [`${path}: ${JSON.stringify(expected)?.slice(0, 200)} expected, ${JSON.stringify(actual)?.slice(0, 200)} found`];
}

const identity = (object: Fields): string =>
  `${String(object['kind'])} ${String(record(object['metadata'])['namespace'] ?? '')}/${String(record(object['metadata'])['name'])}`;

function stepIds(steps: readonly Fields[]): string[] {
  return steps.flatMap((step) => [String(step['id'] ?? ''), ...stepIds(Array.isArray(step['subSteps']) ? (step['subSteps'] as Fields[]) : [])]);
}

const WAITING = new Set(['runningWorkflow', 'healthChecking', 'unhealthy']);
const FINAL = new Set(['succeeded', 'skipped', 'failed']);

/**
 * What is different, in words; empty when it is the same. A case that was recorded while its workflow still waited may be
 * further along here: what had been reached must have been reached, and nothing of it may look different.
 */
export function compare(expected: Found, actual: Found): string[] {
  const ids = stepIds(actual.steps);
  const waiting = WAITING.has(expected.phase);
  const out: string[] = [];
  if (!waiting && expected.phase !== actual.phase) out.push(`phase ${expected.phase} expected, ${actual.phase} found`);
  for (const [i, step] of expected.steps.entries()) {
    const mine = actual.steps[i] ?? {};
    if (mine['name'] !== step['name'] || mine['type'] !== step['type'])
      out.push(`step ${i}: ${String(step['name'])} (${String(step['type'])}) expected, ${String(mine['name'])} found`);
    else if (mine['phase'] !== step['phase'] && (!waiting || FINAL.has(String(step['phase']))))
      out.push(
        `step ${String(step['name'])}: ${String(step['phase'])} expected, ${String(mine['phase'])} found${mine['message'] === undefined ? '' : ` (${String(mine['message'])})`}`,
      );
  }
  if (!waiting && actual.steps.length !== expected.steps.length) out.push(`${expected.steps.length} steps expected, ${actual.steps.length} found`);
  const left = actual.objects.map(bare);
  for (const object of expected.objects.map(bare)) {
    const at = left.findIndex((mine) => mine['kind'] === object['kind'] && matches(identity(object), identity(mine), ids));
    if (at < 0) {
      out.push(`${identity(object)} is missing`);
      continue;
    }
    const [mine] = left.splice(at, 1);
    out.push(...differ(object, mine, ids).map((line) => `${identity(object)}: ${line}`));
  }
  if (!waiting) for (const object of left) out.push(`${identity(object)} was not expected`);
  return out;
}
