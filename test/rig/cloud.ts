/** A hub, one member to be, and a cloud that hands it out as the cluster that was asked for: what tests of Initializers stand on. */
import { startCloud, type Cloud, type CloudOptions } from '../lab/cloud.ts';
import { useLab, type Lab } from '../lab/lab.ts';

export interface CloudGround extends AsyncDisposable {
  readonly lab: Lab<'hub' | 'member'>;
  readonly cloud: Cloud;
  /** Environment of a daemon that has the account. */
  readonly env: () => Readonly<Record<string, string>>;
  /** Flags of a daemon that talks to this cloud. */
  readonly args: readonly string[];
}

/** The account of a cloud as a daemon reads it. */
export const accountOf = (cloud: Cloud): Readonly<Record<string, string>> => ({
  ALICLOUD_ACCESS_KEY: cloud.credentials.accessKeyId,
  ALICLOUD_SECRET_KEY: cloud.credentials.accessKeySecret,
  ALICLOUD_SECURITY_TOKEN: cloud.credentials.securityToken ?? '',
});

/** Flags that point a daemon at it, and make it look often. */
export const flagsOf = (cloud: Cloud): readonly string[] => [
  '--cloud-endpoint',
  `http://${cloud.endpoint}`,
  '--cloud-poll',
  '200ms',
  '--cloud-outcome-window',
  '3s',
];

/** The document that names the account, as the Initializer `terraform-alibaba` brings it. */
export const PROVIDER = `apiVersion: terraform.core.oam.dev/v1beta1
kind: Provider
metadata: {name: default, namespace: default}
spec:
  provider: alibaba
  region: cn-hongkong
  credentials: {source: Secret, secretRef: {namespace: vela-system, name: alibaba-account-creds, key: credentials}}
`;

/** Starts them. Every cluster that the cloud makes is the same member. */
export async function useCloud(options: CloudOptions = {}): Promise<CloudGround> {
  const lab = await useLab(['hub', 'member']);
  try {
    const cloud = await startCloud({
      planes: Array.from({ length: 100 }, () => lab.planes.member),
      createMs: 500,
      deleteMs: 200,
      clusterQuota: 1000,
      vpcQuota: 1000,
      ...options,
    });
    return {
      lab,
      cloud,
      env: () => accountOf(cloud),
      args: flagsOf(cloud),
      [Symbol.asyncDispose]: async () => {
        await cloud.stop();
        await lab.stop();
      },
    };
  } catch (error) {
    await lab.stop();
    throw error;
  }
}
