// Who wrote what: the API server's own audit log, so that a test can show that nothing was written.
import { readFile } from 'node:fs/promises';

/** Metadata of every request that writes; reads are left out. */
export const AUDIT_POLICY = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  verbs: [get, list, watch]
- level: Metadata
`;

/** One request that wrote, or tried to. */
export type Write = {
  readonly verb: string;
  readonly path: string;
  readonly user: string;
  readonly userAgent: string;
  /** HTTP status of the answer. */
  readonly status: number;
  readonly isDryRun: boolean;
};

/** Reads an audit log, oldest first; it is complete up to the last answered request. */
export async function readWrites(file: string): Promise<readonly Write[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    const event = JSON.parse(line) as AuditEvent;
    const url = new URL(event.requestURI, 'https://host');
    return {
      verb: event.verb,
      path: url.pathname,
      user: event.user.username,
      userAgent: event.userAgent ?? '',
      status: event.responseStatus?.code ?? 0,
      isDryRun: url.searchParams.has('dryRun'),
    };
  });
}

type AuditEvent = {
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string };
  readonly userAgent?: string;
  readonly responseStatus?: { readonly code?: number };
};
