/** What each verb does, and its exit code: 0 well, 1 there is something to look at, 2 it could not be done, 3 time is up. */
import { openApprovals } from './approvals.ts';
import { readConfig, type Flags } from './config.ts';
import { refusedBeforehand } from './findings.ts';
import { openHook } from './hook.ts';
import { hookSecrets, serveHttp } from './http.ts';
import { concealed } from './lib/redact.ts';
import { didYouMean, didYouMeanHint } from './lib/text.ts';
import { printYaml } from './lib/yaml.ts';
import { load } from './load/load.ts';
import { ANY_HUB_SERVER } from './load/placeholders.ts';
import { Loop, settle, settlementOf, type Settlement } from './loop.ts';
import type { Catalog } from './model/catalog.ts';
import type { Redactor } from './model/ports.ts';
import { CODES, Fault, type Code, type Diagnostic } from './model/fault.ts';
import { keyText, LOCAL, type JsonObject, type ObjectKey } from './model/object.ts';
import type { Desired } from './model/plan.ts';
import type { Report } from './model/status.ts';
import { matrixOf } from './matrix.ts';
import type { PassResult } from './pass.ts';
import { secretsOf } from './plan/spread.ts';
import { diagnosticText, explanation, inForm, sortDiagnostics, table, type Output } from './print.ts';
import { openRefPlans } from './ref-plans.ts';
import { cloudPlan, refusalOf } from './provision/order.ts';
import { readPack } from './render/pack.ts';
import { render } from './render/render.ts';
import { guessNamespaced } from './render/scope.ts';
import { readDirectory } from './source/directory.ts';
import { watchLocal, poll } from './source/watch.ts';
import { wire, wireView, type EffectsDecorator, type WireOptions } from './wire.ts';
import { readBuiltIns, wireApprovers, wireBase, wireCue, type Base } from './wire-base.ts';

/** Where a verb prints, and what ends it. */
export interface Terminal {
  readonly out: (text: string) => void;
  readonly signal: AbortSignal;
  /** Learns what a verb finds out to be secret: the last words of one that fails go through it, too. */
  readonly redactor?: Redactor;
  /** Stands between the daemon and its effects: tests count and cut there. */
  readonly decorate?: EffectsDecorator;
}

export type ExitCode = 0 | 1 | 2 | 3;

const CODE_OF: Readonly<Record<Settlement, ExitCode>> = { ready: 0, settled: 1, error: 2, timeout: 3 };

const wireOptions = (options: Omit<WireOptions, 'decorate'>, terminal: Terminal): WireOptions => ({
  ...options,
  ...(terminal.decorate === undefined ? {} : { decorate: terminal.decorate }),
});

/** Changes of objects that nobody is known to own yet; beyond it the next look at everything finds them. */
const EARLY_MAX = 10_000;

