/** The HTTP calls that workflow steps ask for, with a bound on everything (I7). */
import { Fault } from '../model/fault.ts';
import type { Http, HttpRequest } from '../model/ports.ts';
import { sendOnce } from './sockets.ts';

const LIMIT_BYTES = 1024 * 1024;
const LONGEST_MS = 60_000;
const REDIRECTS = 5;

/** Headers that speak for us to one host only. */
const PRIVATE = new Set(['authorization', 'cookie', 'proxy-authorization']);

/**
 * The port {@link Http}. At most 1 MiB of answer, 60 s, 5 redirects, which stay on their scheme and take no credentials to
 * another host. An answer with any status is an answer. Faults: transport/unreachable, transport/invalid.
 */
export function openHttp(): Http {
  return async (request, signal) => {
    let url = parse(request.url);
    let { method, body } = request;
    let headers: HttpRequest['headers'] = request.headers;
    for (let hops = 0; ; hops++) {
      const sent = Object.fromEntries(Object.entries(headers).map(([name, values]) => [name, [...values]]));
      const answer = await sendOnce(
        url,
        { method, headers: sent, body },
        { timeoutMs: Math.min(Math.max(1, request.timeoutMs), LONGEST_MS), limitBytes: LIMIT_BYTES },
        signal,
      );
      const location = answer.headers['location']?.[0];
      if (![301, 302, 303, 307, 308].includes(answer.statusCode) || location === undefined)
        return { statusCode: answer.statusCode, headers: answer.headers, body: answer.text };
      if (hops >= REDIRECTS) throw new Fault('transport/invalid', `${url.host} redirects more than ${REDIRECTS} times`);
      const next = parse(location, url);
      if (next.protocol !== url.protocol)
        throw new Fault('transport/invalid', `${url.host} redirects from ${url.protocol} to ${next.protocol}, which is not followed`);
      if (next.host !== url.host) headers = Object.fromEntries(Object.entries(headers).filter(([name]) => !PRIVATE.has(name.toLowerCase())));
      // As every browser does it, and Go's client, which KubeVela uses.
      if (answer.statusCode < 307 && method !== 'GET' && method !== 'HEAD') [method, body] = ['GET', ''];
      url = next;
    }
  };
}

function parse(text: string, base?: URL): URL {
  const url = URL.parse(text, base);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw new Fault('transport/invalid', 'the URL of an HTTP call is not an http or https URL');
  return url;
}
