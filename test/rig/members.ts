/** Control planes of the lab as member clusters of a hub, registered as `direct`: what tests with several clusters stand on. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRedactor } from '../../daemon/lib/redact.ts';
import { systemClock } from '../../daemon/lib/retry.ts';
import type { Effects } from '../../daemon/model/ports.ts';
import type { Connection } from '../../daemon/transport/clusters-connection.ts';
import { prepareHub, readDefinitions } from '../../daemon/transport/hub.ts';
import { connect, type KubeClient } from '../../daemon/transport/kube.ts';
import { registerDirect, type Registration } from '../../daemon/transport/register-direct.ts';
import { readKubeconfig } from '../lab/kubeconfig.ts';
import { useLab, type ControlPlane, type Lab } from '../lab/lab.ts';

/** The folder of the CRDs that Lateen installs. */
export const CRDS = join(import.meta.dirname, '../../schemas/crds');
const clock = systemClock();
/** Effects that nothing holds back. */
export const freeEffects: Effects = { run: (_kind, _subject, effect) => effect() };

export type MemberOptions = Partial<Omit<Registration, 'name' | 'connection'>>;

/** How to reach a control plane, with full rights. */
export async function connectionOf(plane: ControlPlane): Promise<Connection> {
  const { server, tls } = await readKubeconfig(plane.kubeconfig);
  return { endpoint: server, ca: tls.ca ?? null, login: { cert: tls.cert ?? '', key: tls.key ?? '' } };
}

/** A client of the daemon's own, with full rights on a control plane. */
export async function clientOf(plane: ControlPlane): Promise<KubeClient> {
  return connect(await readFile(plane.kubeconfig, 'utf8'), { clock, allowExec: false });
}

/** Makes the hub ready (CRDs) and registers control planes on it by their names; called again it changes what differs. */
export async function registerMembers(hub: ControlPlane, members: readonly (readonly [ControlPlane, MemberOptions])[]): Promise<void> {
  const signal = AbortSignal.timeout(60_000);
  await using client = await clientOf(hub);
  await prepareHub(client, await readDefinitions(CRDS), freeEffects, clock, signal);
  const doors = { hub: client, effects: freeEffects, redactor: createRedactor(), clock };
  for (const [plane, options] of members) {
    const registration = {
      labels: {},
      clusterSet: null,
      boundTo: [],
      leaseDurationSeconds: null,
      ...options,
      name: plane.name,
      connection: await connectionOf(plane),
    };
    await registerDirect(registration, doors, signal);
  }
}

/**
 * Starts a hub and members and registers them.
 *
 *     const lab = await useMembers({ m1: { labels: { purpose: 'test' }, clusterSet: 'prod', boundTo: ['default'] }, m2: {} })
 *     after(() => lab.stop())
 *     lab.planes.hub, lab.planes.m1, lab.planes.m2
 */
export async function useMembers<const Name extends string>(
  members: Readonly<Record<Name, MemberOptions>>,
  options: Parameters<typeof useLab>[1] = {},
): Promise<Lab<Name | 'hub'>> {
  const names = Object.keys(members) as Name[];
  const lab = await useLab<Name | 'hub'>(['hub', ...names], options);
  try {
    await registerMembers(
      lab.planes.hub,
      names.map((name) => [lab.planes[name], members[name]] as const),
    );
    return lab;
  } catch (error) {
    await lab.stop();
    throw error;
  }
}
