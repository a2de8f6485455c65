/** Who vouches for what stands in the repository: signatures of commits, and where a file comes from. */

/** What the signature of a commit came to, with the operator's keys and nothing else. */
export interface Signature {
  /**
   * good: made by one of the operator's keys, which is neither expired nor revoked. unknown: by a key that is none of
   * them. bad: it does not fit the commit, or an SSH key was revoked (git does not tell these apart).
   */
  readonly state: 'good' | 'none' | 'bad' | 'unknown' | 'expired' | 'revoked';
  /** SSH: the principal; GPG: the key's user id, `Name <mail>`. "" unless it is good. */
  readonly signer: string;
  /** Of the key, and of the primary key that it belongs to: `SHA256:...` for SSH, hex for GPG; none where it is not known. */
  readonly fingerprints: readonly string[];
}

/** The commit that brought a file as it is now: none of its parents had this content at this path. */
export interface Provenance {
  readonly commit: string;
  /** As the commit says, `Name <mail>`; proves nothing. */
  readonly author: string;
  readonly signature: Signature;
  /** A later commit of the same history that took the file away or changed it, though a merge has brought it back. */
  readonly withdrawnBy: string | null;
}

/** `ada@example.com`, or the key where nobody is known by it. */
export function signerText(signature: Signature): string {
  return signature.signer === '' ? (signature.fingerprints[0] ?? 'nobody') : signature.signer;
}

/** Why a signature is none that counts, as the rest of a sentence about a commit; "" for a good one. */
export function signatureProblem(signature: Signature): string {
  const key = signature.fingerprints[0];
  const named = key === undefined ? 'a key' : `the key ${key}`;
  switch (signature.state) {
    case 'good':
      return '';
    case 'none':
      return 'is not signed';
    case 'bad':
      return 'has a signature that does not hold: it was changed after signing, or its key is revoked';
    case 'unknown':
      return `is signed by ${named}, which the operator has not named`;
    case 'expired':
      return `is signed by ${named}, whose time is over`;
    case 'revoked':
      return `is signed by ${named}, which is revoked`;
    default:
      return signature.state satisfies never;
  }
}