/** `lateen run`: until the signal fires. */
export async function runVerb(flags: Flags, terminal: Terminal): Promise<ExitCode> {
  const base = await wireBase(readConfig(flags), terminal);
  const { config, log, clock } = base;
  const lost = new AbortController();
  let loop: Loop | null = null;
  const owners = new Map<string, string>();
  // A pass tells whose an object is when it ends; a controller is often faster than that.
  const early = new Set<string>();
  let told: ReadonlySet<string> = new Set();
  const tick = (owner: string): void => (owner === REPOSITORY ? loop?.ticks.documents() : loop?.ticks.application(owner));
  await using wired = await wire(
    base,
    wireOptions(
      {
        writes: true,
        leaseWaitMs: Infinity,
        onLost: (fault) => lost.abort(fault),
        onChange: (key) => {
          const owner = owners.get(keyText(key));
          if (owner !== undefined) tick(owner);
          else if (early.size < EARLY_MAX) early.add(keyText(key));
        },
      },
      terminal,
    ),
  );
  const signal = AbortSignal.any([terminal.signal, lost.signal]);
  const secrets = hookSecrets(config.hook, base.redactor);
  // A secret that cannot be read is told at start, not to the first Git server that calls.
  await secrets?.();
  const hook = secrets === null ? null : openHook({ secrets, clock, signal, onHint: () => loop?.ticks.repository() });
  if (hook !== null && config.listen === null) log.warn('the hook has no address', { hint: 'Give --listen host:port.' });
  const http = config.listen === null ? null : await serveHttp(config.listen.host, config.listen.port, hook);
  await using _http = http ?? { [Symbol.asyncDispose]: () => Promise.resolve() };
  void wired.warmUp();
  await beginPatiently(base, wired.begin, Infinity, signal);
  log.info('started', { repo: config.repo, hub: wired.client.server, statusBranch: config.statusBranch });
  const { repo } = wired.doors;
  // A judge of its own, for a judge remembers the commit that it was asked about.
  const approvals = openApprovals({ repo: { tree: repo.planTree, broughtBy: repo.broughtBy }, clock, approvers: wireApprovers(base) });
  const refPlans = openRefPlans({ ...wired.doors, approvals, cloudPlan, commit: repo.commit, idleEvaluators: () => wired.doors.cue.figures().free }, signal);
  loop = new Loop(wired.doors, wired.memory, {
    resyncMs: config.intervalMs,
    debounceMs: 20,
    onFetched: (revision) => refPlans.look(revision),
    onPass: (result, durationMs) => {
      http?.onPass(result, durationMs);
      rememberOwners(owners, result.report);
      for (const owner of new Set([...early].map((key) => owners.get(key)))) if (owner !== undefined) tick(owner);
      early.clear();
      logPass(base, result, durationMs);
      told = logFindings(base, result.report, told);
    },
  });
  const running = loop;
  const { localDirectory } = repo;
  await using _watch =
    localDirectory === null
      ? { [Symbol.asyncDispose]: () => Promise.resolve() }
      : await watchLocal(localDirectory, () => running.ticks.repository(), { ignoredBranch: config.statusBranch, clock });
  void wired.tendClusters(() => running.ticks.everything(), signal);
  void wired.watchApplications((name) => running.ticks.application(name), signal);
  void poll(config.intervalMs, 0.1, clock, () => running.ticks.repository(), signal);
  await loop.run(signal);
  if (lost.signal.aborted) throw lost.signal.reason;
  return 0;
}

/** A hub that is away at start is waited for; a right that is missing is told and waited for, too. */
async function beginPatiently(base: Base, begin: (signal: AbortSignal) => Promise<void>, patienceMs: number, signal: AbortSignal): Promise<void> {
  const endMs = base.clock.now() + patienceMs;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await begin(signal);
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'transport/unreachable' || signal.aborted || base.clock.now() >= endMs) throw error;
      base.log.warn('hub not reached', { error, attempt });
      await base.clock.sleep(Math.min(10_000, 500 * attempt), signal);
    }
  }
}

/** Owner of the documents that belong to no application. */
const REPOSITORY = '';

function rememberOwners(owners: Map<string, string>, report: Report): void {
  owners.clear();
  for (const object of report.objects) owners.set(keyText(object.key), REPOSITORY);
  for (const app of [...report.applications, ...report.leaving]) {
    for (const object of app.objects) owners.set(keyText(object.key), `${app.namespace}/${app.name}`);
    const key: ObjectKey = { cluster: LOCAL, apiVersion: 'core.oam.dev/v1beta1', kind: 'Application', namespace: app.namespace, name: app.name };
    owners.set(keyText(key), `${app.namespace}/${app.name}`);
  }
}

/** Every pass that was told to Git; the others only with --log-level debug. */
function logPass(base: Base, result: PassResult, durationMs: number): void {
  const { report, pushed } = result;
  const phases: Record<string, number> = {};
  for (const app of report.applications) phases[app.phase] = (phases[app.phase] ?? 0) + 1;
  base.log[pushed === null ? 'debug' : 'info']('pass', {
    commit: report.revision?.sha,
    durationMs: Math.round(durationMs),
    applications: report.applications.length,
    phases,
    settlement: settlementOf(result),
    errors: report.diagnostics.filter((item) => item.severity === 'error').length,
    status: pushed,
  });
}

