/** One component with its traits, rendered for one placement: labels, names and namespaces as KubeVela gives them. */
import { parseJson, stringify } from '../lib/json.ts';
import type { CueAuxiliary, CueEvaluator, CueObject } from '../model/cue.ts';
import { Fault, toFault, type Diagnostic } from '../model/fault.ts';
import type { JsonObject, KubeObject } from '../model/object.ts';
import { keyOf, LOCAL } from '../model/object.ts';
import type { ComponentRef, PlacementRef, RenderedComponent, RenderedTrait, RevisionRef, Wanted } from '../model/plan.ts';
import { objectPolicies, type ApplicationSpec } from './application.ts';
import type { ClusterVersion } from '../model/cluster-version.ts';
import { componentContext, REVISION_PLACEHOLDER } from './context.ts';
import { otherSchematicOf, statusTemplatesOf, workloadOf, type Definition, type Definitions } from './definitions.ts';
import {
  diagnosticOf,
  gaveUpDiagnostic,
  managedDiagnostic,
  noTemplateDiagnostic,
  terraformDiagnostic,
  unknownTypeDiagnostic,
  unknownPropertyDiagnostic,
} from './diagnose.ts';
import { hashedName, inherited, renderLabels, withMeta, type Part } from './names.ts';
import { rulesFor } from './rules.ts';
import { configurationOf, isTerraform, TERRAFORM_STATUS } from './terraform.ts';

/** What rendering needs from outside. */
export interface RenderEnvironment {
  readonly cue: CueEvaluator;
  readonly definitions: Definitions;
  readonly clusterVersion: ClusterVersion;
  /** Null when the cluster does not know the kind (yet). */
  readonly isNamespaced: (cluster: string, apiVersion: string, kind: string) => Promise<boolean | null>;
  readonly signal: AbortSignal;
}

/** Which of KubeVela 1.1's paths an object takes: 2.5 tells how each gives names. */
export type RenderPath = 'application' | 'environment';

export interface ComponentRendering {
  readonly component: RenderedComponent | null;
  readonly diagnostics: readonly Diagnostic[];
}

interface Found {
  readonly component: Definition;
  readonly traits: readonly Definition[];
}

/** The definitions that a component uses, or what is wrong with its types. */
export function findDefinitions(definitions: Definitions, app: ApplicationSpec, component: ComponentRef): Found | readonly Diagnostic[] {
  const missing: Diagnostic[] = [];
  const find = (kind: 'ComponentDefinition' | 'TraitDefinition', type: string, path: readonly (string | number)[]): Definition | null => {
    const found = definitions.find(app.dialect, kind, type, app.namespace);
    if (found === null) missing.push(unknownTypeDiagnostic(app, kind, type, path, definitions.names(app.dialect, kind, app.namespace)));
    return found;
  };
  const { at } = component;
  const own = find('ComponentDefinition', component.type, [...at, 'type']);
  const traits = component.traits.map((trait, i) => find('TraitDefinition', trait.type, [...at, 'traits', i, 'type']));
  return own === null || missing.length > 0 ? missing : { component: own, traits: traits.filter((trait) => trait !== null) };
}

/**
 * Renders `component` for `placement`. A mistake of the author comes back as diagnostics, with `component` null, and
 * so does a template that takes too much time or memory; the evaluator's own failures are thrown. KubeVela: spec/kubevela.md 2.1 to 2.7.
 */
