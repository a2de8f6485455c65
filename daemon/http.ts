/** Probes and metrics. DOOR node:http. */
import { createServer } from 'node:http';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { Fault } from './model/fault.ts';
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
function metrics(): Observer & { readonly registry: Registry } {
  const registry = new Registry();
  const registers = [registry];
  const passes = new Counter({ name: 'lateen_passes_total', help: 'Passes by outcome', labelNames: ['outcome'], registers });
  const seconds = new Histogram({ name: 'lateen_pass_duration_seconds', help: 'Duration of a pass', buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60], registers });
  const applications = new Gauge({ name: 'lateen_applications', help: 'Applications by phase', labelNames: ['phase'], registers });
  const diagnostics = new Gauge({ name: 'lateen_diagnostics', help: 'Findings in the repository by severity', labelNames: ['severity'], registers });
  return {
    registry,
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

/** GET /livez, /readyz, /metrics on `host:port`; port 0 takes a free one. Faults: config/invalid when it cannot listen. */
export async function serveHttp(host: string, port: number): Promise<HttpServer> {
  const measured = metrics();
  const health: Health = { ready: false, reason: 'no pass yet' };
  const server = createServer({ requestTimeout: 5000, headersTimeout: 3000, keepAliveTimeout: 5000, maxHeaderSize: 8192 }, (request, response) => {
    const send = (status: number, body: string, type = 'text/plain; charset=utf-8'): void => void response.writeHead(status, { 'content-type': type }).end(body);
    if (request.method !== 'GET') return send(405, 'only GET\n');
    switch ((request.url ?? '').split('?')[0]) {
      case '/livez':
        return send(200, 'ok\n');
      case '/readyz':
        return send(health.ready ? 200 : 503, health.ready ? 'ok\n' : `${health.reason}\n`);
      case '/metrics':
        return void measured.registry.metrics().then((text) => send(200, text, measured.registry.contentType), () => send(500, 'no metrics\n'));
      default:
        return send(404, 'not found\n');
    }
  });
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
