/**
 * KubeVela 1.1's environments: what an env-binding policy makes of the components, rendered once for each environment,
 * and whether the steps that deliver them name what is there (spec/kubevela.md 4).
 */
import type { Dialect, Path } from '../model/catalog.ts';
import type { Diagnostic } from '../model/fault.ts';
import { keyOf, LOCAL, type JsonObject, type KubeObject } from '../model/object.ts';
import { PLAIN_RULES, type Environment, type PlacementRef, type RenderedComponent, type RevisionRef, type Step, type Wanted } from '../model/plan.ts';
import { asList, asObject, asText, type ApplicationSpec, type PolicySpec } from './application.ts';
import { renderComponent, type RenderEnvironment } from './component.ts';
import { HERE } from './context.ts';
import { nameOf } from './diagnose.ts';
import { patchEnvironment } from './patch.ts';
import { suggestion } from './rules.ts';

export const ENV_BINDING = 'env-binding';

/** One behaviour under the names that it had in KubeVela 1.1's examples and releases. */
const ENVIRONMENT_STEPS: ReadonlySet<string> = new Set(['multi-env', 'deploy2cluster', 'mutil-env', 'deploy2env']);

/** The engine that a policy names. KubeVela 1.1.0: `engine`, default ocm; 1.1.1 and later: `clusterManagementEngine`. */
export const engineOf = (policy: Pick<PolicySpec, 'properties'>): string =>
  asText(policy.properties['engine']) || asText(policy.properties['clusterManagementEngine']) || 'ocm';

/** The policies that speak of environments. */
export const envPolicies = (app: ApplicationSpec): readonly PolicySpec[] => app.policies.filter((policy) => policy.type === ENV_BINDING);

/** Whether a step type delivers to an environment. KubeVela 1.10 has kept one name of them. */
export const isEnvironmentStep = (dialect: Dialect, type: string): boolean => (dialect === '1.1' ? ENVIRONMENT_STEPS.has(type) : type === 'deploy2env');

/** The properties as the definition of 1.1.0 knows them, whichever spelling the author has used. */
export function envBindingProperties(policy: PolicySpec): JsonObject {
  const { clusterManagementEngine: later, ...properties } = policy.properties;
  return later === undefined || properties['engine'] !== undefined ? properties : { ...properties, engine: later };
}

type Say = (at: Path, message: string, hint: string) => void;

