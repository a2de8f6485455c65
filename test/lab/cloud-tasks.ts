// A task as DescribeTaskInfo shows it: stages and events that follow from how long it has been running.
import type { Cluster, Task } from './cloud-state.ts';

type Stage = { readonly name: string; readonly doing: string };

const STAGES: Readonly<Record<Task['kind'], readonly Stage[]>> = {
  create: [
    { name: 'PrepareNetwork', doing: 'prepare the network: security group, NAT gateway and SNAT entries' },
    { name: 'CreateControlPlane', doing: 'create the control plane' },
    { name: 'CreateNodePools', doing: 'create the node pools' },
    { name: 'InstallAddons', doing: 'install the components' },
  ],
  delete: [
    { name: 'DeleteNodePools', doing: 'delete the node pools' },
    { name: 'DeleteControlPlane', doing: 'delete the control plane' },
    { name: 'DeleteResources', doing: 'delete what was created with the cluster' },
  ],
};

/** The body of DescribeTaskInfo. @param durationMs how long a task of its kind takes at least */
export function showTask(cluster: Cluster, task: Task, nowMs: number, durationMs: number): Readonly<Record<string, unknown>> {
  const stages = STAGES[task.kind];
  // A task that fails stops in its second stage; one that runs on for lack of a control plane, in its last but one.
  const done =
    task.state === 'success'
      ? stages.length
      : task.state === 'fail'
        ? 1
        : Math.min(stages.length - 1, Math.floor(((nowMs - task.startedAtMs) / Math.max(durationMs, 1)) * stages.length));
  const startedAtMs = (index: number) => task.startedAtMs + Math.floor((durationMs * index) / stages.length);
  const shown = stages.slice(0, done + 1).map((stage, index) => {
    const state = index < done ? 'success' : task.state === 'fail' ? 'fail' : 'running';
    return {
      name: stage.name,
      state,
      message: `${VERB[state]} to ${stage.doing}`,
      startedAtMs: startedAtMs(index),
      endedAtMs: state === 'running' ? undefined : Math.min(startedAtMs(index + 1), task.endedAtMs ?? nowMs),
    };
  });
  return {
    task_id: task.id,
    cluster_id: cluster.id,
    task_type: `cluster_${task.kind}`,
    state: task.state,
    created: localTime(task.startedAtMs),
    updated: localTime(task.endedAtMs ?? nowMs),
    target: { type: 'cluster', id: cluster.id },
    parameters: {},
    ...(task.state === 'running' && { current_stage: shown.at(-1)!.name }),
    stages: shown.map((stage) => ({
      state: stage.state,
      message: stage.message,
      start_time: stageTime(stage.startedAtMs),
      end_time: stage.endedAtMs === undefined ? '' : stageTime(stage.endedAtMs),
      outputs: {},
    })),
    events: shown.flatMap((stage) => [
      event('start', 'Normal', `start to ${stages.find((it) => it.name === stage.name)!.doing}`, `${stage.name}Start`, stage.startedAtMs),
      ...(stage.state === 'success' ? [event('finish', 'Normal', stage.message, `${stage.name}Success`, stage.endedAtMs!)] : []),
      ...(stage.state === 'fail' ? [event('finish', 'Warning', task.error?.message ?? stage.message, `${stage.name}Failed`, stage.endedAtMs!)] : []),
    ]),
    ...(task.state === 'fail' && task.error !== undefined && { error: task.error }),
  };
}

const VERB = { success: 'success', running: 'start', fail: 'fail' } as const;

function event(action: string, level: string, message: string, reason: string, atMs: number): Readonly<Record<string, string>> {
  return { action, level, message, reason, source: 'ACK', timestamp: String(atMs) };
}

/** ACK writes times in China's zone: 2025-04-07T09:57:26+08:00. */
export function localTime(ms: number): string {
  return `${new Date(ms + 8 * 3_600_000).toISOString().slice(0, 19)}+08:00`;
}

function stageTime(ms: number): string {
  return localTime(ms).slice(0, 19).replace('T', ' ');
}
