/**
 * KubeVela 1.10's component type `ref-objects`: what is in a cluster already goes to other places as it is. Its
 * properties say which objects; they are read when a step delivers the component, and their content takes their place.
 */
import { isRecord } from '../../lib/json.ts';
import { Fault } from '../../model/fault.ts';
import { describeKey, keyOf, keyText, LOCAL, type Json, type JsonObject, type KubeObject } from '../../model/object.ts';
import type { ComponentRef } from '../../model/plan.ts';
import type { StepContext } from '../run.ts';

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/**
 * The properties with the objects themselves in place of what names them. Throws load/unsupported for `urls`,
 * workflow/step-failed for a selector that is none, transport/* for what is not there: KubeVela's words.
 */
export async function withReferred(context: Pick<StepContext, 'desired' | 'transport' | 'signal'>, component: ComponentRef): Promise<Json> {
  const properties = isRecord(component.properties) ? component.properties : {};
  if (Array.isArray(properties['urls']) && properties['urls'].length > 0)
    throw new Fault('workflow/unsupported', `component ${component.name}: objects from urls are not fetched; put them into the repository`);
  const selectors = (Array.isArray(properties['objects']) ? properties['objects'] : []).filter(isRecord) as readonly JsonObject[];
  const found = (await Promise.all(selectors.map((selector) => select(context, component.name, selector)))).flat();
  const each = new Map(found.map((object) => [keyText(keyOf(LOCAL, object)), bare(object)]));
  return { objects: [...each.values()] as unknown as Json };
}

async function select(
  { desired, transport, signal }: Pick<StepContext, 'desired' | 'transport' | 'signal'>,
  component: string,
  selector: JsonObject,
): Promise<readonly KubeObject[]> {
  const [resource, name] = [text(selector['resource']), text(selector['name'])];
  const labels = isRecord(selector['labelSelector']) ? selector['labelSelector'] : null;
  if (resource === '') throw new Fault('workflow/step-failed', `component ${component}: resource is not set, e.g. "configmap"`);
  if (labels !== null && name !== '') throw new Fault('workflow/step-failed', `component ${component}: name and labelSelector cannot be both set`);
  const cluster = text(selector['cluster']) || LOCAL;
  const kind = (await transport.kindOf?.(cluster, text(selector['group']), resource, signal)) ?? null;
  if (kind === null) throw new Fault('transport/no-kind', `no kind found for resource ${resource}`);
  const namespace = text(selector['namespace']) || desired.namespace;
  const isNamespaced = (await transport.isNamespaced(cluster, kind.apiVersion, kind.kind, signal)) !== false;
  if (labels !== null) {
    const listed = await transport.list(
      cluster,
      kind.apiVersion,
      kind.kind,
      isNamespaced ? namespace : '',
      Object.entries(labels)
        .map(([key, value]) => `${key}=${String(value)}`)
        .join(','),
      signal,
    );
    return listed.map((object) => ({ ...object, ...kind })).toSorted((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1));
  }
  const key = keyOf(cluster, { ...kind, metadata: { name: name || component, ...(isNamespaced ? { namespace } : {}) } });
  const seen = (await transport.observe([key], signal)).get(keyText(key));
  if (seen !== undefined && 'fault' in seen) throw seen.fault;
  if (seen === undefined || 'absent' in seen) throw new Fault('transport/gone', `failed to load ref object ${describeKey(key)}: not found`);
  return [{ ...seen.live, ...kind }];
}

/** What a server or who applies keeps on an object, and what is only right where it is. */
const KEPT_BY_OTHERS =
  /^(?:oam\.dev\/(?:render-hash|kubevela-version)|app\.oam\.dev\/last-applied-|kubectl\.kubernetes\.io\/last-applied-configuration|lateen\.dev\/)/;

function bare({ metadata, status: _status, ...rest }: KubeObject): KubeObject {
  const kept = (all: Readonly<Record<string, string>> | undefined): Record<string, string> =>
    Object.fromEntries(Object.entries(all ?? {}).filter(([name]) => !KEPT_BY_OTHERS.test(name)));
  const [labels, annotations] = [kept(metadata.labels), kept(metadata.annotations)];
  const spec =
    rest.kind === 'Service' && rest.apiVersion === 'v1' && isRecord(rest['spec']) && rest['spec']['clusterIP'] !== 'None'
      ? { spec: withoutAddress(rest['spec']) }
      : {};
  const { name, namespace } = metadata;
  return {
    ...rest,
    ...spec,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(Object.keys(labels).length === 0 ? {} : { labels }),
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    },
  } as KubeObject;
}

function withoutAddress(spec: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { clusterIP: _address, clusterIPs: _addresses, ...rest } = spec;
  return rest;
}