export interface Environments {
  readonly environments: readonly Environment[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Patches and renders every environment. An author's mistake is a diagnostic; the evaluator's failures are thrown. */
export async function renderEnvironments(env: RenderEnvironment, app: ApplicationSpec, revision: RevisionRef): Promise<Environments> {
  const diagnostics: Diagnostic[] = [];
  const say: Say = (at, message, hint) =>
    void diagnostics.push({ code: 'render/patch', severity: 'error', application: nameOf(app), message, origin: app.document.locate(at, 'value'), hint });
  const environments: Environment[] = [];
  if (app.dialect !== '1.1') return { environments, diagnostics };
  for (const policy of envPolicies(app)) {
    for (const [index, item] of asList(policy.properties['envs']).entries()) {
      const at: Path = ['spec', 'policies', policy.index, 'properties', 'envs', index];
      const frame = frameOf(app, policy, item, at, say);
      const patched = patchEnvironment(
        app.components,
        asList(asObject(item['patch'])['components']),
        asText(item['name']),
        [...at, 'patch', 'components'],
        say,
      );
      if (frame === null || diagnostics.length > 0) continue;
      const components: RenderedComponent[] = [];
      for (const component of patched) {
        // KubeVela 1.1: manifests for OCM carry no revision; other engines render the whole application again.
        const result = await renderComponent(env, app, component, placementOf(frame, item), { ...revision, name: '', number: 0 }, 'environment');
        diagnostics.push(...result.diagnostics);
        if (result.component !== null) components.push(result.component);
      }
      environments.push({ ...frame, components });
    }
  }
  return { environments, diagnostics };
}

/** OCM ignores the namespace selector; the other engines put everything into its namespace. */
function placementOf(frame: Omit<Environment, 'components'>, item: JsonObject): PlacementRef {
  return frame.by === 'ocm' ? HERE : { ...HERE, namespace: asText(asObject(asObject(item['placement'])['namespaceSelector'])['name']) };
}

function frameOf(app: ApplicationSpec, policy: PolicySpec, item: JsonObject, at: Path, say: Say): Omit<Environment, 'components'> | null {
  const name = asText(item['name']);
  const engine = engineOf(policy);
  const selector = asObject(asObject(item['placement'])['clusterSelector']);
  const [cluster, labels] = [asText(selector['name']), asObject(selector['labels'])];
  const base = { policy: policy.name, name, created: policy.properties['created'] !== false, origin: app.document.locate(at) };
  if (engine === 'local' || engine === 'single-cluster') return { ...base, by: 'apply', choice: { cluster: LOCAL } };
  const by = engine === 'cluster-gateway' ? ('apply' as const) : ('ocm' as const);
  if (cluster !== '') return { ...base, by, choice: { cluster } };
  if (Object.keys(labels).length > 0) return { ...base, by, choice: { placement: `${app.name}-${name}`, labels: labels as Record<string, string> } };
  if (by === 'apply') return { ...base, by, choice: { cluster: LOCAL } };
  say(
    [...at, 'placement'],
    `policy "${policy.name}", environment "${name}": the cluster selector of placement shouldn't be empty`,
    'Give placement.clusterSelector a name or labels.',
  );
  return null;
}

/** Whether each environment step names a policy, an environment and a component that are there. */
export function environmentStepDiagnostics(app: ApplicationSpec, steps: readonly Step[]): readonly Diagnostic[] {
  return steps.flatMap((step, i) =>
    step.template === null && isEnvironmentStep(app.dialect, step.type) ? stepDiagnostics(app, step, ['spec', 'workflow', 'steps', i]) : [],
  );
}

function stepDiagnostics(app: ApplicationSpec, step: Step, at: Path): readonly Diagnostic[] {
  const given = (field: string): string => asText(step.properties[field]);
  // What an input of the step gives is not known yet.
  const isOpen = (field: string): boolean => step.inputs.some((input) => input.parameterKey === field);
  const say = (field: string, message: string, hint: string): readonly Diagnostic[] => [
    {
      code: 'load/reference',
      severity: 'error',
      application: nameOf(app),
      message: `step "${step.name}": ${message}`,
      origin: app.document.locate([...at, 'properties', field], 'value'),
      hint,
    },
  ];
  const lacks = ['policy', 'env'].find((field) => given(field) === '' && !isOpen(field));
  if (lacks !== undefined) return say(lacks, `property "${lacks}" is missing`, 'The step needs policy and env, and component where only one is meant.');
  const component = given('component');
  if (component !== '' && !app.components.some((item) => item.name === component)) {
    const names = app.components.map((item) => item.name);
    return say('component', `there is no component "${component}"${suggestion(component, names)}`, `The application has: ${names.join(', ')}.`);
  }
  if (isOpen('policy') || isOpen('env')) return [];
  const policies = envPolicies(app);
  const policy = policies.find((item) => item.name === given('policy'));
  if (policy === undefined) {
    const names = policies.map((item) => item.name);
    return say(
      'policy',
      `there is no env-binding policy "${given('policy')}"${suggestion(given('policy'), names)}`,
      names.length === 0 ? 'The application has no env-binding policy.' : `The application has: ${names.join(', ')}.`,
    );
  }
  const envs = asList(policy.properties['envs']).map((item) => asText(item['name']));
  if (envs.includes(given('env'))) return [];
  return say('env', `policy "${policy.name}" has no environment "${given('env')}"${suggestion(given('env'), envs)}`, `It has: ${envs.join(', ')}.`);
}

/**
 * The Placements that choose clusters by labels. KubeVela 1.1 wrote v1alpha1, which OCM no longer serves; what it says is
 * the same in v1beta1.
 */
export function placementObjects(app: ApplicationSpec, environments: readonly Environment[]): readonly Wanted[] {
  return environments.flatMap(({ choice, origin }) => {
    if ('cluster' in choice) return [];
    const object: KubeObject = {
      apiVersion: 'cluster.open-cluster-management.io/v1beta1',
      kind: 'Placement',
      metadata: { name: choice.placement, namespace: app.namespace, labels: { 'app.oam.dev/name': app.name, 'app.oam.dev/namespace': app.namespace } },
      spec: { numberOfClusters: 1, predicates: [{ requiredClusterSelector: { labelSelector: { matchLabels: choice.labels } } }] },
    };
    return [{ key: keyOf(LOCAL, object), object, component: '', trait: '', output: '', origin, rules: PLAIN_RULES }];
  });
}
