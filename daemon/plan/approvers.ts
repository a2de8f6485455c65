/** Who may approve what: the operator's list. It stands beside the daemon, never in the repository. Pure. */
import { isRecord } from '../lib/json.ts';
import { parseYaml } from '../lib/yaml.ts';
import { Fault } from '../model/fault.ts';
import { signatureProblem, signerText, type Signature } from '../model/trust.ts';

export const ACTIONS = ['resume', 'delete', 'abandon'] as const;
export type Action = (typeof ACTIONS)[number];

/** One entry of the list. A person may have several; one that fits is enough. */
export interface Approver {
  /** A principal of the allowed signers, or a key's fingerprint: `SHA256:...` for SSH, 40 or 64 hex digits for GPG. */
  readonly who: string;
  readonly actions: readonly Action[];
  /** Patterns with `*`; null: everywhere, and what is in no namespace. */
  readonly namespaces: readonly string[] | null;
  /** Patterns of `namespace/name`: only these applications, as a whole; null: anything. */
  readonly applications: readonly string[] | null;
}

/** What somebody approves. */
export interface Approved {
  readonly action: Action;
  readonly kind: string;
  /** "" for what has none; null where the Approval does not say and its kind does not tell. */
  readonly namespace: string | null;
  readonly name: string;
}

/**
 * Reads the list, a YAML mapping with the one key `approvers`. An empty list is one: nobody may approve.
 * Faults: config/invalid.
 */
export function parseApprovers(text: string, file: string): readonly Approver[] {
  const parsed = parseYaml(text, file);
  const [error] = parsed.errors;
  if (error !== undefined) throw new Fault('config/invalid', `${file}:${error.origin?.line ?? 1}: ${error.message}`);
  const list = isRecord(parsed.value) ? parsed.value['approvers'] : undefined;
  if (!Array.isArray(list) || !isRecord(parsed.value) || Object.keys(parsed.value).length !== 1)
    throw new Fault('config/invalid', `${file}: expected a mapping with one key, "approvers", that holds a list`);
  return list.map((entry: unknown, index) => {
    const refuse = (message: string): never => {
      throw new Fault('config/invalid', `${file}:${parsed.locate(['approvers', index]).line}: ${message}`);
    };
    if (!isRecord(entry)) return refuse('an approver is a mapping with "who"');
    const unknown = Object.keys(entry).find((key) => !['who', 'actions', 'namespaces', 'applications'].includes(key));
    if (unknown !== undefined) return refuse(`an approver has no "${unknown}"; it has who, actions, namespaces, applications`);
    const words = (key: string): readonly string[] | null => {
      const value = entry[key];
      if (value === undefined) return null;
      // An empty list reads like "nothing" and could be meant as "anything".
      if (!Array.isArray(value) || value.length === 0 || !value.every((item) => typeof item === 'string' && item !== ''))
        return refuse(`"${key}" is a list of at least one text; leave it out for all`);
      return value as readonly string[];
    };
    const actions = words('actions') ?? ACTIONS;
    const strange = actions.find((action) => !(ACTIONS as readonly string[]).includes(action));
    if (strange !== undefined) return refuse(`there is no action "${strange}"; there are ${ACTIONS.join(', ')}`);
    const applications = words('applications');
    const nameless = applications?.find((name) => !/^[^/]+\/[^/]+$/.test(name));
    if (nameless !== undefined) return refuse(`"${nameless}" is no application: write namespace/name`);
    return { who: whoOf(entry['who'], refuse), actions: actions as readonly Action[], namespaces: words('namespaces'), applications };
  });
}

function whoOf(value: unknown, refuse: (message: string) => never): string {
  if (typeof value !== 'string' || value.trim() === '') return refuse('an approver needs "who": a principal of the allowed signers, or a fingerprint');
  const who = value.trim();
  const hex = who.replaceAll(' ', '').toUpperCase();
  if (/^[0-9A-F]{40}$|^[0-9A-F]{64}$/.test(hex)) return hex;
  // A key may carry any name that its owner likes, and shorter ids have been forged.
  if (/[<>]/.test(who) || /^(?:0X)?[0-9A-F]{8,39}$/.test(hex)) return refuse(`"${who}": name a GPG key by its whole fingerprint`);
  return who;
}

/** Whether a list of approvers lets the signer of a commit approve this: "" when it does, else why not, as a sentence's rest. */
export function permissionProblem(approvers: readonly Approver[], signature: Signature, wanted: Approved): string {
  if (signature.state !== 'good') return signatureProblem(signature);
  const own = approvers.filter((approver) => isSigner(approver.who, signature));
  const signed = `is signed by ${signerText(signature)}`;
  if (own.length === 0) return `${signed}, who is none of the approvers`;
  if (own.some((approver) => covers(approver, wanted))) return '';
  return `${signed}, who may not approve to ${wanted.action} ${wanted.kind} ${[wanted.namespace ?? '', wanted.name].filter((part) => part !== '').join('/')}`;
}

/** A principal is one of the operator's file, so only SSH has it; the name on a GPG key is its owner's choice. */
function isSigner(who: string, signature: Signature): boolean {
  return signature.fingerprints.includes(who) || (signature.fingerprints[0]?.startsWith('SHA256:') === true && signature.signer === who);
}

function covers({ actions, namespaces, applications }: Approver, { action, kind, namespace, name }: Approved): boolean {
  if (!actions.includes(action)) return false;
  // Where only some namespaces are given, what is in none of them is not.
  if (namespaces !== null && (namespace === null || namespace === '' || !namespaces.some((pattern) => fits(pattern, namespace)))) return false;
  const isApplication = kind === 'Application' || kind === 'Initializer';
  return applications === null || (isApplication && applications.some((pattern) => fits(pattern, `${namespace ?? ''}/${name}`)));
}

function fits(pattern: string, text: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('[^/]*')}$`).test(text);
}
