/** Where a Service or an Ingress can be reached, as KubeVela 1.10 tells it. Pure. */
import type { Fields } from '../../lib/json.ts';
import type { CueObject } from '../../model/cue.ts';
import type { KubeObject } from '../../model/object.ts';
import { cueObject, fieldsOf, listOf, textOf } from './calls.ts';

/** What an endpoint belongs to. */
export interface Owner {
  readonly cluster: string;
  readonly component: string;
}

const APP_PROTOCOLS: Readonly<Record<number, string>> = { 80: 'http', 8080: 'http', 443: 'https', 3306: 'mysql', 6379: 'redis' };

function endpointOf(object: KubeObject, owner: Owner, endpoint: Fields): CueObject {
  const { name, namespace, uid, resourceVersion } = object.metadata;
  return cueObject({
    endpoint,
    ref: { kind: object.kind, namespace, name, uid, apiVersion: object.apiVersion, resourceVersion },
    cluster: owner.cluster,
    component: owner.component,
  });
}

/** `nodeAddress` is asked for only where a Service opens ports on the nodes. */
export async function serviceEndpoints(service: KubeObject, owner: Owner, nodeAddress: () => Promise<string>): Promise<readonly CueObject[]> {
  const spec = fieldsOf(service['spec']);
  const ports = listOf(spec['ports']).map(fieldsOf);
  const at = (host: string, port: Fields, number: unknown, inner: boolean): CueObject =>
    endpointOf(service, owner, {
      protocol: textOf(port['protocol']) || 'TCP',
      appProtocol: APP_PROTOCOLS[Number(port['port'])] ?? '',
      host,
      port: Number(number),
      portName: textOf(port['name']) || undefined,
      inner: inner || undefined,
    });
  switch (spec['type']) {
    case 'LoadBalancer': {
      const addresses = listOf(fieldsOf(fieldsOf(service['status'])['loadBalancer'])['ingress']).map(fieldsOf);
      return ports.flatMap((port) =>
        addresses
          .flatMap((address) => [textOf(address['hostname']), textOf(address['ip'])])
          .filter((host) => host !== '')
          .map((host) => at(host, port, port['port'], false)),
      );
    }
    case 'NodePort': {
      const host = await nodeAddress();
      return ports.map((port) => at(host, port, port['nodePort'], false));
    }
    case 'ClusterIP':
    case 'ExternalName':
    case undefined:
      return ports.map((port) => at(`${service.metadata.name}.${service.metadata.namespace}`, port, port['port'], true));
    default:
      return [];
  }
}

/** One endpoint for each path of each rule. A rule without a host is reached by the controller's, which an annotation tells. */
export function ingressEndpoints(ingress: KubeObject, owner: Owner): readonly CueObject[] {
  const spec = fieldsOf(ingress['spec']);
  const annotations = ingress.metadata.annotations ?? {};
  const tls = listOf(spec['tls']).map((item) => listOf(fieldsOf(item)['hosts']));
  return listOf(spec['rules'])
    .map(fieldsOf)
    .flatMap((rule) => {
      const given = textOf(rule['host']);
      const appProtocol = tls.some((hosts) => hosts.length === 0 || hosts.includes(given)) ? 'https' : 'http';
      const port = Number(annotations[`ingress.controller/${appProtocol}-port`]) || (appProtocol === 'https' ? 443 : 80);
      const host = given || (annotations['ingress.controller/host'] ?? '');
      return listOf(fieldsOf(rule['http'])['paths']).map((path) =>
        endpointOf(ingress, owner, { protocol: 'TCP', appProtocol, host, port, path: textOf(fieldsOf(path)['path']) || undefined }),
      );
    });
}

const ROLES = ['node-role.kubernetes.io/gateway', 'node-role.kubernetes.io/worker'];

/** The address by which ports on nodes are reached: of a gateway node, else a worker, else any; an external one first. */
export function gatewayAddress(nodes: readonly KubeObject[]): string {
  const candidates = ROLES.map((role) => nodes.filter((node) => node.metadata.labels?.[role] !== undefined)).find((found) => found.length > 0) ?? nodes;
  const address = (node: KubeObject | undefined, type: string): string => {
    const found = listOf(fieldsOf(node?.['status'])['addresses'])
      .map(fieldsOf)
      .find((item) => item['type'] === type);
    return textOf(found?.['address']);
  };
  return candidates.map((node) => address(node, 'ExternalIP')).find((ip) => ip !== '') ?? address(candidates[0], 'InternalIP');
}
