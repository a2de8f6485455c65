/**
 * Stage 3: from the catalog to what should be. Each Application by itself, so that a mistake in one holds up no other
 * (I12); what did not change since the last pass is not evaluated again.
 */
import { hashOf } from '../lib/json.ts';
import { mapLimit } from '../lib/queue.ts';
import { isReferring } from '../lib/referring.ts';
import { configuredDialect, DEFAULT_NAMESPACE, INITIALIZER_ANNOTATION, type Catalog, type Dialect, type Document } from '../model/catalog.ts';
import { Fault, toFault, type Diagnostic } from '../model/fault.ts';
import { keyOf, LOCAL, type JsonObject, type KubeObject } from '../model/object.ts';
import {
  PLAIN_RULES,
  type ComponentRef,
  type Desired,
  type DesiredApplication,
  type PlacementRef,
  type PolicyRef,
  type RenderedComponent,
  type RevisionRef,
  type Wanted,
} from '../model/plan.ts';
import { NO_CLUSTERS, type Clusters } from '../model/clusters.ts';
import type { ApplicationRecord } from '../model/ports.ts';
import { asList, asObject, asText, readApplication, type ApplicationSpec, type PolicySpec } from './application.ts';
import { findDefinitions, isObject, noObject, renderComponent, type ComponentRendering, type RenderEnvironment } from './component.ts';
import { HERE, policyContext } from './context.ts';
import { definitionsOf, type Definition, type Definitions, type KnownDefinitions } from './definitions.ts';
import { nameOf, unknownTypeDiagnostic } from './diagnose.ts';
import { ENV_BINDING, envBindingProperties, environmentStepDiagnostics, placementObjects, renderEnvironments } from './environment.ts';
import { renderLabels, withMeta } from './names.ts';
import { deploymentOf, isDeployPolicy, namedPoliciesExist, policyDiagnostics } from './place.ts';
import { hubComponents, placedObjects } from './place-known.ts';
import { nameRevision } from './revision.ts';
import { OBJECT_POLICIES } from './rules.ts';
import { effectiveSteps, type EffectiveSteps } from './steps.ts';
import { isTerraform } from './terraform.ts';
import { orderObjects } from './order.ts';

/** Results of earlier passes by `namespace/name`, each good for one key. The caller keeps it between passes. */
export type RenderMemo = Map<string, { readonly key: string; readonly desired: DesiredApplication; readonly renderFor: Renderer }>;

/** Renders one component for one place, and remembers it. */
type Renderer = (component: ComponentRef, placement: PlacementRef, signal: AbortSignal) => Promise<ComponentRendering>;

export interface RenderInput {
  readonly catalog: Catalog;
  readonly known: KnownDefinitions;
  readonly records: ReadonlyMap<string, ApplicationRecord>;
  readonly environment: Omit<RenderEnvironment, 'definitions'>;
  readonly memo: RenderMemo;
  /** Absent: there are none. */
  readonly clusters?: Clusters;
  /** Only these applications, by `namespace/name`; null for all, with the repository's documents. */
  readonly only: ReadonlySet<string> | null;
}

/** Applications that are rendered at the same time; the evaluator's pool has its own, smaller bound. */
const AT_ONCE_MAX = 8;
/** KubeVela 1.10 gate-keeps these by code, env-binding as well; `health` is gone since 1.9 and `debug` records steps for a tool: neither delivers. */
const CODED_POLICIES: ReadonlySet<string> = new Set([...OBJECT_POLICIES, 'topology', 'override', 'replication', 'health', 'debug']);

const isCodedPolicy = (app: ApplicationSpec, type: string): boolean => CODED_POLICIES.has(type) || (app.dialect === '1.10' && type === ENV_BINDING);

/** Renders every Application of the catalog. Never throws for one of them: its `fault` and `diagnostics` tell. */
export async function render(input: RenderInput): Promise<Desired> {
  const { catalog } = input;
  const definitions = definitionsOf(catalog.definitions, input.known);
  const environment: RenderEnvironment = { ...input.environment, definitions };
  const present = new Set<string>();
  const { only } = input;
  const documents =
    only === null
      ? catalog.applications
      : catalog.applications.filter(({ object }) => only.has(`${object.metadata.namespace ?? DEFAULT_NAMESPACE}/${object.metadata.name ?? ''}`));
  const applications = await mapLimit(
    documents,
    AT_ONCE_MAX,
    async (document) => {
      const app = readApplication(document, dialectOf(catalog, document));
      present.add(nameOf(app));
      return renderApplication(input, environment, app);
    },
    environment.signal,
  );
  if (only !== null) return { applications, objects: [] };
  for (const name of input.memo.keys()) if (!present.has(name)) input.memo.delete(name);
  return { applications, objects: await wantedDocuments(environment, catalog) };
}

