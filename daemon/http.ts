/** Probes, metrics and the hook. DOOR node:http. */
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { BODY_MAX_BYTES, secretsIn, type Hook, type HookAnswer, type HookOutcome } from './hook.ts';
import { Fault } from './model/fault.ts';
import type { Redactor } from './model/ports.ts';
import type { PassResult } from './pass.ts';

export interface Observer {
  /** Told after every pass. */
  readonly onPass: (result: PassResult, durationMs: number) => void;
}

export interface HttpServer extends Observer, AsyncDisposable {
  readonly port: number;
}

/** The daemon is ready when its last pass came through to the hub. */
interface Health {
  ready: boolean;
  reason: string;
}

/** Metrics of passes and applications, in a registry of their own. */
function metrics(): Observer & { readonly registry: Registry; readonly onHook: (outcome: HookOutcome) => void } {
  const registry = new Registry();
  const registers = [registry];
  const passes = new Counter({ name: 'lateen_passes_total', help: 'Passes by outcome', labelNames: ['outcome'], registers });
  const seconds = new Histogram({
    name: 'lateen_pass_duration_seconds',
    help: 'Duration of a pass',
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers,
  });
  const applications = new Gauge({ name: 'lateen_applications', help: 'Applications by phase', labelNames: ['phase'], registers });
  const diagnostics = new Gauge({ name: 'lateen_diagnostics', help: 'Findings in the repository by severity', labelNames: ['severity'], registers });
  const hooks = new Counter({ name: 'lateen_hooks_total', help: 'Calls of the hook by outcome', labelNames: ['outcome'], registers });
  return {
    registry,
    onHook: (outcome) => hooks.inc({ outcome }),
    onPass: ({ report }, durationMs) => {
      passes.inc({ outcome: report.fault === null ? 'ok' : 'fault' });
      seconds.observe(durationMs / 1000);
      applications.reset();
      for (const app of [...report.applications, ...report.leaving]) applications.inc({ phase: app.phase });
      diagnostics.reset();
      for (const item of report.diagnostics) diagnostics.inc({ severity: item.severity });
    },
  };
}

/** Bodies of hooks that are read at the same time. */
const BODIES_AT_ONCE_MAX = 8;
const CONNECTIONS_MAX = 256;

/**
 * GET /livez, /readyz, /metrics and, where there is one, POST /hook on `host:port`; port 0 takes a free one. A request has
 * five seconds to arrive whole. Faults: config/invalid when it cannot listen.
 */
export async function serveHttp(host: string, port: number, hook: Hook | null = null): Promise<HttpServer> {
  const measured = metrics();
  const health: Health = { ready: false, reason: 'no pass yet' };
  let bodies = 0;
  const answerHook = async (taker: Hook, request: IncomingMessage): Promise<HookAnswer> => {
    const refused = taker.admit(request.headers);
    if (refused !== null) return refused;
    if (Number(request.headers['content-length'] ?? 0) > BODY_MAX_BYTES) return TOO_LARGE;
    if (bodies >= BODIES_AT_ONCE_MAX) return { status: 429, outcome: 'too-many', text: 'too many\n' };
    bodies += 1;
    try {
      const body = await bodyOf(request);
      return body === null ? TOO_LARGE : await taker.take(request.headers, body);
    } finally {
      bodies -= 1;
    }
  };
  const server = createServer(
    { requestTimeout: 5000, headersTimeout: 3000, keepAliveTimeout: 5000, connectionsCheckingInterval: 1000, maxHeaderSize: 8192 },
    (request, response) => {
      const send = (status: number, body: string, type = 'text/plain; charset=utf-8'): void =>
        void response.writeHead(status, { 'content-type': type }).end(body);
      const path = (request.url ?? '').split('?')[0];
      if (path === '/hook' && hook !== null) {
        if (request.method !== 'POST') return void response.writeHead(405, { allow: 'POST' }).end('only POST\n');
        return void answerHook(hook, request).then(
          ({ status, outcome, text }) => {
            measured.onHook(outcome);
            // The rest of a body that is not wanted is let run off, as long as a request may take: a sender that is cut off hears no answer.
            request.resume();
            if (status === 429) response.setHeader('retry-after', '1');
            send(status, text);
          },
          () => request.destroy(),
        );
      }
      if (path === '/hook') return send(404, 'not found\n');
      if (request.method !== 'GET') return send(405, 'only GET\n');
      switch (path) {
        case '/livez':
          return send(200, 'ok\n');
        case '/readyz':
          return send(health.ready ? 200 : 503, health.ready ? 'ok\n' : `${health.reason}\n`);
        case '/metrics':
          return void measured.registry.metrics().then(
            (text) => send(200, text, measured.registry.contentType),
            () => send(500, 'no metrics\n'),
          );
        default:
          return send(404, 'not found\n');
      }
    },
  );
  server.maxConnections = CONNECTIONS_MAX;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', (error) => reject(new Fault('config/invalid', `--listen: cannot listen on ${host}:${port}`, { cause: error })));
  server.listen(port, host, resolve);
  await promise;
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    onPass: (result, durationMs) => {
      measured.onPass(result, durationMs);
      health.ready = result.report.fault === null;
      health.reason = result.report.fault?.code ?? '';
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

const TOO_LARGE: HookAnswer = { status: 413, outcome: 'too-large', text: 'too large\n' };

/** The whole body; null when it is larger than it may be. Rejects when the sender goes away or takes too long. */
async function bodyOf(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > BODY_MAX_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * Reads the hook's secrets, anew every time so that a mounted Secret that is renewed counts at once, and teaches them to
 * the redactor (I9). Null without a secret: then there is no hook. Faults: config/invalid.
 */
export function hookSecrets(
  given: { readonly secret: string | null; readonly secretFile: string | null },
  redactor: Redactor,
): (() => Promise<readonly string[]>) | null {
  const { secret, secretFile } = given;
  if (secret === null && secretFile === null) return null;
  return async () => {
    const own = secret === null ? [] : secretsIn(secret, 'LATEEN_HOOK_SECRET');
    const filed =
      secretFile === null
        ? []
        : secretsIn(
            await readFile(secretFile, 'utf8').catch((error: unknown) => {
              throw new Fault('config/invalid', `--hook-secret-file: ${secretFile} cannot be read`, { cause: error });
            }),
            `--hook-secret-file: ${secretFile}`,
          );
    const all = [...own, ...filed];
    for (const value of all) redactor.learn(value);
    return all;
  };
}
