/** `vela/config`: configs, which are Secrets with labels of their own. KubeVela 1.10. */
import { isRecord, parseJson, stringify } from '../../lib/json.ts';
import { SYSTEM_NAMESPACE } from '../../model/catalog.ts';
import type { CueObject, CueStepCall } from '../../model/cue.ts';
import { LOCAL, type KubeObject } from '../../model/object.ts';
import type { Action, StepContext } from '../run.ts';
import { answer, complete, fieldsOf, listOf, refusal, textOf, type Provider } from './calls.ts';
import { renderConfig, templateNamed, type ConfigParts } from './config-template.ts';
import { look } from './kube.ts';
import { deliverAll, namedObjectFrom, wantedFor } from './step-object.ts';

const CATALOG = 'config.oam.dev/catalog';
const CATALOG_NAME = 'velacore-config';
const TYPE = 'config.oam.dev/type';
/** The properties that a config was made from, as JSON. */
const PROPERTIES = 'input-properties';
/** The objects that a config's template made beside the Secret. */
const REFERENCES = 'objects-reference';

const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');

const secretRef = (params: CueObject): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: textOf(params['name']), namespace: textOf(params['namespace']) },
});

async function existing(params: CueObject, context: StepContext): Promise<KubeObject | null> {
  const seen = await look(secretRef(params), LOCAL, context);
  if ('fault' in seen) throw seen.fault;
  return 'absent' in seen ? null : seen.live;
}

/** The value of one key of a Secret as JSON; undefined where there is none or it is no JSON. */
function jsonAt(secret: KubeObject, key: string): unknown {
  const value = fieldsOf(secret['data'])[key];
  if (typeof value !== 'string') return undefined;
  try {
    return parseJson(Buffer.from(value, 'base64').toString('utf8'));
  } catch {
    return undefined;
  }
}

/** The config's Secret: what the template rendered, and KubeVela's marks on it. */
function secretOf(params: CueObject, parts: ConfigParts): KubeObject {
  const { name = '', labels, annotations } = fieldsOf(parts.output['metadata']) as KubeObject['metadata'];
  const type = textOf(parts.output['type']) || (parts.template === '' ? '' : `/${parts.template}`);
  const { apiVersion: _apiVersion, kind: _kind, metadata: _metadata, type: _type, ...content } = parts.output;
  const references = parts.outputs.map(({ apiVersion, kind, metadata }) => ({ kind, namespace: metadata.namespace, name: metadata.name, apiVersion }));
  return {
    ...content,
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: name || textOf(params['name']),
      namespace: textOf(params['namespace']),
      labels: { ...labels, ...parts.labels, [CATALOG]: CATALOG_NAME, [TYPE]: parts.template },
      annotations: { ...annotations, ...parts.annotations, 'config.oam.dev/alias': '', 'config.oam.dev/description': '' },
    },
    ...(type === '' ? {} : { type }),
    data: {
      ...fieldsOf(parts.output['data']),
      [PROPERTIES]: base64(stringify(params['config'] ?? {})),
      ...(references.length === 0 ? {} : { [REFERENCES]: base64(stringify(references)) }),
    },
  };
}

/**
 * Writes a config. It belongs to the application like anything a step applies, but carries no cluster label. A config
 * keeps its template and its type: another is refused.
 */
const create: Action = async (call, context) => {
  const { params } = call;
  const template = textOf(params['template']);
  const parts = await renderConfig(template === '' ? null : await templateNamed(template, context), params, context);
  const secret = secretOf(params, parts);
  const before = await existing(params, context);
  if (before !== null) {
    if ((before.metadata.labels?.[TYPE] ?? '') !== parts.template) throw refusal('the template of the config can not be changed');
    if (secret['type'] !== undefined && before['type'] !== secret['type']) throw refusal('the secret type of the config can not be changed');
  }
  const wanted = [await wantedFor(secret, '', context, 'owner')];
  for (const object of parts.outputs) wanted.push(await wantedFor(object, '', context, 'owner'));
  await deliverAll(wanted, context);
  return answer({});
};

const isSensitive = (secret: KubeObject): boolean => secret.metadata.annotations?.['config.oam.dev/sensitive'] === 'true';

const read: Action = async (call, context) => {
  const secret = await existing(call.params, context);
  if (secret === null) throw refusal(`the config ${textOf(call.params['name'])} not found`);
  if (isSensitive(secret)) throw refusal('the config is sensitive');
  const config = jsonAt(secret, PROPERTIES);
  if (!isRecord(config)) throw refusal(`Secret ${textOf(call.params['name'])} is not a config`);
  return answer({ config });
};

/** The configs of a template in a namespace, by name; sensitive ones are left out. */
const list: Action = async (call, context) => {
  const [template, namespace] = [textOf(call.params['template']), textOf(call.params['namespace'])];
  if (template === '' || namespace === '') throw refusal('config.list needs template and namespace');
  const type = template.slice(template.indexOf('/') + 1);
  const secrets = await context.transport.list(LOCAL, 'v1', 'Secret', namespace, `${CATALOG}=${CATALOG_NAME},${TYPE}=${type}`, context.signal);
  const configs = secrets
    .filter((secret) => !isSensitive(secret))
    .map((secret) => ({
      name: secret.metadata.name ?? '',
      alias: secret.metadata.annotations?.['config.oam.dev/alias'] ?? '',
      description: secret.metadata.annotations?.['config.oam.dev/description'] ?? '',
      config: jsonAt(secret, PROPERTIES) ?? {},
    }));
  return answer({ configs: configs.sort((a, b) => (a.name < b.name ? -1 : 1)) });
};

/** Deletes a config and the objects that its template made. */
const remove: Action = async (call: CueStepCall, context) => {
  const secret = await existing(call.params, context);
  if (secret === null) throw refusal(`the config ${textOf(call.params['name'])} not found`);
  if (secret.metadata.labels?.[CATALOG] !== CATALOG_NAME) throw refusal('found a secret but is not a config');
  for (const reference of listOf(jsonAt(secret, REFERENCES)).filter(isRecord)) {
    const { apiVersion, kind, name, namespace } = reference;
    await context.delivery.remove(
      namedObjectFrom({
        apiVersion: textOf(apiVersion),
        kind: textOf(kind),
        metadata: { name: textOf(name), namespace: textOf(namespace) || SYSTEM_NAMESPACE },
      }),
      LOCAL,
    );
  }
  await context.delivery.remove(secret, LOCAL);
  return answer({});
};

export const CONFIG: Provider = { create: complete(create), read: complete(read, ['config']), list: complete(list, ['configs']), delete: complete(remove) };
