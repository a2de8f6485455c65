/**
 * `lateen approve`: writes an Approval into the person's own clone, and commits it with their own key.
 *
 *     lateen approve resume [NAMESPACE/]APPLICATION --step STEP     a step that waits goes on, for this content alone
 *     lateen approve delete KIND [NAMESPACE/]NAME                   what cannot be had back may go
 *     lateen approve abandon CLUSTER                                what lies on a cluster that is gone is given up
 */
import { durationOf, readConfig, type Flags } from './config.ts';
import { isRecord } from './lib/json.ts';
import { didYouMeanHint, timeText } from './lib/text.ts';
import { parseYaml, printYaml } from './lib/yaml.ts';
import { CONFIG_PATH, readConfig as readRepositoryConfig } from './load/config.ts';
import { DEFAULT_NAMESPACE, isUnder } from './model/catalog.ts';
import { Fault } from './model/fault.ts';
import { LOCAL, type JsonObject } from './model/object.ts';
import { openOwnClone, type OwnClone } from './source/own-clone.ts';
import { applicationFile } from './status/publish-files.ts';
import type { ExitCode, Terminal } from './verbs.ts';
import { wireBase, wireHub, type Base } from './wire-base.ts';

/** What is known of an application, from the status branch or the hub. */
interface Known {
  readonly hash: string;
  readonly from: string;
  /** Phases by step; empty where they are not known. */
  readonly steps: ReadonlyMap<string, string>;
}

/** Prints what it did. Faults: config/invalid, source/not-found, source/git. */
export async function approveVerb(action: 'resume' | 'delete' | 'abandon', words: readonly string[], flags: Flags, terminal: Terminal): Promise<ExitCode> {
  const base = await wireBase(readConfig(flags), terminal);
  const { config, clock } = base;
  const text = (name: string): string | null => (typeof flags[name] === 'string' ? flags[name] : null);
  if (/^[A-Za-z][\w+.-]*:\/\/|^[^/]*@[^/]*:/.test(config.repo))
    throw new Fault('config/invalid', 'an Approval is committed in your own clone: run it there, or name the clone with --repo');
  const clone = await openOwnClone(config.repo, config.environment, terminal.signal);
  const say = (line: string): void => terminal.out(base.redactor.text(`${line}\n`));
  const expires = timeText(clock.now() + durationOf('expires', text('expires') ?? '24h'));
  const spec = action === 'resume' ? await resumeSpec(base, clone, words[0] ?? '', text, say, terminal.signal) : objectSpec(action, words, text);
  const reason = text('reason');
  const document = { ...spec, expires, ...(reason === null ? {} : { reason }) };
  const name = text('name') ?? nameFor(spec);
  if (!/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(name))
    throw new Fault('config/invalid', `--name: "${name}" is not a name of lower-case letters, digits and dashes`);
  const path = await pathFor(clone, name);
  const what = sentence(spec);
  const sign = flags['unsigned'] !== true;
  const sha = await clone.commitNew(
    path,
    printYaml({ apiVersion: 'lateen.dev/v1alpha1', kind: 'Approval', metadata: { name }, spec: document }),
    `Approve: ${what}${reason === null ? '' : `\n\n${reason}`}`,
    { sign },
  );
  say(`Approved: ${what}, until ${expires}.`);
  say(`${path} committed as ${sha.slice(0, 10)}${sign ? ', signed with your key' : ', not signed'}.`);
  if (flags['push'] === true) await clone.push();
  const left = (await clone.hasRemote())
    ? 'Not pushed yet: look at it with `git show`, then `git push`.'
    : 'Nowhere to push to: a daemon that follows this repository takes it from here.';
  say(flags['push'] === true ? 'Pushed.' : left);
  return 0;
}

interface Target {
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  readonly cluster?: string;
  readonly uid?: string;
}

interface Spec {
  readonly action: 'resume' | 'delete' | 'abandon';
  readonly target: Target;
  readonly step?: string;
  readonly hash?: string;
}

/** `namespace/name`, or a name with --namespace beside it. */
function placeOf(word: string, text: (name: string) => string | null): { readonly namespace: string | null; readonly name: string } {
  const [first = '', second] = word.split('/');
  if (word === '' || word.split('/').length > 2 || first === '') throw new Fault('config/invalid', `"${word}" is not a name, or namespace/name`);
  return second === undefined ? { namespace: text('namespace'), name: first } : { namespace: first, name: second };
}

function objectSpec(action: 'delete' | 'abandon', words: readonly string[], text: (name: string) => string | null): Spec {
  if (action === 'abandon') return { action, target: { kind: 'ManagedCluster', name: placeOf(words[0] ?? '', text).name } };
  const [kind = '', word = ''] = words;
  const { namespace, name } = placeOf(word, text);
  const [cluster, uid] = [text('cluster'), text('uid')];
  return {
    action,
    target: {
      kind,
      ...(namespace === null ? {} : { namespace }),
      name,
      ...(cluster === null || cluster === LOCAL ? {} : { cluster }),
      ...(uid === null ? {} : { uid }),
    },
  };
}

