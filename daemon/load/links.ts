/** Rules between documents: nothing stands twice, and what one names is there in another. */
import type { Diagnostic } from '../model/fault.ts';
import { groupOf } from '../model/object.ts';
import { configuredDialect } from '../model/catalog.ts';
import type { RepositoryConfig } from '../model/catalog.ts';
import type { ApplicationSpecPart } from '../../schemas/types.ts';
import { findCycle } from './cycle.ts';
import type { Item } from './file.ts';
import { dependenciesExist, dependenciesOf, initializersByName } from './initializers.ts';
import { SPEC_AT, reportRepeated, reporterFor, specOf } from './rules.ts';
import type { Report } from './rules.ts';

/** Mistakes by the item that they spoil. */
export type Findings = Map<Item, Diagnostic[]>;

/** An application, or an Initializer's template, that has passed on its own. */
interface Linked {
  readonly item: Item & { readonly document: NonNullable<Item['document']> };
  readonly spec: ApplicationSpecPart;
  readonly at: readonly (string | number)[];
  readonly report: Report;
}

/**
 * Runs all rules between documents, and those that lateen.yaml decides. `builtIns` are the Initializers that may be asked
 * for; those that are stand among `items`. Codes: load/duplicate, load/reference, load/cycle, load/unsupported.
 */
export function linkRules(items: readonly Item[], config: RepositoryConfig, builtIns: readonly Item[]): Findings {
  const findings: Findings = new Map();
  nothingStandsTwice(items, findings);
  applicationsAreMadeOnce(items, findings);
  const linked = items.flatMap((item) => linkedOf(item, findings));
  for (const application of linked) componentNamesAreUnique(application, config);
  const known = initializersByName(items);
  for (const { item, report } of linked) if (item.shelf === 'initializers') dependenciesExist(item, known, builtIns, report);
  initializersAreNoCircle(items, findings);
  return findings;
}

function linkedOf(item: Item, findings: Findings): Linked[] {
  const { document } = item;
  const at = SPEC_AT[item.shelf];
  if (document === null || at === undefined || item.diagnostics.some(isError)) return [];
  const spec = specOf(item.shelf, document);
  // The list is made when there is something to put in it: most applications have no finding.
  const report: Report = (...finding) => reporterFor(document, into(findings, item))(...finding);
  return spec === null ? [] : [{ item: { ...item, document }, spec, at, report }];
}

/** Components are found by name. KubeVela 1.1 takes two of one name and lets the last one that is applied win. */
function componentNamesAreUnique({ item, spec, at, report }: Linked, config: RepositoryConfig): void {
  const dialect = configuredDialect(config, item.document) ?? (item.shelf === 'initializers' ? '1.1' : null);
  const severity = dialect === '1.1' ? 'warning' : 'error';
  reportRepeated(
    spec.components.map(({ name }, index) => ({ name, path: [...at, 'components', index, 'name'] })),
    'components',
    report,
    severity,
  );
}

function into(findings: Findings, item: Item): Diagnostic[] {
  const found = findings.get(item) ?? [];
  findings.set(item, found);
  return found;
}

/** Two documents for one object: none of them is used, since nobody knows which was meant. */
function nothingStandsTwice(items: readonly Item[], findings: Findings): void {
  const byIdentity = Map.groupBy(items, (item) => `${groupOf(item.apiVersion)}/${item.kind}/${item.namespace}/${item.name}`);
  for (const same of byIdentity.values()) {
    if (same.length < 2) continue;
    for (const item of same) {
      const others = same.filter((other) => other !== item).map(({ origin }) => `${origin.path}:${origin.line}`);
      const name = item.namespace === '' ? item.name : `${item.namespace}/${item.name}`;
      into(findings, item).push({
        code: 'load/duplicate',
        severity: 'error',
        message: `${item.kind} ${name} is also declared at ${others.join(', ')}`,
        origin: item.origin,
        hint: 'Keep one of them.',
      });
    }
  }
}

/** An Initializer makes an Application of its own name: a document of that name is a second one. */
function applicationsAreMadeOnce(items: readonly Item[], findings: Findings): void {
  const made = initializersByName(items);
  for (const item of items) {
    const initializer = item.shelf === 'applications' ? made.get(`${item.namespace}/${item.name}`) : undefined;
    if (initializer === undefined) continue;
    const name = `${item.namespace}/${item.name}`;
    const say = (at: Item, message: string): void =>
      void into(findings, at).push({ code: 'load/duplicate', severity: 'error', message, origin: at.origin, hint: 'Rename one of them.' });
    say(item, `Application ${name} is also made by the Initializer at ${initializer.origin.path}:${initializer.origin.line}`);
    say(initializer, `Application ${name}, which this Initializer makes, is also declared at ${item.origin.path}:${item.origin.line}`);
  }
}

/** KubeVela 1.1 would wait for ever. */
function initializersAreNoCircle(items: readonly Item[], findings: Findings): void {
  const initializers = items.filter((item) => item.shelf === 'initializers' && item.document !== null && !item.diagnostics.some(isError));
  const byName = new Map(initializers.map((item) => [`${item.namespace}/${item.name}`, item]));
  const dependencies = new Map([...byName].map(([key, item]) => [key, dependenciesOf(item, byName)]));
  for (let cycle = findCycle(dependencies); cycle !== null; cycle = findCycle(dependencies)) {
    for (const [index, key] of cycle.entries()) {
      const item = byName.get(key);
      // Breaking the circle here lets the next one be found.
      const place = (dependencies.get(key) ?? []).indexOf(cycle[(index + 1) % cycle.length] ?? '');
      dependencies.delete(key);
      if (item?.document === null || item === undefined) continue;
      const round = [...cycle.slice(index), ...cycle.slice(0, index), key];
      const origin = item.document.locate(['spec', 'dependsOn', place, 'ref', 'name']);
      into(findings, item).push({
        code: 'load/cycle',
        severity: 'error',
        message: `Initializers wait for each other: ${round.join(' -> ')}`,
        origin,
        hint: 'Take one of the dependsOn entries out.',
      });
    }
  }
}

/** Whether a diagnostic makes its document unusable. */
export function isError(diagnostic: Diagnostic): boolean {
  return diagnostic.severity === 'error';
}
