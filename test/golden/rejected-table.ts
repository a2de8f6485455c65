/** What becomes of the Applications that vela-core 1.10 refused or failed: each with its cause as a user reads it, and the line that it points to. */

export interface Rejected {
  /** In the message of the condition Ready on the hub, and in a diagnostic of the status file. */
  readonly cause: RegExp;
  /** What stands in the line that the diagnostic points to. */
  readonly line: string;
}

/** Differences by intent, each with its reason: what is found instead of what KubeVela recorded. */
export interface Other {
  readonly because: string;
  readonly phase: string;
  /** In what the Application's components or steps say on the hub. */
  readonly says: RegExp;
}

/** May only grow; a case that is on it and differs fails the test. */
export const REJECTED: Readonly<Record<string, Rejected>> = {
  'app-with-volumes-app-azure-disk-volume': { cause: /Deployment .*azureDisk\.diskURI: Unsupported value/, line: '- name: myworker' },
  'app-with-volumes-app-websvc-volumes': { cause: /volumes\[0\]\.persistentVolumeClaim: Forbidden/, line: '- name: mywebsvc' },
  'canary-rollout-use-case-rollout-v2': { cause: /TraitDefinition "canary-traffic"/, line: '- type: canary-traffic' },
  'component-alibaba-eip-0': { cause: /ComponentDefinition "alibaba-eip"/, line: 'type: alibaba-eip' },
  'component-alibaba-oss-0': { cause: /ComponentDefinition "alibaba-oss"/, line: 'type: alibaba-oss' },
  'component-alibaba-sls-store-0': { cause: /ComponentDefinition "alibaba-sls-store"/, line: 'type: alibaba-sls-store' },
  'component-alibaba-vpc-0': { cause: /ComponentDefinition "alibaba-vpc"/, line: 'type: alibaba-vpc' },
  'component-azure-database-mariadb-0': { cause: /ComponentDefinition "azure-database-mariadb"/, line: 'type: azure-database-mariadb' },
  'component-azure-storage-account-0': { cause: /ComponentDefinition "azure-storage-account"/, line: 'type: azure-storage-account' },
  'component-config-image-registry-0': { cause: /ComponentDefinition "config-image-registry"/, line: 'type: config-image-registry' },
  'core-definitions-component-webservice': { cause: /volumeMounts\.subPath: Invalid value: "\/sub"/, line: '- name: express-server' },
  'envbinding-deploy-and-share-cloud-resource': { cause: /ComponentDefinition "alibaba-rds"/, line: 'type: alibaba-rds' },
  'envbinding-envpatch-with-wild-match': { cause: /namespaces "test" not found/, line: '- name: example-multi-env-policy' },
  'envbinding-example': { cause: /namespaces "test" not found/, line: '- name: deploy-test' },
  'helm-module-helm-chart-app': { cause: /ComponentDefinition "webapp-chart" gives no output/, line: 'type: webapp-chart' },
  'imagepulljob-basic-image-pull': { cause: /WorkflowStepDefinition "predownloadimage"/, line: 'type: predownloadimage' },
  'live-diff-app': { cause: /ComponentDefinition "myworker"/, line: 'type: myworker' },
  'live-diff-app-modified': { cause: /ComponentDefinition "myworker"/, line: 'type: myworker' },
  'policy-override-1': { cause: /namespaces "examples-alternative" not found/, line: '- type: deploy' },
  'policy-read-only-0': { cause: /Deployment \(busybox\) is marked as read-only but does not exist/, line: '- name: busybox' },
  'policy-take-over-0': { cause: /Deployment .*spec\.selector: Required value/, line: '- name: busybox' },
  'policy-topology-0': { cause: /failed to get cluster hangzhou-1: not found/, line: '- name: topology-hangzhou-clusters' },
  'references-cli-test-data-dry-run-testing-dry-run-4': { cause: /Workflow "testing-wf"/, line: 'ref: testing-wf' },
  'references-cli-test-data-dry-run-testing-dry-run-7': { cause: /ComponentDefinition "myworker"/, line: 'type: myworker' },
  'rollout-trait-app-scale': { cause: /TraitDefinition "rollout"/, line: '- type: rollout' },
  'rollout-trait-application': { cause: /TraitDefinition "rollout"/, line: '- type: rollout' },
  'terraform-app-jdbc': { cause: /ComponentDefinition "alibaba-rds"/, line: 'type: alibaba-rds' },
  'terraform-application-force-delete': { cause: /ComponentDefinition "alibaba-vpc"/, line: 'type: alibaba-vpc' },
  'terraform-cloud-resource-provision-and-consume-application-ask': { cause: /ComponentDefinition "alibaba-ask"/, line: 'type: alibaba-ask' },
  'terraform-cloud-resource-provision-and-consume-application-aws-s3': { cause: /ComponentDefinition "aws-s3"/, line: 'type: aws-s3' },
  'terraform-cloud-resource-provision-and-consume-application-rds': { cause: /ComponentDefinition "alibaba-rds"/, line: 'type: alibaba-rds' },
  'terraform-cloud-resource-provision-and-consume-application-sls-store': { cause: /ComponentDefinition "alibaba-sls-store"/, line: 'type: alibaba-sls-store' },
  'terraform-cloud-resource-provision-and-consume-application-vpc': { cause: /ComponentDefinition "alibaba-vpc"/, line: 'type: alibaba-vpc' },
  'test-e2e-multicluster-test-testdata-app-app-bad-resource': {
    cause: /APIService test-bad-resource: metadata\.name: Invalid value/,
    line: '- name: topology',
  },
  'test-e2e-multicluster-test-testdata-app-app-carrying-deploy-step-with-inline-policy': {
    cause: /WorkflowStepDefinition "inline-deploy"/,
    line: '- type: inline-deploy',
  },
  'test-e2e-multicluster-test-testdata-app-app-disconnection-test': { cause: /failed to get cluster disconnection-test: not found/, line: '- type: topology' },
  'test-e2e-test-testdata-app-app-replication': { cause: /ComponentDefinition "replica-webservice"/, line: 'type: replica-webservice' },
  'test-e2e-test-testdata-app-app10': { cause: /component test not found/, line: 'component: test' },
  'test-e2e-test-testdata-app-app11': { cause: /deployments\.apps "myweb" is forbidden: User "system:serviceaccount:case-084:default"/, line: '- name: myweb' },
  'trait-kustomize-json-patch-0': { cause: /ComponentDefinition "kustomize"/, line: 'type: kustomize' },
  'trait-kustomize-patch-0': { cause: /ComponentDefinition "kustomize"/, line: 'type: kustomize' },
  'trait-kustomize-strategy-merge-0': { cause: /ComponentDefinition "kustomize"/, line: 'type: kustomize' },
  'trait-service-binding-3': { cause: /property ports: expected list, got int/, line: 'ports: 80' },
  'traits-control-plane-only-usecase-app-with-control-plane-only-usecase': { cause: /TraitDefinition "hubcpuscaler"/, line: '- type: hubcpuscaler' },
  'workflow-apply-remaining-app': { cause: /ComponentDefinition "singleton-server"/, line: 'type: singleton-server' },
  'workflow-canary-rollout-rollout-v2': { cause: /TraitDefinition "canary-traffic"/, line: '- type: canary-traffic' },
  'workflow-read-object-app': { cause: /property cpu: expected string, got null/, line: '- name: apply' },
  'workflow-rollout-first-scale': { cause: /TraitDefinition "rollout"/, line: '- type: rollout' },
  'workflowstep-apply-object-0': { cause: /component express-serve not found/, line: 'component: express-serve' },
  'workflowstep-apply-terraform-config-0': { cause: /the template does not exist: .*terraform-alibaba/, line: '- name: provider' },
  'workflowstep-apply-terraform-provider-0': { cause: /the template does not exist: .*terraform-alibaba/, line: '- name: provider' },
  'workflowstep-clean-jobs-0': { cause: /value\.metadata\.namespace: has no value/, line: '- name: clean-cli-jobs' },
  'workflowstep-depends-on-app-0': { cause: /undefined field: data/, line: '- name: express-server' },
  'workflowstep-deploy-0': { cause: /namespaces "examples-alternative" not found/, line: '- type: deploy' },
  'workflowstep-deploy-cloud-resource-0': { cause: /ComponentDefinition "alibaba-rds"/, line: 'type: alibaba-rds' },
  'workflowstep-read-object-0': { cause: /property cpu: expected string, got null/, line: '- name: apply' },
};

export const OTHERS: Readonly<Record<string, Other>> = {
  'component-alibaba-ack-0': {
    because: 'alibaba-ack is built in, for KubeVela an addon brings it',
    phase: 'runningWorkflow',
    says: /Provider default\/default is not there/,
  },
  'workflowstep-request-0': {
    because: 'it asks a server on the Internet: with the answer KubeVela failed at its output, without it the call fails here',
    phase: 'workflowFailed',
    says: /api\.github\.com/,
  },
};