async function resumeSpec(
  base: Base,
  clone: OwnClone,
  word: string,
  text: (name: string) => string | null,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<Spec> {
  const place = placeOf(word, text);
  const { namespace, name } = { ...place, namespace: place.namespace ?? DEFAULT_NAMESPACE };
  const step = text('step');
  if (step === null) throw new Fault('config/invalid', 'name the step that may go on: --step STEP');
  const given = text('hash');
  const known = given === null ? await knownOf(base, clone, namespace, name, signal) : { hash: given, from: '--hash', steps: new Map<string, string>() };
  if (known.steps.size > 0 && !known.steps.has(step)) {
    throw new Fault(
      'config/invalid',
      `${namespace}/${name} has no step "${step}". ${didYouMeanHint(step, known.steps.keys()) ?? `It has ${[...known.steps.keys()].join(', ')}.`}`,
    );
  }
  const phase = known.steps.get(step);
  if (phase !== undefined && phase !== 'suspending') say(`Note: step ${step} does not wait now, it is ${phase}.`);
  if (given === null) say(`The content is ${known.hash}, as ${known.from} says.`);
  return { action: 'resume', target: { kind: 'Application', namespace, name }, step, hash: known.hash };
}

/** The content that is running now: what the status branch says, else the hub. */
async function knownOf(base: Base, clone: OwnClone, namespace: string, name: string, signal: AbortSignal): Promise<Known> {
  const { statusBranch } = base.config;
  const file = await clone.readStatus(statusBranch, applicationFile(namespace, name));
  const status = file === null ? null : parseYaml(file, 'status').value;
  if (isRecord(status) && typeof status['revisionHash'] === 'string')
    return {
      hash: status['revisionHash'],
      from: `the branch ${statusBranch}`,
      steps: stepsOf(isRecord(status['workflow']) ? status['workflow']['steps'] : undefined),
    };
  await using hub = (await wireHub(base).catch(() => null)) ?? { raw: null, [Symbol.asyncDispose]: () => Promise.resolve() };
  if (hub.raw !== null) {
    const answer = await hub
      .raw(
        {
          method: 'GET',
          path: `/apis/core.oam.dev/v1beta1/namespaces/${encodeURIComponent(namespace)}/applications/${encodeURIComponent(name)}`,
          accept: 'application/json',
          subject: { what: `Application ${namespace}/${name}`, verb: 'get', secret: false },
          repeatable: true,
        },
        signal,
      )
      .catch((error: unknown) => {
        if (error instanceof Fault && error.kind === 'cancelled') throw error;
        return null;
      });
    const live =
      answer === null
        ? null
        : (JSON.parse(answer.text) as { readonly status?: { readonly latestRevision?: { readonly revisionHash?: string }; readonly workflow?: JsonObject } });
    const hash = live?.status?.latestRevision?.revisionHash;
    if (hash !== undefined && hash !== '') return { hash, from: 'the hub', steps: stepsOf(live?.status?.workflow?.['steps']) };
  }
  throw new Fault(
    'config/invalid',
    `neither the branch ${statusBranch} nor the hub tells of ${namespace}/${name}; name the content with --hash (its status.latestRevision.revisionHash)`,
  );
}

function stepsOf(steps: unknown): ReadonlyMap<string, string> {
  if (!Array.isArray(steps)) return new Map();
  return new Map(steps.filter(isRecord).flatMap((step) => [[String(step['name']), String(step['phase'])] as const, ...stepsOf(step['subSteps'])]));
}

/** Where documents are read: `approvals/` under the first path of lateen.yaml. */
async function pathFor(clone: OwnClone, name: string): Promise<string> {
  const text = await clone.read(CONFIG_PATH);
  const { config } = readRepositoryConfig({
    revision: { sha: '', branch: '', author: '', subject: '' },
    files: text === null ? [] : [{ path: CONFIG_PATH, oid: '', sizeBytes: text.length, text }],
  });
  if (config === null) throw new Fault('config/invalid', `${CONFIG_PATH} cannot be read: \`lateen check\` says why`);
  const folders = config.paths.filter((path) => !/\.(?:ya?ml|json)$/.test(path)).map((path) => `${path === '' ? '' : `${path}/`}approvals/${name}.yaml`);
  const path = folders.find((candidate) => !config.ignore.some((prefix) => isUnder(candidate, prefix)));
  if (path === undefined) throw new Fault('config/invalid', `${CONFIG_PATH} names no folder that an Approval could lie in`);
  return path;
}

function nameFor({ action, target, step, hash }: Spec): string {
  const parts = [
    action,
    ...(action === 'delete' ? [target.kind] : []),
    target.namespace ?? '',
    target.name,
    target.cluster ?? '',
    step ?? '',
    (hash ?? target.uid ?? '').slice(0, 8),
  ];
  return parts
    .filter((part) => part !== '')
    .join('-')
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .replaceAll(/-+$/g, '')
    .slice(0, 200);
}

function sentence({ action, target, step }: Spec): string {
  const object = `${target.kind} ${target.namespace === undefined ? '' : `${target.namespace}/`}${target.name}${target.cluster === undefined ? '' : ` on ${target.cluster}`}`;
  return step === undefined ? `${action} ${object}` : `${action} step ${step} of ${object}`;
}