export async function renderComponent(
  env: RenderEnvironment,
  app: ApplicationSpec,
  component: ComponentRef,
  placement: PlacementRef,
  revision: RevisionRef,
  path: RenderPath = 'application',
): Promise<ComponentRendering> {
  const found = findDefinitions(env.definitions, app, component);
  if (!('component' in found)) return { component: null, diagnostics: found };
  const where = { app, component, own: found.component, traits: found.traits };
  const configuration = isTerraform(found.component.object) ? configurationOf(app.dialect, found.component.object, component, app.namespace) : null;
  if (configuration !== null && 'mistake' in configuration) return { component: null, diagnostics: [terraformDiagnostic(where, configuration.mistake)] };
  const other = otherSchematicOf(found.component.object);
  if (other !== null) return { component: null, diagnostics: [noTemplateDiagnostic(where, other)] };
  const template = configuration === null ? found.component.template : '';
  const context = componentContext(app, component, placement, revision, env.clusterVersion);
  const rendering = env.cue.renderComponent(
    {
      dialect: app.dialect,
      component: { name: component.name, type: component.type, template },
      ...(configuration === null ? {} : { output: configuration.output }),
      parameter: component.properties,
      context: context,
      traits: component.traits.map((trait, i) => ({
        type: trait.type,
        template: found.traits[i]?.template ?? '',
        parameter: trait.properties,
        ...(app.dialect === '1.10' ? { context: { componentType: component.type } } : {}),
      })),
    },
    { signal: env.signal },
  );
  const result = await rendering.catch((error: unknown) => {
    const fault = toFault(error);
    if (fault.kind !== 'invalid') throw fault;
    return fault;
  });
  if (result instanceof Fault) return { component: null, diagnostics: [gaveUpDiagnostic(app, component, found.component, result)] };
  const diagnostics = [
    ...found.traits.flatMap((trait, i) =>
      app.dialect === '1.1' && (trait.object['spec'] as JsonObject)['manageWorkload'] === true ? [managedDiagnostic(where, i)] : [],
    ),
    ...result.errors.map((error) => diagnosticOf(where, error, 'error')),
    ...result.warnings.map((error) => diagnosticOf(where, error, 'warning')),
    ...result.unknownParameters.map((unknown) => unknownPropertyDiagnostic(where, unknown)),
    ...(configuration?.unknown ?? []).map((name) => unknownPropertyDiagnostic(where, { path: ['parameter', name], declared: configuration?.declared ?? [] })),
  ];
  if (result.output !== null && !isObject(result.output)) diagnostics.push(diagnosticOf(where, { code: 'template', message: noObject('output') }, 'error'));
  for (const { object, trait, name } of result.outputs)
    if (!isObject(object))
      diagnostics.push(diagnosticOf(where, { code: 'template', message: noObject(`outputs.${name}`), ...(trait < 0 ? {} : { trait }) }, 'error'));
  if (diagnostics.some((item) => item.severity === 'error')) return { component: null, diagnostics };
  const objects = await wantedObjects(env, app, component, { placement, revision, path }, found, result.output, result.outputs);
  return {
    diagnostics,
    component: {
      name: component.name,
      type: component.type,
      workload: workloadIdentity(found.component, result.output),
      cluster: placement.cluster === '' ? LOCAL : placement.cluster,
      namespace: placement.namespace === '' ? app.namespace : placement.namespace,
      replicaKey: placement.replicaKey,
      objects,
      template,
      parameter: component.properties,
      context,
      status:
        app.dialect === '1.10' && isManaged(found) ? {} : configuration === null ? statusTemplatesOf(found.component.object) : TERRAFORM_STATUS[app.dialect],
      traits: component.traits.map((trait, i): RenderedTrait => ({
        type: trait.type,
        template: found.traits[i]?.template ?? '',
        parameter: trait.properties,
        status: statusTemplatesOf(found.traits[i]?.object ?? found.component.object),
        stage: stageOf(found.traits[i]),
      })),
    },
  };
}

/** Whether what a template gave can be applied at all: properties may stand for the whole object. */
export const isObject = (object: CueObject): boolean => [object['apiVersion'], object['kind']].every((text) => typeof text === 'string' && text !== '');
/** What is said of one that cannot. */
export const noObject = (name: string): string => `${name} is no Kubernetes object: it needs an "apiVersion" and a "kind"`;

/** `status.services[].workloadDefinition`: what the definition declares, else what was rendered. */
function workloadIdentity(definition: Definition, output: CueObject | null): { readonly apiVersion: string; readonly kind: string } {
  const declared = workloadOf(definition.object);
  if (declared.kind !== '' && declared.apiVersion !== '') return declared;
  return { apiVersion: String(output?.['apiVersion'] ?? ''), kind: String(output?.['kind'] ?? '') };
}

function stageOf(definition: Definition | undefined): RenderedTrait['stage'] {
  const stage = (definition?.object['spec'] as JsonObject | undefined)?.['stage'];
  return stage === 'PreDispatch' || stage === 'PostDispatch' ? stage : 'DefaultDispatch';
}

/** A trait with manageWorkload delivers the workload itself: the rendered one is not applied, nor is its health looked at. KubeVela: rollout. */
const isManaged = (found: Found): boolean => found.traits.some((trait) => (trait.object['spec'] as JsonObject)['manageWorkload'] === true);

interface Circumstances {
  readonly placement: PlacementRef;
  readonly revision: RevisionRef;
  readonly path: RenderPath;
}

async function wantedObjects(
  env: RenderEnvironment,
  app: ApplicationSpec,
  component: ComponentRef,
  { placement, revision, path }: Circumstances,
  found: Found,
  output: CueObject | null,
  outputs: readonly CueAuxiliary[],
): Promise<readonly Wanted[]> {
  const parts: { part: Part; object: KubeObject; manages: boolean; controlPlane: boolean }[] = [];
  if (output !== null && !isManaged(found)) {
    parts.push({
      part: { component: component.name, workloadType: component.type, traitType: '', output: '' },
      object: output as unknown as KubeObject,
      manages: false,
      controlPlane: false,
    });
  }
  for (const aux of outputs) {
    const spec = (aux.trait < 0 ? undefined : found.traits[aux.trait]?.object['spec']) as JsonObject | undefined;
    parts.push({
      part: { component: component.name, workloadType: '', traitType: aux.type, output: aux.name },
      object: aux.object as unknown as KubeObject,
      manages: spec?.['manageWorkload'] === true,
      controlPlane: spec?.['controlPlaneOnly'] === true,
    });
  }
  const policies = objectPolicies(app);
  return Promise.all(
    parts.map(async ({ part, object, manages, controlPlane }): Promise<Wanted> => {
      const target = controlPlane ? { cluster: LOCAL, namespace: app.namespace, replicaKey: placement.replicaKey } : placement;
      const named =
        app.dialect === '1.1' ? finish11(app, part, object, { placement, revision, path }) : finish110(app, part, object, revision, target, manages);
      const cluster = target.cluster === '' ? LOCAL : target.cluster;
      const whole = (await isNamespaced(env, placement, cluster, named)) === false ? withoutNamespace(named) : named;
      return {
        key: keyOf(cluster, whole),
        object: whole,
        component: component.name,
        trait: part.traitType,
        output: part.output,
        origin: app.document.locate(component.at),
        rules: rulesFor(policies, whole, part, component.type),
      };
    }),
  );
}

