/** What a run begins with: its name, its empty journal, the ids of its steps, and what they know of their application. Pure. */
import { createHash } from 'node:crypto';
import { timeText } from '../lib/text.ts';
import type { CueObject } from '../model/cue.ts';
import type { DesiredApplication } from '../model/plan.ts';
import { EMPTY_JOURNAL } from '../model/ports.ts';
import type { Journal } from '../model/status.ts';

/** Ten characters like KubeVela's step ids, but the same for the same run, so that a restart finds its own objects. */
export function stepId(desired: DesiredApplication, startTime: string, step: string): string {
  const digest = createHash('sha256').update([desired.namespace, desired.name, desired.revision.name, startTime, step].join('/')).digest();
  return [...digest.subarray(0, 10)].map((byte) => 'abcdefghijklmnopqrstuvwxyz0123456789'[byte % 36]).join('');
}

/** The name of the run that this content belongs to. KubeVela 1.10: publishVersion when it is set. */
export function runNameOf(desired: DesiredApplication): string {
  return desired.object.metadata.annotations?.['app.oam.dev/publishVersion'] ?? desired.revision.name;
}

/** A journal for a run that begins now. */
export function freshJournal(desired: DesiredApplication, nowMs: number): Journal {
  return {
    ...EMPTY_JOURNAL,
    appRevision: runNameOf(desired),
    mode: `${desired.mode.steps}-${desired.mode.subSteps}`,
    state: 'executing',
    startTime: timeText(nowMs),
  };
}

/** The `context` that a step's `if` and inputs may read. */
export function stepContextObject(desired: DesiredApplication): CueObject {
  return {
    name: desired.name,
    namespace: desired.namespace,
    appName: desired.name,
    appRevision: desired.revision.name,
    appRevisionNum: desired.revision.number,
    workflowName: desired.name,
    publishVersion: runNameOf(desired),
    appLabels: { ...desired.object.metadata.labels },
    appAnnotations: { ...desired.object.metadata.annotations },
  };
}
