/**
 * The queries that the `vela` CLI looks for on a hub: without them `vela status --pod` and `--endpoint`, `vela logs`, `vela
 * exec`, `vela port-forward` and `vela revision get` end with an error. It evaluates them itself; Lateen only keeps them there.
 */
import { hashOf } from '../lib/json.ts';
import { FIELD_MANAGER } from '../lib/stamp.ts';
import { SYSTEM_NAMESPACE } from '../model/catalog.ts';
import { toFault } from '../model/fault.ts';
import type { KubeObject } from '../model/object.ts';
import type { Effects } from '../model/ports.ts';
import { targetOf, type KubeClient } from './kube.ts';

/** On a view of ours: the hash of its text. One without it is another's and stays as it is. */
const SOURCE_ANNOTATION = 'lateen.dev/source-hash';

/** A query over the objects of an application; `result` says what of `found.list` is shown. */
const overApplication = (query: string, result: string): string => `import "vela/ql"

parameter: {
	appName:    string
	appNs:      string
	name?:      string
	cluster?:   string
	clusterNs?: string
}
found: ql.#${query} & {
	app: {
		name:      parameter.appName
		namespace: parameter.appNs
		filter: {
			if parameter.name != _|_ {components: [parameter.name]}
			if parameter.cluster != _|_ {cluster: parameter.cluster}
			if parameter.clusterNs != _|_ {clusterNamespace: parameter.clusterNs}
		}
	}
}
if found.err != _|_ {
	status: error: found.err
}
if found.err == _|_ {
	status: ${result}
}
`;

const PODS = `podList: [for it in found.list if it.object != _|_ {
		cluster:   it.cluster
		workload:  it.workload
		component: it.component
		metadata: {
			name:         it.object.metadata.name
			namespace:    it.object.metadata.namespace
			creationTime: it.object.metadata.creationTimestamp
			labels:       it.object.metadata.labels
			version: {
				if it.publishVersion != _|_ {publishVersion: it.publishVersion}
				if it.deployVersion != _|_ {deployVersion: it.deployVersion}
			}
		}
		status: {
			phase: it.object.status.phase
			if it.object.status.podIP != _|_ {podIP: it.object.status.podIP}
			if it.object.status.hostIP != _|_ {hostIP: it.object.status.hostIP}
			if it.object.spec.nodeName != _|_ {nodeName: it.object.spec.nodeName}
		}
	}]`;

const REVISION = `import "vela/op"

parameter: {
	name:      string
	namespace: *"default" | string
}
read: op.#Read & {
	value: {
		apiVersion: "core.oam.dev/v1beta1"
		kind:       "ApplicationRevision"
		metadata: {name: parameter.name, namespace: parameter.namespace}
	}
}
status: read.value
`;

/** CUE by the name that the CLI asks for. KubeVela 1.10: ConfigMaps in vela-system. */
const VIEWS: Readonly<Record<string, string>> = {
  'application-revision-view': REVISION,
  'component-pod-view': overApplication('CollectPods', PODS),
  'component-service-view': overApplication('CollectServices', 'services: found.list'),
  'service-endpoints-view': overApplication('CollectServiceEndpoints', 'endpoints: found.list'),
};

/**
 * Creates the views that are absent and brings those of ours up to date. Gives the names of what was written, sorted. A hub that does not let
 * Lateen write them has none: they are for people, and nothing of Lateen's needs them. Faults: transport/*.
 */
export async function installViews(client: Pick<KubeClient, 'get' | 'apply'>, effects: Effects, signal: AbortSignal): Promise<readonly string[]> {
  const written = await Promise.all(
    Object.entries(VIEWS).map(async ([name, template]) => {
      const hash = hashOf(template);
      const view: KubeObject = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name, namespace: SYSTEM_NAMESPACE, annotations: { [SOURCE_ANNOTATION]: hash } },
        data: { template },
      };
      try {
        const there = await client.get(targetOf(view), signal);
        const was = there?.metadata.annotations?.[SOURCE_ANNOTATION];
        if (there !== null && (was === undefined || was === hash)) return [];
        await effects.run('system', `ConfigMap ${SYSTEM_NAMESPACE}/${name}`, () => client.apply(view, { fieldManager: FIELD_MANAGER, force: true }, signal));
        return [name];
      } catch (error) {
        const fault = toFault(error);
        if (fault.kind === 'denied' && fault.code !== 'transport/lease') return [];
        throw fault;
      }
    }),
  );
  return written.flat().sort();
}
