/** The `context` that KubeVela gives to a template (spec/kubevela.md 2.2). */
import type { ClusterVersion } from '../model/cluster-version.ts';
import type { JsonObject } from '../model/object.ts';
import type { ComponentRef, PlacementRef, RevisionRef } from '../model/plan.ts';
import type { ApplicationSpec } from './application.ts';

export const HERE: PlacementRef = { cluster: '', namespace: '', replicaKey: '' };

/**
 * KubeVela 1.1: what a workload sees as `context.revision`; later replaced by the component revision's name in traits
 * and auxiliary objects only.
 */
export const REVISION_PLACEHOLDER = 'KUBEVELA_COMPONENT_REVISION_PLACEHOLDER';

/** The context of a component; `output` and `outputs` are the evaluator's. */
export function componentContext(
  app: ApplicationSpec,
  component: ComponentRef,
  placement: PlacementRef,
  revision: RevisionRef,
  version: ClusterVersion,
): JsonObject {
  const metadata = app.object.metadata;
  const common = {
    name: component.name,
    namespace: app.namespace,
    appName: app.name,
    appRevision: revision.name,
    appRevisionNum: revision.number,
  };
  if (app.dialect === '1.1') return { ...common, revision: REVISION_PLACEHOLDER };
  return {
    ...common,
    namespace: placement.namespace === '' ? app.namespace : placement.namespace,
    revision: '',
    appLabels: metadata.labels ?? {},
    appAnnotations: ownAnnotations(app),
    workflowName: '',
    publishVersion: metadata.annotations?.['app.oam.dev/publishVersion'] ?? '',
    replicaKey: placement.replicaKey,
    cluster: placement.cluster === '' ? 'local' : placement.cluster,
    clusterVersion: { ...(placement.member?.version ?? version) },
    components: (app.object['spec'] as JsonObject)['components'] ?? [],
  };
}

/** The context of a policy: its own name, the application and its components. */
export function policyContext(app: ApplicationSpec, policy: string, revision: RevisionRef): JsonObject {
  return {
    name: policy,
    namespace: app.namespace,
    appName: app.name,
    appRevision: revision.name,
    appRevisionNum: revision.number,
    components: (app.object['spec'] as JsonObject)['components'] ?? [],
    revision: app.dialect === '1.1' ? REVISION_PLACEHOLDER : '',
    artifacts: [],
  };
}

/** The annotations that the author wrote, without those by which Lateen remembers. */
export function ownAnnotations(app: ApplicationSpec): Record<string, string> {
  return { ...app.document.object.metadata.annotations };
}
