/**
 * A hub on which a commit has been carried out to the end: what the next commit is compared with where no cluster is
 * asked. So commit against commit is decided by the same rules as commit against what is live. Pure.
 */
import type { Revision } from '../model/catalog.ts';
import { keyText, type KubeObject } from '../model/object.ts';
import type { Desired, DesiredApplication, Wanted } from '../model/plan.ts';
import type { ApplicationRecord } from '../model/ports.ts';
import type { Observation, Tracked } from '../model/status.ts';
import { finalForm } from './decide.ts';
import { applicationObject, trackerObject } from './records.ts';
import { wishesOf } from './spread.ts';

export interface Simulation {
  readonly records: ReadonlyMap<string, ApplicationRecord>;
  readonly documents: readonly Tracked[];
  readonly observed: ReadonlyMap<string, Observation>;
  readonly ownedCount: number;
}

// What a policy makes has no component; without one it would count as made by a step, of which nothing is known beforehand.
const entryOf = ({ key, component, trait, rules }: Wanted): Tracked => ({
  key,
  component: component === '' ? 'policy' : component,
  trait,
  creator: 'workflow',
  skipGC: rules.gc === 'never',
});

/** The Application as the hub would show it when all of its steps have run. */
function ranApplication(app: DesiredApplication, run: string, revision: Revision, instance: string): KubeObject {
  const { name, number, hash } = app.revision;
  const steps = app.steps.map((step) => ({
    name: step.name,
    type: step.type,
    phase: 'succeeded',
    subSteps: step.subSteps.map((sub) => ({ name: sub.name, type: sub.type, phase: 'succeeded' })),
  }));
  return {
    ...applicationObject(app, null, revision, instance),
    status: { status: 'running', latestRevision: { name, revision: number, revisionHash: hash }, workflow: { appRevision: run, finished: true, steps } },
  };
}

/** The records that `base` leaves, for rendering the next commit: the same content is the same revision again. */
export function recordsOf(
  base: Desired,
  known: ReadonlyMap<string, ApplicationRecord>,
  revision: Revision,
  instance: string,
): ReadonlyMap<string, ApplicationRecord> {
  const records = new Map(known);
  for (const app of base.applications) {
    const id = `${app.namespace}/${app.name}`;
    if (app.fault !== null || known.get(id)?.revisions.some((item) => item.metadata.name === app.revision.name) === true) continue;
    const components = Object.fromEntries(
      Object.entries(app.revision.components).map(([component, name]) => [component, { name, hash: app.revision.componentHashes[component] ?? '' }]),
    );
    const made: KubeObject = {
      apiVersion: 'core.oam.dev/v1beta1',
      kind: 'ApplicationRevision',
      metadata: {
        name: app.revision.name,
        namespace: app.namespace,
        labels: { 'app.oam.dev/app-revision-hash': app.revision.hash },
        annotations: { 'lateen.dev/component-revisions': JSON.stringify(components) },
      },
    };
    records.set(id, {
      namespace: app.namespace,
      name: app.name,
      application: known.get(id)?.application ?? ranApplication(app, app.revision.name, revision, instance),
      trackers: known.get(id)?.trackers ?? [],
      revisions: [...(known.get(id)?.revisions ?? []), made],
      journal: null,
    });
  }
  return records;
}

/** The hub after `base`, as far as `head` has to look at it. */
export function simulate(base: Desired, head: Desired, revision: Revision, instance: string): Simulation {
  const next = new Map(head.applications.map((app) => [`${app.namespace}/${app.name}`, app]));
  const records = new Map<string, ApplicationRecord>();
  const observed = new Map<string, Observation>();
  const see = (wanted: Wanted): void => void observed.set(keyText(wanted.key), { live: finalForm(wanted).object });
  let ownedCount = base.objects.length;
  for (const app of base.applications.filter((item) => item.fault === null)) {
    const id = `${app.namespace}/${app.name}`;
    const after = next.get(id);
    // Both may have got the next number of one hub: only the content tells whether it is another run.
    const version = app.object.metadata.annotations?.['app.oam.dev/publishVersion'];
    const isOther = after !== undefined && after.revision.hash !== app.revision.hash && after.revision.name === app.revision.name;
    const application = ranApplication(app, version ?? (isOther ? `${app.revision.name} of the base` : app.revision.name), revision, instance);
    const wishes = wishesOf(app);
    records.set(id, {
      namespace: app.namespace,
      name: app.name,
      application,
      trackers: [trackerObject(app, application, wishes.map(entryOf), instance)],
      revisions: [],
      journal: null,
    });
    ownedCount += wishes.length;
    wishes.forEach(see);
  }
  base.objects.forEach(see);
  for (const wanted of [...head.applications.flatMap(wishesOf), ...head.objects]) {
    // What is only read is somebody else's: it is taken to be there.
    if (!observed.has(keyText(wanted.key))) observed.set(keyText(wanted.key), wanted.rules.readOnly ? { live: wanted.object } : { absent: true });
  }
  return { records, observed, documents: base.objects.map(entryOf), ownedCount };
}
