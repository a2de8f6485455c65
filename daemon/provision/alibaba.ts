/** Alibaba Cloud behind the interface of cloud.ts. */
import { openAck } from './ack.ts';
import type { OpenCloud } from './cloud.ts';
import { openCaller, type CallerOptions } from './openapi.ts';
import { openVpc } from './vpc.ts';

/** How long one call may take when nothing else is said. */
const TIMEOUT_MS = 30_000;

/**
 * Alibaba Cloud by its own SDKs, which are loaded with the first login. `endpoint` is `http(s)://host:port` for something
 * that speaks the same APIs, both at one address; null is the cloud's own, by region.
 */
export function openAlibaba(options: Omit<CallerOptions, 'timeoutMs'> & { readonly timeoutMs?: number }): OpenCloud {
  const caller: CallerOptions = { ...options, timeoutMs: options.timeoutMs ?? TIMEOUT_MS };
  const call = openCaller(caller);
  return async (login) => ({ ...(await openAck(login, caller, call)), ...(await openVpc(login, caller, call)) });
}
