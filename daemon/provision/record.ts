/**
 * What a Configuration remembers of the cloud, in annotations: ids and times, no secrets. What is really there is found by
 * tags, so that losing them loses nothing but the time of an intent.
 */
import { hash } from 'node:crypto';
import { isRecord, stringify, type Fields } from '../lib/json.ts';
import { timeText } from '../lib/text.ts';
import type { Json, KubeObject } from '../model/object.ts';
import type { Tags } from './cloud.ts';
import type { Value } from './variables.ts';

/** Holds a Configuration until what was made for it is gone. */
export const FINALIZER = 'lateen.dev/configuration';
/** terraform-controller's: it has taken the object, and Lateen leaves it alone. */
export const TERRAFORM_FINALIZER = 'configuration.finalizers.terraform-controller';

const RECORD_ANNOTATION = 'lateen.dev/cloud';
const INTENT_ANNOTATION = 'lateen.dev/cloud-intent';
const VALUES_ANNOTATION = 'lateen.dev/cloud-values';

/** What is known to be made; "" and [] for what is not. */
export interface CloudRecord {
  readonly region: string;
  readonly vpc: string;
  readonly vswitches: readonly string[];
  readonly cluster: string;
  /** The task that makes the cluster. */
  readonly task: string;
  /** When the cluster was asked for, RFC 3339. */
  readonly time: string;
}

/** A cluster is about to be asked for, or was, and it is not known what came of it. */
export interface Intent {
  /** Tells one attempt from another; the cluster carries it as a tag. */
  readonly token: string;
  /** RFC 3339. */
  readonly time: string;
}

const EMPTY_RECORD: CloudRecord = { region: '', vpc: '', vswitches: [], cluster: '', task: '', time: '' };

/** The record of an object; null when nothing was begun under it. */
export function recordOf(object: KubeObject): CloudRecord | null {
  const read = annotation(object, RECORD_ANNOTATION);
  if (read === undefined) return null;
  const text = (name: keyof CloudRecord): string => (typeof read[name] === 'string' ? read[name] : '');
  const vswitches = Array.isArray(read['vswitches']) ? read['vswitches'].filter((id) => typeof id === 'string') : [];
  return { region: text('region'), vpc: text('vpc'), vswitches, cluster: text('cluster'), task: text('task'), time: text('time') };
}

/** The intent of an object; null when there is none. One that cannot be read has an empty time. */
export function intentOf(object: KubeObject): Intent | null {
  const read = annotation(object, INTENT_ANNOTATION);
  if (read === undefined) return null;
  const text = (name: keyof Intent): string => (typeof read[name] === 'string' ? read[name] : '');
  return { token: text('token'), time: Number.isNaN(Date.parse(text('time'))) ? '' : text('time') };
}

/** The values that the cluster was made with; null when they are not known. */
export function madeWith(object: KubeObject): Fields | null {
  return annotation(object, VALUES_ANNOTATION) ?? null;
}

/** A broken annotation is one that says nothing. */
function annotation(object: KubeObject, name: string): Fields | undefined {
  const text = object.metadata.annotations?.[name];
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}

/** Changes to what is remembered: fields of the record, the intent (null: it is settled), the values. */
export interface Note {
  readonly record?: Partial<CloudRecord>;
  readonly intent?: Intent | null;
  readonly values?: Readonly<Record<string, Value>>;
}

/** The annotations of a note, for a merge patch. */
export function annotationsFor(object: KubeObject, note: Note): Readonly<Record<string, Json>> {
  const record = note.record === undefined ? null : { ...EMPTY_RECORD, ...recordOf(object), ...note.record };
  return {
    ...(record === null ? {} : { [RECORD_ANNOTATION]: stringify(Object.fromEntries(Object.entries(record).filter(([, value]) => value.length > 0))) }),
    ...(note.intent === undefined ? {} : { [INTENT_ANNOTATION]: note.intent === null ? null : stringify(note.intent) }),
    ...(note.values === undefined ? {} : { [VALUES_ANNOTATION]: stringify(note.values) }),
  };
}

/** A new intent. */
export function newIntent(object: KubeObject, nowMs: number, random: number): Intent {
  return { token: digest(`${object.metadata.uid ?? ''} ${nowMs} ${random}`).slice(0, 16), time: timeText(nowMs) };
}

const TAG = 'lateen.dev/configuration';
const ATTEMPT_TAG = 'lateen.dev/attempt';
/** Of a tag's value at Alibaba Cloud. */
const TAG_LENGTH_MAX = 128;

/**
 * The tag that everything made for a Configuration carries: the hub (uid of its Namespace kube-system), namespace and
 * name. Not the object's uid: one that was deleted by hand and made again finds its cluster.
 */
export function tagOf(hubId: string, object: KubeObject): readonly [key: string, value: string] {
  const value = `${hubId}.${object.metadata.namespace ?? ''}.${object.metadata.name ?? ''}`;
  return [TAG, value.length <= TAG_LENGTH_MAX ? value : `${hubId}.${digest(value).slice(0, 40)}`];
}

/** All tags of a cluster. */
export function clusterTags(tag: readonly [key: string, value: string], intent: Intent): Tags {
  return { [tag[0]]: tag[1], [ATTEMPT_TAG]: intent.token };
}

const digest = (text: string): string => hash('sha256', text, 'hex');
