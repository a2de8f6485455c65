// What the cloud knows: every resource ever made and every call, kept in `cloud.json` and `calls.jsonl` where it has
// a folder, written before the answer goes out.
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Tags = Readonly<Record<string, string>>;

/** What a cluster goes through; the API no longer knows one that is `gone`. The picture is in cloud-ack.ts. */
export type ClusterState = 'initial' | 'running' | 'failed' | 'deleting' | 'delete_failed' | 'gone';

/** What ACK does to a cluster. With `error` it fails, or has failed, with that. */
export type Task = {
  readonly id: string;
  readonly kind: 'create' | 'delete';
  readonly state: 'running' | 'success' | 'fail';
  readonly startedAtMs: number;
  readonly endedAtMs?: number;
  readonly error?: { readonly code: string; readonly message: string };
};

export type Cluster = {
  readonly id: string;
  readonly name: string;
  readonly regionId: string;
  readonly state: ClusterState;
  readonly tags: Tags;
  readonly vpcId: string;
  readonly vswitchIds: readonly string[];
  readonly containerCidr?: string;
  readonly serviceCidr: string;
  readonly deletionProtection: boolean;
  readonly createdAtMs: number;
  /** When it came to its state. */
  readonly sinceMs: number;
  /** The body of CreateCluster in wire names, without passwords. */
  readonly request: Readonly<Record<string, unknown>>;
  /** The query of each DeleteCluster that was accepted. */
  readonly deletions: readonly Readonly<Record<string, unknown>>[];
  /** Oldest first: the creation, then each deletion. */
  readonly tasks: readonly Task[];
  /** True where it was created in `zone_ids`: its VPC and vSwitches go with it. */
  readonly ownsNetwork: boolean;
};

export type Vpc = {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly regionId: string;
  readonly cidrBlock: string;
  readonly state: 'Pending' | 'Available' | 'gone';
  readonly tags: Tags;
  readonly createdAtMs: number;
};

export type VSwitch = Omit<Vpc, 'regionId'> & { readonly vpcId: string; readonly zoneId: string };

/** One request: what was asked and with what outcome (`ok`, the error's code, `lost`, `cut` or `html`). */
export type Call = {
  readonly at: string;
  readonly action: string;
  readonly outcome: string;
  readonly status: number;
  readonly requestId: string;
  readonly subject?: string;
};

export type CloudState = {
  readonly clusters: readonly Cluster[];
  readonly vpcs: readonly Vpc[];
  readonly vswitches: readonly VSwitch[];
  readonly calls: readonly Call[];
};

/** The answer to a call that had a ClientToken, kept for its repetition. */
export type Answered = { readonly params: string; readonly answer: Readonly<Record<string, unknown>> };

type Saved = {
  readonly clusters: readonly Cluster[];
  readonly vpcs: readonly Vpc[];
  readonly vswitches: readonly VSwitch[];
  readonly answered: readonly (readonly [string, Answered])[];
};

const CALLS_AT_MOST = 10_000;
const ANSWERS_AT_MOST = 1000;

/** The cloud's memory. Resources are values; `put` replaces one by its id. */
export type Store = {
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly vpcs: ReadonlyMap<string, Vpc>;
  readonly vswitches: ReadonlyMap<string, VSwitch>;
  readonly calls: readonly Call[];
  readonly putCluster: (cluster: Cluster) => void;
  readonly putVpc: (vpc: Vpc) => void;
  readonly putVSwitch: (vswitch: VSwitch) => void;
  readonly answered: (token: string) => Answered | undefined;
  readonly remember: (token: string, answered: Answered) => void;
  readonly note: (call: Call) => void;
  /** Writes what has changed since the last time; nothing without a folder. */
  readonly save: () => void;
};

/** Opens the memory in a folder, with what a former run left there; without a folder it ends with the process. */
export function openStore(dir: string | undefined): Store {
  const file = dir === undefined ? undefined : join(dir, 'cloud.json');
  const callsFile = dir === undefined ? undefined : join(dir, 'calls.jsonl');
  if (dir !== undefined) mkdirSync(dir, { recursive: true, mode: 0o700 });
  const saved: Saved =
    file !== undefined && existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Saved) : { clusters: [], vpcs: [], vswitches: [], answered: [] };
  const byId = <Item extends { readonly id: string }>(items: readonly Item[]) => new Map(items.map((item) => [item.id, item]));
  const [clusters, vpcs, vswitches, answers] = [byId(saved.clusters), byId(saved.vpcs), byId(saved.vswitches), new Map(saved.answered)];
  const calls: Call[] = callsFile === undefined ? [] : readCalls(callsFile);
  let isChanged = false;
  const put =
    <Item extends { readonly id: string }>(map: Map<string, Item>) =>
    (item: Item) => {
      map.set(item.id, item);
      isChanged = true;
    };
  return {
    clusters,
    vpcs,
    vswitches,
    calls,
    putCluster: put(clusters),
    putVpc: put(vpcs),
    putVSwitch: put(vswitches),
    answered: (token) => answers.get(token),
    remember: (token, answered) => {
      answers.set(token, answered);
      if (answers.size > ANSWERS_AT_MOST) answers.delete(answers.keys().next().value!);
      isChanged = true;
    },
    note: (call) => {
      calls.push(call);
      if (calls.length > CALLS_AT_MOST) calls.shift();
      if (callsFile !== undefined) appendFileSync(callsFile, `${JSON.stringify(call)}\n`, { mode: 0o600 });
    },
    save: () => {
      if (!isChanged || file === undefined) return;
      const all: Saved = { clusters: [...clusters.values()], vpcs: [...vpcs.values()], vswitches: [...vswitches.values()], answered: [...answers] };
      writeFileSync(`${file}.new`, `${JSON.stringify(all, null, 1)}\n`, { mode: 0o600 });
      renameSync(`${file}.new`, file);
      isChanged = false;
    },
  };
}

function readCalls(file: string): Call[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1).slice(-CALLS_AT_MOST); // a last line without its end was cut off by a kill
  return lines.map((line) => JSON.parse(line) as Call);
}
