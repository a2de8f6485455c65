// The operator's list of approvers, and what it lets whom approve.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Signature } from '../../../daemon/model/trust.ts';
import { parseApprovers, permissionProblem, type Approved } from '../../../daemon/plan/approvers.ts';

const GPG = 'EEA82DC47BEB1355677C439449B78C36E511FBBD';
const ssh: Signature = { state: 'good', signer: 'ada@example.com', fingerprints: ['SHA256:abc'] };
const gpg: Signature = { state: 'good', signer: 'ada@example.com', fingerprints: ['1111111111111111111111111111111111111111', GPG] };
const resume: Approved = { action: 'resume', kind: 'Application', namespace: 'prod', name: 'shop' };
const may = (list: string, signature: Signature, wanted: Approved): boolean =>
  permissionProblem(parseApprovers(`approvers: [${list}]`, 'a.yaml'), signature, wanted) === '';

describe('an approver', () => {
  const CASES: readonly (readonly [string, string, Signature, Approved, boolean])[] = [
    ['is known by the principal of an SSH key', '{who: ada@example.com}', ssh, resume, true],
    ['is not known by the name on a GPG key, which its owner chooses', '{who: ada@example.com}', gpg, resume, false],
    ['is known by the fingerprint of the primary key', `{who: "${GPG}"}`, gpg, resume, true],
    [
      'is known by a fingerprint with spaces in small letters',
      `{who: "${GPG.toLowerCase()
        .replaceAll(/(.{4})/g, '$1 ')
        .trim()}"}`,
      gpg,
      resume,
      true,
    ],
    ['is known by the fingerprint of an SSH key', '{who: "SHA256:abc"}', ssh, resume, true],
    ['is not another with a key of the same beginning', '{who: "SHA256:ab"}', ssh, resume, false],
    ['has to have signed well', '{who: ada@example.com}', { ...ssh, state: 'expired' }, resume, false],
    ['of nothing but deletions resumes nothing', '{who: ada@example.com, actions: [delete, abandon]}', ssh, resume, false],
    ['of one namespace approves there', '{who: ada@example.com, namespaces: [prod]}', ssh, resume, true],
    ['of one namespace approves nowhere else', '{who: ada@example.com, namespaces: [pro, prod2, "p.od"]}', ssh, resume, false],
    ['of a pattern approves what fits it', '{who: ada@example.com, namespaces: ["p*"]}', ssh, resume, true],
    [
      'of all namespaces does not approve what has none',
      '{who: ada@example.com, namespaces: ["*"]}',
      ssh,
      { action: 'delete', kind: 'Namespace', namespace: null, name: 'prod' },
      false,
    ],
    ['of one application approves it', '{who: ada@example.com, applications: [prod/shop]}', ssh, resume, true],
    [
      'of one application approves no object beside it',
      '{who: ada@example.com, applications: [prod/shop]}',
      ssh,
      { action: 'delete', kind: 'PersistentVolumeClaim', namespace: 'prod', name: 'shop' },
      false,
    ],
    [
      'of applications by pattern does not reach over a slash',
      '{who: ada@example.com, applications: ["pr*/x"]}',
      ssh,
      { ...resume, namespace: 'prod', name: 'y/x' },
      false,
    ],
    ['may have several entries', '{who: ada@example.com, actions: [delete]}, {who: ada@example.com, namespaces: [prod]}', ssh, resume, true],
  ];
  for (const [title, list, signature, wanted, expected] of CASES) it(title, () => assert.equal(may(list, signature, wanted), expected));
});

describe('a list of approvers that cannot be used is refused', () => {
  for (const [title, text, message] of [
    ['no mapping', '[]', /expected a mapping with one key, "approvers"/],
    ['something beside it', 'approvers: []\nadmins: []', /expected a mapping with one key/],
    ['a field that there is not', 'approvers:\n- who: a\n- who: b\n  action: [resume]', /^a\.yaml:3: an approver has no "action"/],
    ['nobody', 'approvers: [{actions: [resume]}]', /needs "who"/],
    ['an action that there is not', 'approvers: [{who: a, actions: [merge]}]', /there is no action "merge"; there are resume, delete, abandon/],
    ['an empty list, which could mean all or nothing', 'approvers: [{who: a, namespaces: []}]', /"namespaces" is a list of at least one text/],
    ['an application without its namespace', 'approvers: [{who: a, applications: [shop]}]', /"shop" is no application: write namespace\/name/],
    ['a GPG key by its name', 'approvers: [{who: "Ada <ada@example.com>"}]', /name a GPG key by its whole fingerprint/],
    ['a GPG key by its short id', 'approvers: [{who: "49B78C36E511FBBD"}]', /name a GPG key by its whole fingerprint/],
    ['a key twice', 'approvers: []\napprovers: []', /./],
  ] as const)
    it(title, () =>
      assert.throws(
        () => parseApprovers(text, 'a.yaml'),
        (error: Error) => message.test(error.message),
      ),
    );
});
