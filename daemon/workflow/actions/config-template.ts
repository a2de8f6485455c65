/** The template of a config: CUE text in a ConfigMap of the hub. KubeVela 1.10. */
import { stringify } from '../../lib/json.ts';
import { SYSTEM_NAMESPACE } from '../../model/catalog.ts';
import type { CueObject } from '../../model/cue.ts';
import { Fault } from '../../model/fault.ts';
import { LOCAL, type KubeObject } from '../../model/object.ts';
import type { StepContext } from '../run.ts';
import { cueObject, fieldsOf, refusal, textOf } from './calls.ts';
import { cueFault } from './cue-fault.ts';
import { look } from './kube.ts';
import { namedObjectFrom } from './step-object.ts';

export interface ConfigTemplate {
  readonly name: string;
  readonly namespace: string;
  readonly text: string;
  readonly scope: string;
  readonly sensitive: string;
}

/** What a config consists of. `output` is the Secret as the template gives it, {} without a template. */
export interface ConfigParts {
  /** The template's name, "" for a config without one. */
  readonly template: string;
  readonly output: CueObject;
  readonly outputs: readonly KubeObject[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** The template `name` or `namespace/name`; vela-system is the usual namespace. */
export async function templateNamed(reference: string, context: StepContext): Promise<ConfigTemplate> {
  const slash = reference.indexOf('/');
  const namespace = slash < 0 ? SYSTEM_NAMESPACE : reference.slice(0, slash);
  const name = reference.slice(slash + 1);
  const seen = await look({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `config-template-${name}`, namespace } }, LOCAL, context);
  if ('fault' in seen) throw seen.fault;
  if ('absent' in seen) throw refusal(`the template does not exist: ConfigMap ${namespace}/config-template-${name}`);
  const { labels, annotations } = seen.live.metadata;
  return {
    name,
    namespace,
    text: textOf(fieldsOf(seen.live['data'])['template']),
    scope: labels?.['config.oam.dev/scope'] ?? '',
    sensitive: annotations?.['config.oam.dev/sensitive'] ?? 'false',
  };
}

/**
 * Renders a config's objects. A template's text has everything below `template`: `parameter`, `output`, `outputs`.
 * What writes elsewhere (nacos) or asks a provider for its validation is refused by name.
 */
export async function renderConfig(template: ConfigTemplate | null, params: CueObject, context: StepContext): Promise<ConfigParts> {
  if (template === null) return { template: '', output: {}, outputs: [], labels: {}, annotations: {} };
  for (const feature of ['nacos', 'validation']) {
    if (new RegExp(`^\\s*${feature}\\s*:`, 'm').test(template.text))
      throw new Fault('workflow/unsupported', `config template ${template.name}: ${feature} is not supported`);
  }
  const text = `${template.text}\ntemplate: parameter: ${stringify(params['config'] ?? {})}\nif template.output != _|_ {output: template.output}\nif template.outputs != _|_ {outputs: template.outputs}\n`;
  const result = await context.cue.renderObject(
    { dialect: '1.10', template: text, parameter: {}, context: { name: textOf(params['name']), namespace: textOf(params['namespace']) } },
    { signal: context.signal },
  );
  if (result.errors.length > 0) throw cueFault(result.errors, `config template ${template.name}`);
  return {
    template: template.name,
    output: result.output ?? {},
    outputs: result.outputs.map(({ object }) => namedObjectFrom(cueObject(object))),
    labels: { 'config.oam.dev/scope': template.scope },
    annotations: { 'config.oam.dev/sensitive': template.sensitive, 'config.oam.dev/template-namespace': template.namespace },
  };
}