/**
 * The dialect of a document: its annotation, the longest configured prefix of its path, the repository's default; else
 * 1.10, and 1.1 for what only 1.1 has.
 */
export function dialectOf(catalog: Pick<Catalog, 'config'>, document: Document): Dialect {
  const configured = configuredDialect(catalog.config, document);
  if (configured !== null) return configured;
  // KubeVela 1.10 has no Initializers.
  if (document.object.metadata.annotations?.[INITIALIZER_ANNOTATION] !== undefined) return '1.1';
  const policies = (
    document.object['spec'] as { policies?: readonly { type?: unknown; properties?: { engine?: unknown; clusterManagementEngine?: unknown } }[] } | undefined
  )?.policies;
  return Array.isArray(policies) &&
    policies.some((policy) => policy?.type === ENV_BINDING && (policy.properties?.engine ?? policy.properties?.clusterManagementEngine) === 'ocm')
    ? '1.1'
    : '1.10';
}

async function renderApplication(input: RenderInput, environment: RenderEnvironment, app: ApplicationSpec): Promise<DesiredApplication> {
  const name = nameOf(app);
  const { used, diagnostics } = collectDefinitions(environment.definitions, app);
  const plan = effectiveSteps(app, environment.definitions, input.catalog.workflows);
  const all = new Map([...used, ...plan.definitions].map((item) => [`${item.kind}/${item.name}`, item]));
  const revision = nameRevision(app, all, plan.steps, input.records.get(name));
  const shared = sharedPolicies(input.catalog, app);
  const key = hashOf([revision, app.document.origin.path, app.document.origin.line, environment.clusterVersion, shared]);
  const hit = input.memo.get(name);
  const isKnown = hit !== undefined && hit.key === key && hit.desired.document === app.document;
  const renderFor = isKnown ? hit.renderFor : rememberingRenderer(environment, app, revision);
  const base = isKnown ? hit.desired : baseOf(environment, app, plan, { revision, shared, renderFor, used: all });
  const errors = [
    ...diagnostics,
    ...plan.diagnostics,
    ...environmentStepDiagnostics(app, plan.steps),
    ...policyDiagnostics(app),
    ...namedPoliciesExist(app, plan.steps, shared),
  ];
  if (errors.some((item) => item.severity === 'error')) return broken(base, errors, null);
  try {
    const desired = isKnown ? base : await renderParts(environment, app, base, renderFor);
    // A rendering that failed for the evaluator's sake (time, memory) is remembered too: only a change can mend it.
    input.memo.set(name, { key, desired, renderFor });
    return desired.fault === null
      ? await withPlaced(desired, input.clusters ?? NO_CLUSTERS, (component, placement) => renderFor(component, placement, environment.signal))
      : desired;
  } catch (error) {
    const fault = toFault(error);
    const place = app.document.origin;
    return broken(base, [{ code: fault.code, severity: 'error', message: fault.message, origin: place, application: name }], fault);
  }
}

function broken(base: DesiredApplication, diagnostics: readonly Diagnostic[], fault: Fault | null): DesiredApplication {
  const first = diagnostics.find((item) => item.severity === 'error');
  return { ...base, diagnostics, fault: fault ?? new Fault(first?.code ?? 'render/template', first?.message ?? 'could not be rendered') };
}

/** Renderings of one application that are kept: it is bounded, for properties that a step gives may be new every time (I7). */
const RENDERINGS_MAX = 1_000;

function rememberingRenderer(environment: RenderEnvironment, app: ApplicationSpec, revision: RevisionRef): Renderer {
  const known = new Map<string, ComponentRendering>();
  return async (component, placement, signal) => {
    const { member, ...place } = placement;
    const key = hashOf([component, place, member?.mode, member?.version]);
    const hit = known.get(key);
    if (hit !== undefined) return hit;
    const result = await renderComponent({ ...environment, signal }, app, component, placement, revision);
    if (known.size >= RENDERINGS_MAX) known.delete(known.keys().next().value ?? '');
    known.set(key, result);
    return result;
  };
}

/** Policy documents of the Application's namespace. KubeVela 1.10: a deploy step finds them by name as well. */
function sharedPolicies(catalog: Catalog, app: ApplicationSpec): readonly PolicyRef[] {
  return catalog.policies
    .filter(
      ({ object }) => object.kind === 'Policy' && (object.metadata.namespace ?? DEFAULT_NAMESPACE) === app.namespace && isDeployPolicy(asText(object['type'])),
    )
    .map(({ object }) => ({ name: object.metadata.name ?? '', type: asText(object['type']), properties: asObject(object['properties']) }));
}