/** Tells each finding once, and again only after it was mended. Gives what is to be known next time. */
function logFindings(base: Base, report: Report, told: ReadonlySet<string>): ReadonlySet<string> {
  const findings = new Map(sortDiagnostics(report.diagnostics).map((item) => [diagnosticText(item), item]));
  for (const [text, item] of findings) {
    if (told.has(text)) continue;
    const { code, message, hint, application, origin } = item;
    base.log[item.severity === 'error' ? 'warn' : 'info']('finding', {
      code,
      finding: message,
      ...(origin === undefined ? {} : { at: `${origin.path}:${origin.line}:${origin.column}` }),
      ...(hint === undefined ? {} : { hint }),
      ...(application === undefined ? {} : { application }),
    });
  }
  return new Set(findings.keys());
}

/** `lateen once [--wait 60s]`: one pass, or as many as it takes until nothing moves. */
export async function onceVerb(flags: Flags, waitMs: number | null, output: Output, terminal: Terminal): Promise<ExitCode> {
  const base = await wireBase(readConfig(flags), terminal);
  const lost = new AbortController();
  await using wired = await wire(base, wireOptions({ writes: true, leaseWaitMs: waitMs ?? 0, onLost: (fault) => lost.abort(fault), onChange: null }, terminal));
  const signal = AbortSignal.any([terminal.signal, lost.signal]);
  await beginPatiently(base, wired.begin, waitMs ?? 0, signal);
  const { result, settlement } = await settle(wired.doors, wired.memory, waitMs, signal);
  const say = (text: string): void => terminal.out(base.redactor.text(text));
  say(inForm(reportData(result.report), output, () => reportText(result.report)));
  if (settlement === 'timeout' && output === 'text') say('\nTime is up: not everything has come to an end. The next `once` or `run` goes on from here.\n');
  if (result.report.fault !== null) say(`${result.report.fault.code}: ${result.report.fault.message}\n`);
  if (result.pushFault !== null) say(`${result.pushFault.code}: ${result.pushFault.message}\n`);
  return CODE_OF[settlement];
}

/** Of the report, as `lateen status` has them. */
const sortedApplications = (report: Report): readonly Report['applications'][number][] =>
  [...report.applications, ...report.leaving].sort((a, b) => (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1));

const readyOf = (app: Report['applications'][number]): string => app.conditions.find((item) => item.type === 'Ready')?.status ?? 'Unknown';

function reportText(report: Report): string {
  const rows = sortedApplications(report).map((app) => [
    app.namespace,
    app.name,
    app.phase,
    readyOf(app),
    app.conditions.find((item) => item.type === 'Ready')?.message ?? '',
  ]);
  const findings = sortDiagnostics(report.diagnostics).map(diagnosticText);
  return `${rows.length === 0 ? 'No Applications.\n' : table(['NAMESPACE', 'APPLICATION', 'PHASE', 'READY', 'MESSAGE'], rows)}${findings.length === 0 ? '' : `\n${findings.join('\n')}\n`}`;
}

function reportData(report: Report): unknown {
  return {
    commit: report.revision?.sha ?? '',
    diagnostics: sortDiagnostics(report.diagnostics),
    applications: sortedApplications(report).map((app) => ({
      namespace: app.namespace,
      name: app.name,
      phase: app.phase,
      ready: readyOf(app),
      conditions: app.conditions,
      revision: app.latestRevision,
      objects: app.objects.map((object) => ({ ...object.key, health: object.health, message: object.message })),
    })),
  };
}

