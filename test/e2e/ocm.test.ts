// A cluster that OCM delivers to, OCM being a declared stand-in: Lateen writes specs and reads the rest.
import { after, before } from 'node:test';
import { acceptCluster, bindSet, startGround, type OcmGround, type OcmLab } from '../ocm/ground.ts';
import { ocmScenarios } from '../ocm/scenarios.ts';
import { playWebhook } from '../ocm/webhook.ts';
import { playOcm, type OcmStandIn } from '../rig/ocm-stand-in.ts';

let lab: OcmLab | undefined;
let ocm: OcmStandIn | undefined;
let webhook: AsyncDisposable | undefined;
let ground: OcmGround;

before(async () => {
  const started = await startGround();
  lab = started.lab;
  const { hub, m1 } = lab.planes;
  await bindSet(hub);
  await acceptCluster(hub, 'm1');
  ocm = await playOcm({ hub, member: m1 });
  webhook = await playWebhook(hub.client);
  ground = {
    ...started.ground,
    holdFeedback: ocm.holdFeedback,
    handOver: async (m2) => {
      await acceptCluster(hub, m2.name);
      return playOcm({ hub, member: m2, isHubPlayed: false });
    },
  };
  await hub.client.until('managedclusters/m1', (cluster) =>
    (cluster?.status?.conditions ?? []).some(
      (one: { type: string; status: string }) => one.type === 'ManagedClusterConditionAvailable' && one.status === 'True',
    ),
  );
});
after(async () => {
  await ocm?.stop();
  await webhook?.[Symbol.asyncDispose]();
  await lab?.stop();
});

ocmScenarios(() => ground);