interface Base {
  readonly revision: RevisionRef;
  readonly shared: readonly PolicyRef[];
  readonly renderFor: Renderer;
  readonly used: ReadonlyMap<string, Definition>;
}

function baseOf(environment: RenderEnvironment, app: ApplicationSpec, plan: EffectiveSteps, { revision, shared, renderFor, used }: Base): DesiredApplication {
  const again: DesiredApplication['render'] = async (component, placement, properties, signal) => {
    const spec = typeof component === 'string' ? app.components.find((item) => item.name === component) : component;
    if (spec === undefined) throw new Fault('load/reference', `component ${String(component)} not found`);
    const result = await renderFor(properties === undefined ? spec : { ...spec, properties }, placement, signal);
    if (result.component !== null) return result.component;
    const first = result.diagnostics.find((item) => item.severity === 'error');
    throw new Fault(first?.code ?? 'render/template', first?.message ?? `component ${spec.name} could not be rendered`);
  };
  const madeByTerraform = (component: ComponentRef): boolean => {
    const definition = environment.definitions.find(app.dialect, 'ComponentDefinition', component.type, app.namespace);
    return definition !== null && isTerraform(definition.object);
  };
  const policies = [...app.policies, ...shared.filter((item) => !app.policies.some((own) => own.name === item.name)).map((item) => ({ ...item, index: null }))];
  return {
    namespace: app.namespace,
    name: app.name,
    dialect: app.dialect,
    document: app.document,
    object: app.object,
    revision,
    components: new Map(),
    policyObjects: [],
    steps: plan.steps,
    mode: plan.mode,
    hasWorkflow: app.workflow !== null,
    definitions: new Map([...used].map(([at, item]) => [at, item.object])),
    componentSpecs: app.components,
    policies: app.policies,
    render: again,
    deployment: (names, inline, options) => deploymentOf({ components: app.components, policies, isTerraform: madeByTerraform }, names, inline, options),
    environments: [],
    placed: [],
    diagnostics: [],
    fault: null,
  };
}

/** A component whose inputs a step gives cannot be rendered before that step, nor one whose objects are read then. */
const waitsForInput = (app: ApplicationSpec, name: string): boolean =>
  app.components.some((component) => component.name === name && (component.inputs.length > 0 || isReferring(app, component)));

async function renderParts(environment: RenderEnvironment, app: ApplicationSpec, base: DesiredApplication, renderFor: Renderer): Promise<DesiredApplication> {
  const components = new Map<string, RenderedComponent>();
  const diagnostics: Diagnostic[] = [];
  const onHub = hubComponents(app, base.steps);
  for (const component of app.components) {
    if (waitsForInput(app, component.name)) continue;
    const result = await renderFor(component, HERE, environment.signal);
    diagnostics.push(...result.diagnostics);
    if (result.component !== null && onHub.has(component.name)) components.set(component.name, result.component);
  }
  const policyObjects: Wanted[] = [];
  for (const policy of app.policies) {
    const result = await renderPolicy(environment, app, policy, base.revision);
    diagnostics.push(...result.diagnostics);
    policyObjects.push(...result.objects);
  }
  const bound = await renderEnvironments(environment, app, base.revision);
  const desired = {
    ...base,
    components,
    policyObjects: [...policyObjects, ...placementObjects(app, bound.environments)],
    environments: bound.environments,
    diagnostics: distinct([...diagnostics, ...bound.diagnostics]),
  };
  return desired.diagnostics.some((item) => item.severity === 'error') ? broken(desired, desired.diagnostics, null) : desired;
}

/** Where steps will deliver changes with the clusters, so it is looked at in every pass; what was rendered stays rendered. */
async function withPlaced(desired: DesiredApplication, clusters: Clusters, renderFor: Parameters<typeof placedObjects>[2]): Promise<DesiredApplication> {
  const placed = await placedObjects(desired, clusters, renderFor);
  const diagnostics = distinct([...desired.diagnostics, ...placed.diagnostics]);
  const whole = { ...desired, placed: placed.objects, diagnostics };
  return diagnostics.some((item) => item.severity === 'error') ? broken(whole, diagnostics, null) : whole;
}

/** Each finding once, however many places it was rendered for. */
const distinct = (diagnostics: readonly Diagnostic[]): readonly Diagnostic[] => [
  ...new Map(diagnostics.map((item) => [`${item.message}|${item.origin?.path ?? ''}|${item.origin?.line ?? ''}`, item])).values(),
];

const patchesOf = (policy: PolicySpec): readonly JsonObject[] => {
  if (policy.type === 'override') return asList(policy.properties['components']);
  return policy.type === ENV_BINDING ? asList(policy.properties['envs']).flatMap((env) => asList(asObject(env['patch'])['components'])) : [];
};