/** A plain directory through load and render, without a cluster. */
async function renderDirectory(
  path: string,
  base: Base,
  signal: AbortSignal,
): Promise<{ readonly catalog: Catalog; readonly desired: Desired; readonly diagnostics: readonly Diagnostic[] }> {
  const catalog = load(await readDirectory(path), { values: base.config.values, hubServer: ANY_HUB_SERVER, builtIns: await readBuiltIns() });
  await using cue = wireCue(base);
  const desired = await render({
    catalog,
    known: { hub: [], pack: await readPack() },
    records: new Map(),
    memo: new Map(),
    only: null,
    environment: {
      cue,
      clusterVersion: { major: '1', minor: 0, gitVersion: '', platform: '' },
      isNamespaced: (_cluster, _version, kind) => Promise.resolve(guessNamespaced(kind)),
      signal,
    },
  });
  secretsOf(desired).forEach(base.redactor.learnSecret);
  return { catalog, desired, diagnostics: sortDiagnostics([...catalog.diagnostics, ...desired.applications.flatMap((app) => app.diagnostics)]) };
}

/** `lateen check [DIR]`: findings, one a line. 1 when there is an error among them. */
export async function checkVerb(flags: Flags, path: string, output: Output, terminal: Terminal): Promise<ExitCode> {
  const base = await wireBase(readConfig(flags), terminal);
  const rendered = await renderDirectory(path, base, terminal.signal);
  const refused = rendered.desired.applications.flatMap((app) => refusedBeforehand(app, refusalOf));
  // Who refuses says more than a warning at the same place.
  const isTold = ({ severity, origin }: Diagnostic): boolean =>
    severity === 'warning' && refused.some((item) => item.origin?.path === origin?.path && item.origin?.line === origin?.line);
  const diagnostics = sortDiagnostics([...rendered.diagnostics.filter((item) => !isTold(item)), ...refused]);
  terminal.out(
    base.redactor.text(
      inForm(diagnostics, output, () =>
        diagnostics.length === 0 ? `${nothingWrong(rendered.catalog, path)}\n` : diagnostics.map((item) => `${diagnosticText(item)}\n`).join(''),
      ),
    ),
  );
  return diagnostics.some((item) => item.severity === 'error') ? 1 : 0;
}

/** That all is well, and with how much: a folder in which nothing was found looks just as well otherwise. */
function nothingWrong({ applications, definitions, policies, workflows, approvals, objects, initializers }: Catalog, path: string): string {
  const builtIn = initializers.filter(({ isBuiltIn }) => isBuiltIn).length;
  const count = [applications, definitions, policies, workflows, approvals, objects].reduce((sum, list) => sum + list.length, 0) - builtIn;
  return count === 0
    ? `${path} has no documents for Lateen.`
    : `Nothing wrong in ${count} document${count === 1 ? '' : 's'}, ${applications.length - builtIn} of them applications.`;
}

/** `lateen render [DIR] [--application NAME]`: the objects as YAML documents. Values of Secrets are shown as `***`. */
export async function renderVerb(flags: Flags, path: string, only: string | undefined, output: Output, terminal: Terminal): Promise<ExitCode> {
  const base = await wireBase(readConfig(flags), terminal);
  const { desired, diagnostics } = await renderDirectory(path, base, terminal.signal);
  const chosen = desired.applications.filter((app) => only === undefined || app.name === only || `${app.namespace}/${app.name}` === only);
  if (only !== undefined && chosen.length === 0 && diagnostics.every(({ application }) => application !== only && application?.endsWith(`/${only}`) !== true)) {
    const names = desired.applications.map(({ name }) => name);
    throw new Fault(
      'load/reference',
      `there is no application "${only}" in ${path}${names.length === 0 ? '' : `; ${didYouMeanHint(only, names) ?? `it has ${names.join(', ')}`}`}`,
    );
  }
  const wanted = [
    ...(only === undefined ? desired.objects : []),
    ...chosen.flatMap((app) => [...app.policyObjects, ...[...app.components.values()].flatMap((component) => component.objects)]),
  ];
  const objects = wanted.map(({ object }) => concealed(object));
  terminal.out(base.redactor.text(output === 'json' ? inForm(objects, 'json', () => '') : objects.map((object) => printYaml(object)).join('---\n')));
  const errors = diagnostics.filter((item) => item.severity === 'error');
  if (errors.length > 0) process.stderr.write(base.redactor.text(`${errors.map(diagnosticText).join('\n')}\n`));
  return errors.length > 0 ? 1 : 0;
}

