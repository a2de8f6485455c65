/** What the demo shows when nothing moves any more: tables of hub and members, the status branch, and what to try next. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openClient, type LabClient } from '../lab/client.ts';
import { gitText, type Repository } from './ground.ts';
import type { Screen } from './screen.ts';

export interface Hub {
  /** Where the demo's own files are. */
  readonly directory: string;
  readonly kubeconfig: string;
  readonly client: LabClient;
}

/** A member cluster, with a kubeconfig that was made from the hub's connection Secret. */
export interface MemberAccess {
  readonly name: string;
  readonly kubeconfig: string;
}

/** Tables in the order in which they explain each other: title, kind, label. */
const TABLES: readonly (readonly [title: string, ref: string, selector?: string])[] = [
  ['kubectl get initializers -A', 'initializers.core.oam.dev'],
  ['kubectl get applications -A', 'applications.core.oam.dev'],
  ['kubectl get managedclusters', 'managedclusters.cluster.open-cluster-management.io'],
  ['kubectl get resourcetrackers', 'resourcetrackers.core.oam.dev'],
  ['kubectl get deployments -l app.oam.dev/name -A', 'deployments', 'app.oam.dev/name'],
  ['kubectl get services -l app.oam.dev/name -A', 'services', 'app.oam.dev/name'],
];

const tableOf = (client: LabClient, ref: string, selector?: string): Promise<string> =>
  client.show(ref, selector).catch((error: unknown) => (error instanceof Error ? error.message : String(error)));

/** Prints it all; answers with the member clusters that there are. */
export async function showResult(hub: Hub, repository: Repository, statusBranch: string, screen: Screen): Promise<readonly MemberAccess[]> {
  for (const [title, ref, selector] of TABLES) {
    screen.heading(title);
    screen.text(await tableOf(hub.client, ref, selector));
  }
  const members = await membersOf(hub);
  for (const { name, kubeconfig } of members) {
    const client = await openClient(kubeconfig);
    screen.heading(`On ${name}: kubectl get deployments,services -l app.oam.dev/name -A`);
    screen.text(`${await tableOf(client, 'deployments', 'app.oam.dev/name')}\n\n${await tableOf(client, 'services', 'app.oam.dev/name')}`);
    client.close();
  }
  await showBranch(repository, statusBranch, screen);
  return members;
}

/** The status branch: all its commits in a line each, the last in full, and the file that says most. */
async function showBranch({ bare }: Repository, branch: string, screen: Screen): Promise<void> {
  screen.heading(`git log --oneline ${branch}`);
  if ((await bare.head(branch)) === null) return screen.text('(there is no such branch)');
  screen.text((await gitText(bare.path, 'log', '--oneline', branch)).trimEnd());
  screen.heading(`git show --stat ${branch}`);
  screen.text((await gitText(bare.path, 'show', '--stat', branch)).trimEnd());
  const files = (await bare.files(branch)).filter((path) => path.startsWith('applications/'));
  const contents = await Promise.all(files.map(async (path) => ({ path, text: (await bare.show(branch, path)) ?? '' })));
  // What comes with Lateen is not what the reader has written.
  const [longest] = contents.filter(({ text }) => !text.includes('\nsource: built-in/')).sort((a, b) => b.text.length - a.text.length);
  if (longest === undefined) return;
  screen.heading(`git show ${branch}:${longest.path}`);
  screen.text(longest.text.trimEnd());
}

/** The member clusters, each with a kubeconfig beside the demo's files. */
async function membersOf(hub: Hub): Promise<readonly MemberAccess[]> {
  const secrets = await hub.client.list('secrets/vela-system', 'cluster.core.oam.dev/cluster-credential-type').catch(() => []);
  return Promise.all(
    secrets.map(async ({ metadata, data }) => {
      const endpoint = Buffer.from(String(data?.['endpoint'] ?? ''), 'base64').toString();
      const token = Buffer.from(String(data?.['token'] ?? ''), 'base64').toString();
      const user = token === '' ? { 'client-certificate-data': data?.['tls.crt'], 'client-key-data': data?.['tls.key'] } : { token };
      const kubeconfig = {
        apiVersion: 'v1',
        kind: 'Config',
        'current-context': metadata.name,
        clusters: [{ name: metadata.name, cluster: { server: endpoint, 'certificate-authority-data': data?.['ca.crt'] } }],
        users: [{ name: metadata.name, user }],
        contexts: [{ name: metadata.name, context: { cluster: metadata.name, user: metadata.name } }],
      };
      const file = join(hub.directory, `${metadata.name}.kubeconfig`);
      await writeFile(file, JSON.stringify(kubeconfig), { mode: 0o600 });
      return { name: metadata.name, kubeconfig: file };
    }),
  );
}

interface Next {
  readonly isSample: boolean;
  readonly hub: Hub;
  readonly repository: Repository;
  readonly statusBranch: string;
  readonly members: readonly MemberAccess[];
  readonly instance: string;
}

/** What to try, as commands that can be copied. */
export function showNext({ isSample, hub, repository, statusBranch, members, instance }: Next, screen: Screen): void {
  const edit = isSample ? "sed -i 's/replicas: 2/replicas: 3/' apps/shop/app.yaml" : '$EDITOR .';
  const [member] = members;
  const flags = `--repo ${repository.clone}${instance === '' ? '' : ` --instance ${instance}`}`;
  screen.heading('Next, in another terminal: a change');
  screen.text(`  cd ${repository.clone}
  ${edit}
  git commit -am 'Another number' && git push      # the lines go on here
  git fetch && git log --stat origin/${statusBranch}     # what came of it`);
  screen.heading('Or make a mistake, push it, and read the finding here; or ask before the push, in this checkout');
  screen.text(`  npm run -s lateen -- check ${repository.clone}
  npm run -s lateen -- status --kubeconfig ${hub.kubeconfig}${instance === '' ? '' : ` --instance ${instance}`}`);
  screen.heading('Or look with kubectl, where it is installed');
  screen.text(
    [
      `  KUBECONFIG=${hub.kubeconfig} kubectl get applications -A`,
      ...members.map(({ kubeconfig }) => `  KUBECONFIG=${kubeconfig} kubectl get deployments,services -A`),
    ].join('\n'),
  );
  if (!isSample || member === undefined) return;
  screen.heading('Or take the cluster out of the repository: it is kept, and said to be, until a person approves');
  screen.text(`  git pull -q && git rm -r clusters apps/podinfo && git commit -m 'Without the cluster' && git push
  git fetch && git show origin/${statusBranch}:README.md     # kept: Initializer vela-system/managed-cluster, and ${member.name}
  # then, in this checkout: application, registration, cluster and network go, in this order
  npm run -s lateen -- approve delete Initializer vela-system/managed-cluster ${flags} --unsigned --push`);
}