function collectDefinitions(
  definitions: Definitions,
  app: ApplicationSpec,
): { readonly used: readonly Definition[]; readonly diagnostics: readonly Diagnostic[] } {
  const used: Definition[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const component of app.components) {
    const found = findDefinitions(definitions, app, component);
    if ('component' in found) used.push(found.component, ...found.traits);
    else diagnostics.push(...found);
  }
  // What overrides add is rendered with definitions that no component of the spec may use; a wrong type is told there.
  for (const patch of app.policies.flatMap(patchesOf)) {
    const named = [
      definitions.find(app.dialect, 'ComponentDefinition', asText(patch['type']), app.namespace),
      ...asList(patch['traits']).map((trait) => definitions.find(app.dialect, 'TraitDefinition', asText(trait['type']), app.namespace)),
    ];
    used.push(...named.filter((item) => item !== null));
  }
  for (const policy of app.policies) {
    if (isCodedPolicy(app, policy.type)) continue;
    const definition = definitions.find(app.dialect, 'PolicyDefinition', policy.type, app.namespace);
    if (definition !== null) used.push(definition);
    else
      diagnostics.push(
        unknownTypeDiagnostic(
          app,
          'PolicyDefinition',
          policy.type,
          ['spec', 'policies', policy.index, 'type'],
          definitions.names(app.dialect, 'PolicyDefinition', app.namespace),
        ),
      );
  }
  return { used, diagnostics };
}

/** An object that a policy's template renders. KubeVela 1.1: named like the policy, in the Application's namespace. */
async function renderPolicy(
  environment: RenderEnvironment,
  app: ApplicationSpec,
  policy: PolicySpec,
  revision: RevisionRef,
): Promise<{ readonly objects: readonly Wanted[]; readonly diagnostics: readonly Diagnostic[] }> {
  if (isCodedPolicy(app, policy.type)) return { objects: [], diagnostics: [] };
  const definition = environment.definitions.find(app.dialect, 'PolicyDefinition', policy.type, app.namespace);
  if (definition === null || definition.template === '') return { objects: [], diagnostics: [] };
  const result = await environment.cue.renderObject({
    dialect: app.dialect,
    template: definition.template,
    parameter: app.dialect === '1.1' && policy.type === ENV_BINDING ? envBindingProperties(policy) : policy.properties,
    context: policyContext(app, policy.name, revision),
  });
  const origin = app.document.locate(['spec', 'policies', policy.index, 'properties']);
  const diagnostics = result.errors.map((error): Diagnostic => ({
    code: error.code === 'parameter' ? 'render/parameter' : 'render/template',
    severity: 'error',
    application: nameOf(app),
    origin,
    message: `policy "${policy.name}" (${policy.type}): ${error.message}`,
  }));
  if (result.output !== null && !isObject(result.output))
    diagnostics.push({
      code: 'render/template',
      severity: 'error',
      application: nameOf(app),
      origin,
      message: `policy "${policy.name}" (${policy.type}): ${noObject('output')}`,
    });
  if (result.output === null || diagnostics.length > 0) return { objects: [], diagnostics };
  const part = { component: policy.name, workloadType: policy.type, traitType: '', output: '' };
  const rendered = result.output as unknown as KubeObject;
  const labelled = withMeta(
    { ...rendered, metadata: { ...rendered.metadata, name: policy.name, namespace: rendered.metadata?.namespace ?? app.namespace } },
    renderLabels(app.name, revision.name, part),
  );
  return { diagnostics, objects: [{ key: keyOf(LOCAL, labelled), object: labelled, component: '', trait: '', output: '', origin, rules: PLAIN_RULES }] };
}

/** Documents that are applied as they are: definitions and everything else that is no Application. */
async function wantedDocuments(environment: RenderEnvironment, catalog: Catalog): Promise<readonly Wanted[]> {
  const documents = [...catalog.definitions, ...catalog.policies, ...catalog.workflows, ...catalog.objects];
  const wanted = await mapLimit(
    documents,
    AT_ONCE_MAX,
    async (document): Promise<Wanted> => {
      const namespaced = await environment.isNamespaced(LOCAL, document.object.apiVersion, document.object.kind);
      const { namespace, ...metadata } = document.object.metadata;
      const object: KubeObject = { ...document.object, metadata: namespaced === false ? metadata : { ...metadata, namespace: namespace ?? 'default' } };
      return {
        key: keyOf(LOCAL, object),
        object,
        component: '',
        trait: '',
        output: '',
        origin: document.origin,
        rules: { ...PLAIN_RULES, force: document.object.metadata.annotations?.['lateen.dev/force'] === 'true' },
      };
    },
    environment.signal,
  );
  return orderObjects(wanted);
}