/**
 * `lateen status`: what the hub says of every Application that Lateen keeps, and with member clusters the matrix of
 * applications and clusters. 1 when one is not Ready.
 */
export async function statusVerb(flags: Flags, output: Output, terminal: Terminal): Promise<ExitCode> {
  const base = await wireBase(readConfig(flags), terminal);
  await using view = await wireView(base);
  const { signal } = terminal;
  const [records, clusters] = await Promise.all([view.records.open(signal), view.members(signal)]);
  const rows = [...records.values()].flatMap(({ application: app }) => {
    if (app?.metadata.annotations?.['lateen.dev/instance'] === undefined) return [];
    const status = (app['status'] ?? {}) as JsonObject;
    const ready = (Array.isArray(status['conditions']) ? (status['conditions'] as readonly JsonObject[]) : []).find((item) => item['type'] === 'Ready');
    const text = (value: unknown): string => (typeof value === 'string' ? value : '');
    return [
      {
        namespace: app.metadata.namespace ?? '',
        name: app.metadata.name ?? '',
        phase: text(status['status']),
        ready: text(ready?.['status']) || 'Unknown',
        commit: (app.metadata.annotations['lateen.dev/source-commit'] ?? '').slice(0, 10),
        message: text(ready?.['message']),
      },
    ];
  });
  const matrix = clusters.members.length === 0 ? [] : await matrixOf(records, clusters.members, view.transport, signal);
  const members = clusters.members.map((member) => ({
    name: member.name,
    delivery: member.mode,
    available: member.available,
    kubernetes: member.version?.gitVersion ?? '',
    message: member.fault?.message ?? '',
  }));
  const asText = (): string => {
    if (rows.length === 0 && members.length === 0) return 'No Applications.\n';
    const applications = table(
      ['NAMESPACE', 'APPLICATION', 'PHASE', 'READY', 'COMMIT', 'MESSAGE'],
      rows.map((row) => [row.namespace, row.name, row.phase, row.ready, row.commit, row.message]),
    );
    if (members.length === 0) return applications;
    const columns = [LOCAL, ...members.map((member) => member.name)];
    const where = table(
      ['APPLICATION', ...columns],
      matrix.map((row) => [row.application, ...columns.map((column) => row.cells[column] ?? '-')]),
    );
    return `${applications}\n${where}\n${table(
      ['CLUSTER', 'DELIVERY', 'AVAILABLE', 'KUBERNETES', 'MESSAGE'],
      members.map((member) => [member.name, member.delivery, member.available, member.kubernetes, member.message]),
    )}`;
  };
  terminal.out(base.redactor.text(inForm(members.length === 0 ? rows : { applications: rows, matrix, clusters: members }, output, asText)));
  return rows.every((row) => row.ready === 'True') ? 0 : 1;
}

/** `lateen explain [CODE]`. */
export function explainVerb(code: string | undefined, output: Output, terminal: Terminal): ExitCode {
  if (code === undefined) {
    terminal.out(
      inForm(CODES, output, () =>
        table(
          ['CODE', 'MEANING'],
          Object.entries(CODES).map(([name, entry]) => [name, entry.meaning]),
        ),
      ),
    );
    return 0;
  }
  if (!Object.hasOwn(CODES, code)) {
    const near = didYouMean(code, Object.keys(CODES));
    throw new Fault('config/invalid', `there is no code "${code}"${near === undefined ? '' : ` (did you mean "${near}"?)`}; \`lateen explain\` lists them`);
  }
  terminal.out(inForm({ code, ...CODES[code as Code] }, output, () => explanation(code as Code)));
  return 0;
}
