/** `vela/metrics`: is a Prometheus query within bounds, and for how long? */
import { isRecord } from '../../lib/json.ts';
import { Fault } from '../../model/fault.ts';
import type { Action, StepContext } from '../run.ts';
import { answer, complete, fieldsOf, listOf, refusal, textOf, type Provider } from './calls.ts';
import { cueFault } from './cue-fault.ts';
import { goDuration, goDurationMs } from './go-time.ts';
import { originOf, send } from './http.ts';

const ENDPOINT = 'http://prometheus-server.o11y-system.svc:9090';
const TIMEOUT_MS = 10_000;

/** The one number that the query gives, as Prometheus writes it. */
async function numberOf(query: string, endpoint: string, context: StepContext): Promise<string> {
  originOf(endpoint);
  const url = `${endpoint.replace(/\/+$/, '')}/api/v1/query?query=${encodeURIComponent(query)}`;
  const response = await send({ method: 'GET', url, headers: {}, body: '', timeoutMs: TIMEOUT_MS }, context);
  let data: unknown;
  try {
    data = fieldsOf(JSON.parse(response.body))['data'];
  } catch {
    throw new Fault('workflow/http', `the query was answered with status ${response.statusCode} and no JSON`);
  }
  const result = fieldsOf(data)['result'];
  if (fieldsOf(data)['resultType'] === 'scalar') return String(listOf(result)[1]);
  const vector = listOf(result).filter(isRecord);
  if (response.statusCode !== 200 || fieldsOf(data)['resultType'] !== 'vector')
    throw new Fault('workflow/http', `the query was answered with status ${response.statusCode} and no number`);
  if (vector.length !== 1) throw refusal(`the query gives ${vector.length} results where it should give one`);
  return String(listOf(vector[0]?.['value'])[1]);
}

async function fits(number: string, condition: string, context: StepContext): Promise<boolean> {
  if (!/^[-+]?\d/.test(number)) throw refusal(`the query gives ${number}, which cannot be compared`);
  const result = await context.cue.evaluateExpression({ expression: `${number} ${condition}`, scope: {} }, { signal: context.signal });
  if (result.error !== undefined) throw cueFault([result.error], `condition "${condition}"`);
  if (typeof result.value !== 'boolean') throw refusal(`condition "${condition}" is no comparison`);
  return result.value;
}

/** Since when the check has gone on with the same result. Kept over passes as a workflow variable of Lateen's own. */
function streakMs(path: string, holds: boolean, context: StepContext): number {
  const name = `lateen/metrics/${context.stepId}/${path}`;
  const now = context.clock.now();
  const known = fieldsOf(context.variable(name));
  if (known['holds'] === holds) return now - Number(known['sinceMs']);
  context.setVariable(name, { holds, sinceMs: now });
  return 0;
}

/**
 * `result` once the condition has held for `duration`, `failed` once it has not held for `failDuration`, and neither
 * before that. KubeVela 1.10 means the same, but forgets when a failure began.
 */
const promCheck: Action = async (call, context) => {
  const { params } = call;
  const condition = textOf(params['condition']);
  const limit = (field: string, fallback: string): { readonly text: string; readonly ms: number } => {
    const text = textOf(params[field]) || fallback;
    const ms = goDurationMs(text);
    if (ms === null) throw refusal(`failed to parse duration "${text}"`);
    return { text, ms };
  };
  const [pass, failure] = [limit('duration', '5m'), limit('failDuration', '2m')];
  const number = await numberOf(textOf(params['query']), textOf(params['metricEndpoint']) || ENDPOINT, context);
  const holds = await fits(number, condition, context);
  const forMs = streakMs(call.path, holds, context);
  const { text, ms } = holds ? pass : failure;
  if (holds && forMs >= ms) return answer({ result: true, failed: false, message: `The query result has been ${condition} for ${text}.` });
  const message = `The query result is ${number}, which is ${holds ? '' : 'not '}${condition}, for ${goDuration(forMs)} of ${text}.`;
  return answer({ result: false, failed: !holds && forMs >= ms, message });
};

export const METRICS: Provider = { promCheck: complete(promCheck, ['result', 'failed', 'message']) };
