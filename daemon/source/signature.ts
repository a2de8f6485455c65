/** Signatures of commits as git verifies them, with the operator's keys; and the commit that brought a file. */
import type { Provenance, Signature } from '../model/trust.ts';
import type { Git } from './git.ts';
import type { Keys, VerifyingKeys } from './keys.ts';

/** A commit with its signature. */
export interface Signed {
  readonly sha: string;
  readonly author: string;
  readonly signature: Signature;
}

/**
 * Commit, author, verdict, signer, fingerprint of the key, fingerprint of the primary key. Not %GT: git 2.39 aborts where
 * gpg gives no trust. Names are the commit's own: no .mailmap has a say in who is who.
 */
const FORMAT = '--format=%H%x00%an <%ae>%x00%G?%x00%GS%x00%GF%x00%GP%x00';
const PLAIN: readonly string[] = ['--no-show-signature', '--no-mailmap', '--no-notes', '--no-color', '--no-decorate', '--no-ext-diff', '--no-textconv', FORMAT];

/** What git's letter means. U is a good SSH signature by an unknown key; E is no key, no program, or X.509. */
const STATES: Readonly<Record<string, Signature['state']>> = {
  G: 'good',
  N: 'none',
  B: 'bad',
  U: 'unknown',
  E: 'unknown',
  X: 'expired',
  Y: 'expired',
  R: 'revoked',
};

/** The commits of `range` (`a..b`, or one with `-1`), the newest first, at most `most` of them. Faults: source/*. */
export async function signedCommits(
  git: Git,
  keys: Keys,
  directory: string,
  range: readonly string[],
  most: number,
  signal: AbortSignal,
): Promise<readonly Signed[]> {
  const ready = await keys.ready();
  const text = await git.text(
    { doing: 'verifying signatures', directory, args: ['log', `--max-count=${most}`, ...PLAIN, ...range, '--'], config: ready.config, env: ready.env },
    signal,
  );
  return parse(text, ready);
}

function parse(text: string, { lapsed }: VerifyingKeys): readonly Signed[] {
  const fields = text.split('\0');
  const found: Signed[] = [];
  for (let at = 0; at + 6 < fields.length; at += 6) {
    const [sha = '', author = '', letter = '', signer = '', key = '', primary = ''] = fields.slice(at, at + 6).map((field) => field.trim());
    const fingerprints = [...new Set([key, primary])].filter((item) => item !== '');
    const state = STATES[letter] ?? 'bad';
    const isLapsed = state === 'unknown' && fingerprints.some((item) => lapsed.has(item));
    found.push({ sha, author, signature: { state: isLapsed ? 'expired' : state, signer: state === 'good' ? signer : '', fingerprints } });
  }
  return found;
}

/**
 * The commit that brought the file at `path` as it is in `revision`: the last one that differs there from all of its
 * parents. A merge that only takes a side's file is not that commit; one that resolves it by other content is. Renames are
 * not followed: who moves a file brings it. Null when the path has no history.
 */
export async function broughtBy(
  git: Git,
  keys: Keys,
  directory: string,
  { path, oid, sha }: { readonly path: string; readonly oid: string; readonly sha: string },
  signal: AbortSignal,
): Promise<Provenance | null> {
  const ready = await keys.ready();
  const where = ['--', `:(top,literal)${path}`];
  const text = await git.text(
    { doing: 'looking who brought a file', directory, args: ['log', '--max-count=1', ...PLAIN, sha, ...where], config: ready.config, env: ready.env },
    signal,
  );
  const [brought] = parse(text, ready);
  if (brought === undefined) return null;
  // A merge of an old branch brings back what was taken away since, and the commit that brought it first was signed.
  const later = await git.text(
    {
      doing: 'looking who brought a file',
      directory,
      args: [
        'log',
        '--full-history',
        '--ancestry-path',
        '-m',
        '--raw',
        '--no-abbrev',
        '--no-renames',
        ...PLAIN.filter((option) => option !== FORMAT),
        '--format=commit %H',
        `${brought.sha}..${sha}`,
        ...where,
      ],
    },
    signal,
  );
  let commit = '';
  for (const line of later.split('\n')) {
    if (line.startsWith('commit ')) commit = line.slice('commit '.length);
    if (line.startsWith(':') && line.split(' ')[2] === oid)
      return { commit: brought.sha, author: brought.author, signature: brought.signature, withdrawnBy: commit };
  }
  return { commit: brought.sha, author: brought.author, signature: brought.signature, withdrawnBy: null };
}
