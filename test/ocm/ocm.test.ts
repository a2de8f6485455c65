// The scenarios of a cluster that OCM delivers to, against OCM's own processes: OCM_BIN names a directory with `registration`,
// `placement` and `work`. Without it nothing runs, and this says so.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { acceptCluster, bindSet, startGround, type OcmGround, type OcmLab } from './ground.ts';
import { startAgent, startOcmHub, type OcmHub } from './processes.ts';
import { ocmScenarios } from './scenarios.ts';

const bin = process.env['OCM_BIN'] ?? '';
const missing = bin === '' ? ['OCM_BIN'] : ['registration', 'placement', 'work'].map((name) => join(bin, name)).filter((file) => !existsSync(file));

if (missing.length > 0) {
  process.stdout.write(`NOT RUN: real OCM (${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing)\n`);
  test('real OCM', { skip: 'NOT RUN: OCM_BIN names no directory with registration, placement and work' });
} else {
  suite('beside real OCM', () => {
    let lab: OcmLab | undefined;
    let hubSide: OcmHub | undefined;
    let agent: AsyncDisposable | undefined;
    let ground: OcmGround;
    before(async () => {
      const started = await startGround();
      lab = started.lab;
      const { hub, m1 } = lab.planes;
      const from = performance.now();
      hubSide = await startOcmHub(bin, hub);
      await bindSet(hub);
      agent = await startAgent(bin, hub, m1, () => acceptCluster(hub, 'm1'));
      process.stdout.write(`OCM is up and the cluster available after ${Math.round(performance.now() - from)} ms\n`);
      ground = { ...started.ground, holdFeedback: null, handOver: (member) => startAgent(bin, hub, member, () => acceptCluster(hub, member.name)) };
    });
    after(async () => {
      await agent?.[Symbol.asyncDispose]();
      await hubSide?.[Symbol.asyncDispose]();
      await lab?.stop();
    });
    ocmScenarios(() => ground);
  });
}
