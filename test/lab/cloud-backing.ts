// What stands behind a cluster of the cloud: a real lab control plane, or only a kubeconfig's form.
import { randomBytes, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kubeconfigText, readKubeconfig } from './kubeconfig.ts';
import { type ControlPlane, runningControlPlanes, startControlPlane } from './lab.ts';
import { createAuthority, issueClient, type KeyPair } from './pki.ts';

/** Access to a cluster as ACK hands it out. */
export type Access = { readonly config: string; readonly expiresAtMs: number };

export type Backing = {
  /** Begins to make it; what is there already is used again. */
  readonly start: (clusterId: string) => void;
  readonly status: (clusterId: string) => 'starting' | 'ready' | { readonly failed: string };
  /** https://HOST:PORT; undefined until it is ready. */
  readonly server: (clusterId: string) => string | undefined;
  /** A kubeconfig with full rights: always the same one, or with `minutes` one of its own user. */
  readonly access: (clusterId: string, minutes?: number) => Promise<Access>;
  /** Begins to take it away. */
  readonly end: (clusterId: string) => void;
  readonly isGone: (clusterId: string) => boolean;
  /** Ends all; what has a folder stays there. */
  readonly close: () => Promise<void>;
};

/** Nothing real: for each cluster an authority, a client certificate and key, and a server where nothing listens. */
export function paperBacking(dir: string | undefined): Backing {
  type Paper = { readonly authority: KeyPair; readonly admin: KeyPair };
  const papers = new Map<string, Paper>();
  const server = 'https://127.0.0.1:1'; // port 1: nothing listens there
  const fileOf = (id: string) => (dir === undefined ? undefined : join(dir, `${id}.pki.json`));
  const make = (id: string): Paper => {
    const authority = createAuthority(`${id}-ca`, new Date());
    return { authority, admin: issueClient(authority, ADMIN, new Date()) };
  };
  const get = (id: string): Paper => {
    const file = fileOf(id);
    const paper = papers.get(id) ?? (file !== undefined && existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Paper) : make(id));
    if (file !== undefined && !existsSync(file)) writeFileSync(file, JSON.stringify(paper), { mode: 0o600 });
    papers.set(id, paper);
    return paper;
  };
  return {
    start: (id) => void get(id),
    status: () => 'ready',
    server: () => server,
    access: async (id, minutes) => {
      const { authority, admin } = get(id);
      return accessOf(id, server, authority.certPem, minutes === undefined ? admin : issueClient(authority, temporaryUser(), new Date()), minutes);
    },
    end: (id) => {
      papers.delete(id);
      const file = fileOf(id);
      if (file !== undefined) void rm(file, { force: true });
    },
    isGone: () => true,
    close: async () => {},
  };
}

export type PlanesOptions = {
  /** The lab's folder; undefined: a temporary one. */
  readonly dir: string | undefined;
  readonly isOwned: boolean;
  /** To take from, first to last, each once; undefined: every cluster starts its own. */
  readonly pool: readonly ControlPlane[] | undefined;
  readonly report: (line: string) => void;
};

type Entry = { readonly plane: Promise<ControlPlane>; status: ReturnType<Backing['status']>; server?: string };

/** A lab control plane per cluster, named by the cluster's id, or one of the pool. */
export function planesBacking(options: PlanesOptions): Backing {
  const entries = new Map<string, Entry>();
  const pool = [...(options.pool ?? [])];
  const closing = new AbortController();
  const dir = options.dir === undefined ? mkdtemp(join(tmpdir(), 'lateen-cloud-')) : Promise.resolve(options.dir);
  const begin = async (id: string): Promise<ControlPlane> => {
    if (options.pool !== undefined) {
      const plane = pool.shift();
      if (plane === undefined) throw new Error('the pool of control planes is empty');
      return plane;
    }
    const started = { name: id, dir: await dir, owned: options.isOwned, ephemeral: options.dir === undefined, report: options.report, signal: closing.signal };
    return (await runningControlPlanes(await dir)).get(id) ?? startControlPlane(started);
  };
  const start = (id: string): Entry => {
    const known = entries.get(id);
    if (known !== undefined) return known;
    const entry: Entry = { plane: begin(id), status: 'starting' };
    entries.set(id, entry);
    entry.plane.then(
      (plane) => Object.assign(entry, { status: 'ready', server: plane.server }),
      (error: unknown) => Object.assign(entry, { status: { failed: error instanceof Error ? error.message : String(error) } }),
    );
    return entry;
  };
  const gone = new Set<string>();
  const takeAway = async (id: string): Promise<void> => {
    const plane = await entries.get(id)?.plane.catch(() => undefined);
    if (options.pool === undefined) {
      // Without an entry it may have been running under a former endpoint.
      await (plane ?? (await runningControlPlanes(await dir)).get(id))?.stop();
      await rm(join(await dir, id), { recursive: true, force: true, maxRetries: 5 });
    }
    entries.delete(id);
    gone.add(id);
  };
  return {
    start: (id) => void start(id),
    status: (id) => entries.get(id)?.status ?? 'starting',
    server: (id) => entries.get(id)?.server,
    access: async (id, minutes) => {
      const plane = await start(id).plane;
      const file = minutes === undefined ? plane.kubeconfig : await plane.kubeconfigFor(temporaryUser().commonName, ADMIN.organizations);
      const { server, tls } = await readKubeconfig(file);
      if (minutes !== undefined) await rm(file);
      return accessOf(id, server, tls.ca!, { certPem: tls.cert!, keyPem: tls.key! }, minutes);
    },
    end: (id) => void takeAway(id).catch((error: unknown) => options.report(`cloud: ${id}: ${String(error)}`)),
    isGone: (id) => gone.has(id),
    close: async () => {
      closing.abort(new Error('the cloud is being stopped'));
      const planes = await Promise.allSettled([...entries.values()].map((entry) => entry.plane));
      if (options.pool === undefined) await Promise.all(planes.map(async (it) => (it.status === 'fulfilled' ? it.value.stop() : undefined)));
      if (options.dir === undefined) await rm(await dir, { recursive: true, force: true });
    },
  };
}

const ADMIN = { commonName: 'kubernetes-admin', organizations: ['system:masters'] } as const;
const temporaryUser = () => ({ commonName: `temporary-${randomBytes(6).toString('hex')}`, organizations: ADMIN.organizations });

/** The certificate itself is valid for a year in any case; ACK's ends with the minutes. */
function accessOf(clusterId: string, server: string, authorityPem: string, client: KeyPair, minutes: number | undefined): Access {
  const certificate = new X509Certificate(client.certPem);
  const expiresAtMs = minutes === undefined ? Date.parse(certificate.validTo) : Date.now() + minutes * 60_000;
  return { config: kubeconfigText(clusterId, server, authorityPem, client), expiresAtMs };
}