/** Asks the cluster; where there is no way to it, or it does not answer, the hub knows the kind as well as any. */
async function isNamespaced(env: RenderEnvironment, placement: PlacementRef, cluster: string, object: KubeObject): Promise<boolean | null> {
  const ask = (name: string): Promise<boolean | null> => env.isNamespaced(name, object.apiVersion, object.kind);
  if (cluster === LOCAL) return ask(LOCAL);
  const own =
    placement.member?.mode === 'ocm'
      ? null
      : await ask(cluster).catch((error: unknown) => {
          const fault = toFault(error);
          if (fault.kind === 'cancelled' || fault.kind === 'bug') throw fault;
          return null;
        });
  return own ?? ask(LOCAL);
}

function withoutNamespace(object: KubeObject): KubeObject {
  const { namespace: _namespace, ...metadata } = object.metadata;
  return { ...object, metadata };
}

const rename = (object: KubeObject, name: string, namespace: string): KubeObject => ({ ...object, metadata: { ...object.metadata, name, namespace } });

/** KubeVela 1.10: spec/kubevela.md 2.4 column new, 2.5. */
function finish110(app: ApplicationSpec, part: Part, rendered: KubeObject, revision: RevisionRef, placement: PlacementRef, manages: boolean): KubeObject {
  const labelled = withMeta({ ...rendered, metadata: rendered.metadata ?? {} }, renderLabels(app.name, revision.name, part));
  const name = labelled.metadata.name || (part.traitType === '' ? part.component : hashedName('1.10', part.component, part.traitType, labelled));
  const namespace = placement.namespace || labelled.metadata.namespace || app.namespace;
  const from = inherited('1.10', app.object);
  const own = withMeta(rename(labelled, name, namespace), {
    'app.oam.dev/resourceType': part.traitType === '' ? 'WORKLOAD' : 'TRAIT',
    'app.oam.dev/app-revision-hash': revision.hash,
    'app.oam.dev/revision': '',
    'app.oam.dev/namespace': app.namespace,
    ...(labelled.metadata.labels?.['app.oam.dev/cluster'] ? {} : { 'app.oam.dev/cluster': placement.cluster }),
    ...(manages ? { 'trait.oam.dev/manage-workload': 'true' } : {}),
  });
  return withMeta(own, from.labels, from.annotations, false);
}

/** KubeVela 1.1: spec/kubevela.md 2.4, 2.5; with a workflow or a policy only the render labels, else all. */
function finish11(app: ApplicationSpec, part: Part, rendered: KubeObject, { placement, revision, path }: Circumstances): KubeObject {
  const isDirect = app.workflow === null && app.policies.length === 0;
  if (path === 'environment') return finishEnvironment(app, part, rendered, placement);
  const componentRevision = revision.components[part.component] ?? '';
  const replaced =
    part.traitType === '' ? rendered : (parseJson(stringify(rendered).replaceAll(REVISION_PLACEHOLDER, componentRevision)) as unknown as KubeObject);
  const labelled = withMeta({ ...replaced, metadata: replaced.metadata ?? {} }, renderLabels(app.name, revision.name, part));
  const isWorkload = part.traitType === '';
  const given = labelled.metadata.name ?? '';
  const name = isWorkload
    ? isDirect || given === ''
      ? part.component
      : given
    : given !== ''
      ? given
      : isDirect
        ? hashedName('1.1', part.component, part.traitType, labelled)
        : part.component;
  const named = rename(labelled, name, labelled.metadata.namespace || app.namespace);
  if (!isDirect) return named;
  const from = inherited('1.1', app.object);
  const own = withMeta(named, {
    'app.oam.dev/resourceType': isWorkload ? 'WORKLOAD' : 'TRAIT',
    'app.oam.dev/app-revision-hash': revision.hash,
    'app.oam.dev/revision': componentRevision,
  });
  return withMeta(own, from.labels, from.annotations, true);
}

/** KubeVela 1.1, env-binding: the workload is named like its component, a trait's object by its hash; no revision anywhere. */
function finishEnvironment(app: ApplicationSpec, part: Part, rendered: KubeObject, placement: PlacementRef): KubeObject {
  const labelled = withMeta({ ...rendered, metadata: rendered.metadata ?? {} }, renderLabels(app.name, '', part));
  const name = part.traitType === '' ? part.component : labelled.metadata.name || hashedName('1.1', part.component, part.traitType, labelled);
  return rename(labelled, name, placement.namespace || labelled.metadata.namespace || app.namespace);
}
