/** Properties, live objects and answers that try every parameter of the built-in definitions. */
import type { CueJson, CueObject } from '../../daemon/model/cue.ts';
import type { Dialect } from '../../daemon/model/catalog.ts';

const VOLUME_MOUNTS = {
  pvc: [{ name: 'p', mountPath: '/p', claimName: 'c', subPath: 's' }],
  configMap: [
    { name: 'cm', mountPath: '/cm', cmName: 'cm1', items: [{ key: 'k', path: 'p' }] },
    { name: 'cm', mountPath: '/cm2', cmName: 'cm1' },
  ],
  secret: [{ name: 'se', mountPath: '/se', secretName: 's1', defaultMode: 256 }],
  emptyDir: [
    { name: 'e', mountPath: '/e', medium: 'Memory' },
    { name: 'e2', mountPath: '/e2' },
  ],
  hostPath: [{ name: 'h', mountPath: '/h', path: '/var' }],
};
const VOLUMES = [
  { name: 'p', mountPath: '/p', type: 'pvc', claimName: 'c' },
  { name: 'cm', mountPath: '/cm', type: 'configMap', cmName: 'x', items: [{ key: 'k', path: 'p', mode: 1 }] },
  { name: 's', mountPath: '/s', type: 'secret', secretName: 'y' },
  { name: 'e2', mountPath: '/e2', subPath: 'q', type: 'emptyDir', medium: 'Memory' },
];
const ENV = [
  { name: 'A', value: 'b' },
  { name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
  { name: 'C', valueFrom: { configMapKeyRef: { name: 's', key: 'k' }, fieldRef: { fieldPath: 'x' } } },
];
const HTTP_PROBE = { httpGet: { path: '/', port: 80, httpHeaders: [{ name: 'a', value: 'b' }] } };
const EXEC_PROBE = { exec: { command: ['a'] }, initialDelaySeconds: 3, periodSeconds: 4, timeoutSeconds: 5, successThreshold: 6, failureThreshold: 7 };

/** Properties of anything that runs one container; some of them are wrong on purpose. */
const CONTAINER: readonly CueJson[] = [
  { image: 'n' },
  {},
  null,
  { image: 1 },
  { image: 'n', imagePullPolicy: 'Always' },
  { image: 'n', imagePullPolicy: 'Sometimes' },
  { image: 'n', imagePullSecrets: ['a', 'b'] },
  { image: 'n', cmd: ['a', 'b'] },
  { image: 'n', args: ['a'] },
  { image: 'n', env: ENV },
  { image: 'n', env: [] },
  { image: 'n', cpu: '0.5' },
  { image: 'n', memory: '1Gi' },
  { image: 'n', cpu: '1', memory: '1Gi' },
  { image: 'n', cpu: 1 },
  { image: 'n', volumeMounts: VOLUME_MOUNTS },
  { image: 'n', volumeMounts: {} },
  { image: 'n', volumes: VOLUMES },
  { image: 'n', volumes: [] },
  { image: 'n', volumes: VOLUMES, volumeMounts: VOLUME_MOUNTS },
  { image: 'n', volumes: [{ name: 'x', mountPath: '/', type: 'nfs' }] },
  { image: 'n', volumes: [{ name: 'x', mountPath: '/', type: 'pvc' }] },
  { image: 'n', livenessProbe: HTTP_PROBE, readinessProbe: EXEC_PROBE },
  { image: 'n', livenessProbe: { tcpSocket: { port: 80 } } },
  { image: 'n', livenessProbe: { httpGet: { path: '/', port: 80, host: 'h', scheme: 'HTTPS' } } },
  { image: 'n', livenessProbe: { grpc: { port: 1 } } },
  { image: 'n', unknown: { a: 1 } },
  { image: 'n', labels: { l: '1' }, annotations: { an: '2' } },
  { image: 'n', labels: { 'app.oam.dev/name': 'x' } },
  { image: 'n', hostAliases: [{ ip: '1.1.1.1', hostnames: ['a', 'b'] }] },
];
const PORTS: readonly CueJson[] = [
  { image: 'n', port: 80 },
  { image: 'n', port: 80, ports: [] },
  { image: 'n', ports: [{ port: 80 }] },
  {
    image: 'n',
    ports: [
      { port: 80, expose: true },
      { port: 81, name: 'x', expose: true, protocol: 'UDP' },
      { port: 53, protocol: 'UDP', expose: true },
      { port: 9, containerPort: 90, expose: true, nodePort: 30000 },
    ],
  },
  { image: 'n', exposeType: 'NodePort', ports: [{ port: 9, containerPort: 90, expose: true, nodePort: 30000, protocol: 'SCTP' }] },
  { image: 'n', exposeType: 'LoadBalancer', ports: [{ port: 9, expose: true }] },
  { image: 'n', exposeType: 'ExternalName', ports: [{ port: 9, expose: true }] },
  { image: 'n', addRevisionLabel: true },
  { image: 'n', ports: [{ port: '80' }] },
  { image: 'n', ports: [{ port: 80, protocol: 'HTTP' }] },
  { image: 'n', ports: [{ port: 80, expose: 'yes' }] },
];
const CRON = { schedule: '* * * * *', image: 'n' };
const OBJECTS: readonly CueJson[] = [
  { objects: [{ apiVersion: 'v1', kind: 'ConfigMap', data: { a: 'b' } }, { a: 1 }, { b: { c: [1, null] } }] },
  { objects: [] },
  {},
  { objects: [3] },
];
const RAW: readonly CueJson[] = [{ apiVersion: 'v1', kind: 'ConfigMap', data: { a: 'b' } }];

/** Properties by component type. */
export const COMPONENTS: Readonly<Record<Dialect, Readonly<Record<string, readonly CueJson[]>>>> = {
  '1.10': {
    webservice: [...CONTAINER, ...PORTS],
    worker: CONTAINER,
    daemon: [
      ...CONTAINER,
      ...PORTS,
      { image: 'n', volumeMounts: { hostPath: [{ name: 'h', mountPath: '/h', path: '/var', readOnly: true, mountPropagation: 'None', subPath: 'x' }] } },
    ],
    task: [...CONTAINER, { image: 'n', count: 3, restart: 'OnFailure' }],
    'cron-task': [
      ...CONTAINER.map((properties) => ({ ...CRON, ...(properties as CueObject | null) })),
      {},
      {
        ...CRON,
        startingDeadlineSeconds: 3,
        suspend: true,
        concurrencyPolicy: 'Forbid',
        successfulJobsHistoryLimit: 4,
        failedJobsHistoryLimit: 5,
        ttlSecondsAfterFinished: 6,
        activeDeadlineSeconds: 7,
        backoffLimit: 8,
        count: 9,
      },
    ],
    raw: RAW,
    'k8s-objects': OBJECTS,
  },
  '1.1': {
    webservice: [...CONTAINER, ...PORTS, { image: 'n', port: 81, addRevisionLabel: true }],
    worker: CONTAINER,
    task: [...CONTAINER, { image: 'n', count: 2, restart: 'OnFailure' }],
    raw: RAW,
  },
};

/** What traits work on: two containers, the first with something of everything. */
export const DEPLOYMENT: CueObject = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', labels: { old: 'label' }, annotations: { old: 'annotation' } },
  spec: {
    replicas: 2,
    template: {
      metadata: { labels: { a: 'b' } },
      spec: {
        hostAliases: [{ ip: '1.1.1.1', hostnames: ['x'] }],
        volumes: [{ name: 'old', emptyDir: {} }],
        containers: [
          {
            name: 'web',
            image: 'n',
            imagePullPolicy: 'Never',
            args: ['x', 'y'],
            env: [
              { name: 'A', value: '1' },
              { name: 'B', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
            ],
            ports: [{ containerPort: 80, protocol: 'TCP', name: 'port-80' }],
            volumeMounts: [{ name: 'old', mountPath: '/old' }],
          },
          { name: 'side', image: 'busybox' },
        ],
      },
    },
  },
};
/** The same with one container: some of KubeVela's patches fit nothing else. */
const ONE_CONTAINER: CueObject = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  spec: { replicas: 2, template: { spec: { containers: [{ name: 'web', image: 'n', resources: { requests: { cpu: 9, other: 1 } } }] } } },
};
const CRON_JOB: CueObject = {
  apiVersion: 'batch/v1',
  kind: 'CronJob',
  spec: { jobTemplate: { spec: { template: { spec: { containers: [{ name: 'web' }] } } } } },
};
const CONFIG_MAP: CueObject = { apiVersion: 'v1', kind: 'ConfigMap' };

interface TraitTry {
  readonly type: string;
  readonly properties: CueJson;
  readonly on: CueObject;
}
const on = (object: CueObject, type: string, ...properties: readonly CueJson[]): readonly TraitTry[] =>
  properties.map((each) => ({ type, properties: each, on: object }));
const try_ = (type: string, ...properties: readonly CueJson[]): readonly TraitTry[] => on(DEPLOYMENT, type, ...properties);

const POD_TERMS = {
  required: [
    {
      topologyKey: 'z',
      labelSelector: { matchLabels: { a: 'b' }, matchExpressions: [{ key: 'k', values: ['v'] }] },
      namespaces: ['n'],
      namespaceSelector: { matchLabels: { a: 'b' } },
    },
  ],
  preferred: [{ weight: 3, podAffinityTerm: { topologyKey: 't' } }],
};
const NODE_TERMS = {
  required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'k', operator: 'Gt', values: ['1'] }] }, { matchFields: [{ key: 'k' }] }] },
  preferred: [{ weight: 5, preference: { matchFields: [{ key: 'k' }] } }],
};
const CLAIM = { claimName: 'c', accessModes: ['RWO'], resources: { requests: { storage: '1Gi' } }, volumesToMount: [{ name: 'v', mountPath: '/v' }] };
const SOURCE = { name: 'n', kind: 'k', apiGroup: 'g' };
const INIT = { name: 'i', image: 'x', appMountPath: '/a', initMountPath: '/i' };
const withoutMount = VOLUMES.map(({ mountPath, ...volume }) => (mountPath === '' ? {} : volume)) as readonly CueObject[];
const EMPTY_CONFIGMAP = { name: 'z', mountOnly: true };
const ALL_KINDS = { pvc: [], configMap: [EMPTY_CONFIGMAP], secret: [] };

/** Traits: type, properties and what they work on. */
export const TRAITS: Readonly<Record<Dialect, readonly TraitTry[]>> = {
  '1.10': [
    ...try_(
      'expose',
      { port: [80, 81] },
      { ports: [{ port: 80 }] },
      { port: [1], ports: [{ port: 80, name: 'a', nodePort: 31000 }], type: 'NodePort' },
      { ports: [{ port: 53, protocol: 'UDP', nodePort: 3 }], type: 'LoadBalancer' },
      { annotations: { a: 'b' } },
      { matchLabels: { a: 'b' }, port: [1] },
      {},
      null,
      { port: 80 },
      { type: 'X' },
    ),
    ...try_('scaler', { replicas: 3 }, {}, { replicas: 'x' }),
    ...on(ONE_CONTAINER, 'scaler', { replicas: 0 }),
    ...try_('labels', { a: 'b', c: null }, { old: null, a: 'c' }, {}, { a: 1 }),
    ...on(CONFIG_MAP, 'labels', { a: 'b' }),
    ...try_('annotations', { a: 'b', c: null }, { old: null }, {}),
    ...on(CONFIG_MAP, 'annotations', { a: 'b' }),
    ...on(CRON_JOB, 'annotations', { a: 'b' }),
    ...try_(
      'container-image',
      { image: 'x' },
      { image: 'x', imagePullPolicy: 'Always' },
      { containerName: 'side', image: 'x' },
      { containerName: 'no', image: 'x' },
      {
        containers: [
          { containerName: 'side', image: 'x' },
          { containerName: 'web', image: 'y', imagePullPolicy: 'Never' },
        ],
      },
      { containers: [{ image: 'x' }] },
      {},
      { image: 'x', foo: 1 },
      { containers: [], image: 'x' },
    ),
    ...try_(
      'command',
      { command: ['a'] },
      { args: ['a'] },
      { args: [] },
      { addArgs: ['x', 'z'] },
      { delArgs: ['x'] },
      { addArgs: ['z', 'x'], delArgs: ['x'] },
      { args: ['q'], addArgs: ['a'] },
      { args: ['q'], delArgs: ['a'] },
      { containerName: 'side', addArgs: ['a'] },
      { containerName: 'no', addArgs: ['a'] },
      {},
      {
        containers: [
          { containerName: 'side', command: ['q'] },
          { containerName: 'web', addArgs: ['q'] },
        ],
      },
      { containers: [{ command: ['q'] }] },
      { containers: [{ containerName: 'no' }] },
      { foo: 1 },
    ),
    ...try_(
      'env',
      { env: { A: '2', N: 'n' } },
      { env: { A: '2' }, replace: true },
      { unset: ['A'] },
      { env: { A: '1', X: 'y' }, unset: ['A', 'X'] },
      { env: { B: 'x' } },
      { containerName: 'side', env: { A: '2', B: '3' }, unset: ['B'] },
      {
        containers: [
          { containerName: 'side', env: { q: '1' } },
          { containerName: 'web', unset: ['B'] },
        ],
      },
      { containers: [{ env: { q: '1' } }] },
      { containerName: 'no', env: {} },
      {},
      { env: { a: 1 } },
    ),
    ...try_(
      'container-ports',
      {
        ports: [
          { containerPort: 80, hostPort: 8080 },
          { containerPort: 81, protocol: 'UDP', hostIP: '1.2.3.4' },
        ],
      },
      { containerName: 'side', ports: [{ containerPort: 80, hostPort: 8080 }] },
      { ports: [] },
      { containers: [{ containerName: 'web', ports: [{ containerPort: 80, hostIP: '1.1.1.1' }] }] },
      { containers: [{ ports: [] }] },
      {},
    ),
    ...try_(
      'securitycontext',
      {
        addCapabilities: ['A'],
        dropCapabilities: ['B'],
        runAsUser: 1,
        runAsGroup: 2,
        privileged: true,
        allowPrivilegeEscalation: true,
        readOnlyRootFilesystem: true,
        runAsNonRoot: false,
      },
      { containers: [{ containerName: 'side', runAsUser: 1 }] },
      { containers: [{ runAsUser: 1 }] },
      { containerName: 'no' },
      { containerName: 'side', runAsUser: 1 },
    ),
    ...try_(
      'startup-probe',
      { httpGet: { path: '/', port: 80 } },
      { exec: { command: ['a'] }, periodSeconds: 2, terminationGracePeriodSeconds: 3 },
      { grpc: { port: 1, service: 'x' }, containerName: 'side' },
      { tcpSocket: { port: 1, host: 'h' }, failureThreshold: 9, initialDelaySeconds: 1, timeoutSeconds: 2, successThreshold: 4 },
      { containerName: 'no', tcpSocket: { port: 1 } },
      {},
    ),
    ...try_(
      'sidecar',
      { name: 's', image: 'i' },
      { name: 'side', image: 'busybox', cmd: ['z'] },
      { name: 's', image: 'i', cmd: ['a'], args: ['b'], env: ENV, volumes: [{ name: 'v', path: '/v' }], livenessProbe: HTTP_PROBE, readinessProbe: EXEC_PROBE },
      { name: 's' },
    ),
    ...try_(
      'init-container',
      INIT,
      { ...INIT, mountName: 'm', cmd: ['a'], args: ['b'], env: ENV, imagePullPolicy: 'Always', extraVolumeMounts: [{ name: 'e', mountPath: '/e' }] },
      {},
    ),
    ...on(
      ONE_CONTAINER,
      'resource',
      { cpu: '0.5', memory: '1Gi' },
      { cpu: 1, memory: '1Gi' },
      { cpu: 1 },
      {},
      { requests: { cpu: 2, memory: '1Gi' } },
      { requests: {} },
      { limits: { memory: '3Mi' } },
      { cpu: 1, memory: '1Gi', limits: {} },
      { memory: 'abc', cpu: 1 },
    ),
    ...on(CRON_JOB, 'resource', { cpu: '0.5', memory: '1Gi' }),
    ...try_('hostalias', { hostAliases: [{ ip: '2.2.2.2', hostnames: ['a'] }] }, {}),
    ...try_(
      'lifecycle',
      { postStart: { exec: { command: ['a'] } }, preStop: { httpGet: { port: 80 } } },
      { preStop: { tcpSocket: { port: 1, host: 'h' } } },
      { preStop: { tcpSocket: { port: 0 } } },
    ),
    ...try_(
      'podsecuritycontext',
      {},
      {
        runAsNonRoot: false,
        fsGroup: 1,
        runAsGroup: 2,
        runAsUser: 3,
        seccompProfile: { type: 'Localhost', localhostProfile: 'x' },
        appArmorProfile: { type: 'Localhost', localhostProfile: 'x' },
      },
      { seccompProfile: { type: 'RuntimeDefault' } },
    ),
    ...try_(
      'service-account',
      { name: 'a' },
      { name: 'a', create: true },
      {
        name: 'a',
        create: true,
        privileges: [
          { verbs: ['get'], apiGroups: [''], resources: ['pods'], resourceNames: ['x'] },
          { verbs: ['list'], scope: 'cluster', nonResourceURLs: ['/x'] },
        ],
      },
      { name: 'a', privileges: [{ verbs: ['get'] }] },
      { name: 'a', privileges: [] },
      { name: 'a', privileges: [{ verbs: ['get'], scope: 'cluster' }] },
      {},
    ),
    ...try_('cpuscaler', {}, { min: 2, max: 3, cpuUtil: 9, targetKind: 'StatefulSet', targetAPIVersion: 'x/v1' }),
    ...try_(
      'hpa',
      {},
      {
        min: 2,
        max: 3,
        cpu: { type: 'AverageValue', value: 5 },
        mem: {},
        podCustomMetrics: [{ name: 'm', value: '3' }],
        targetKind: 'X',
        targetAPIVersion: 'y',
      },
      { mem: { type: 'AverageValue', value: 5 } },
    ),
    ...try_(
      'gateway',
      { http: { '/': 80 } },
      {
        domain: 'd',
        http: { '/': 80, '/a': 81 },
        class: 'x',
        classInSpec: true,
        secretName: 's',
        gatewayHost: 'g',
        name: 'n',
        pathType: 'Exact',
        annotations: { a: 'b' },
        labels: { l: 'm' },
      },
      { http: { '/': 80 }, existingServiceName: 'svc' },
      { http: { '/': 80 }, secretName: 's' },
      {},
    ),
    ...try_(
      'storage',
      { ...ALL_KINDS, pvc: [{ name: 'a', mountPath: '/a' }] },
      {
        ...ALL_KINDS,
        pvc: [
          {
            name: 'a',
            mountPath: '/a',
            subPath: 's',
            volumeName: 'v',
            accessModes: ['ReadWriteMany'],
            storageClassName: 'sc',
            resources: { requests: { storage: '1Gi' }, limits: { storage: '2Gi' } },
            dataSource: SOURCE,
          },
        ],
      },
      {
        ...ALL_KINDS,
        pvc: [
          { name: 'a', mountPath: '/a', mountOnly: true },
          { name: 'a', mountPath: '/b', mountOnly: true },
        ],
      },
      {
        ...ALL_KINDS,
        configMap: [
          { name: 'c', mountPath: '/c', data: { a: 'b' }, items: [{ key: 'a', path: 'p' }], subPath: 'x' },
          { name: 'd', mountToEnv: { envName: 'E', configMapKey: 'k' }, data: { k: 'v' } },
          {
            name: 'e',
            mountToEnvs: [
              { envName: 'E1', configMapKey: 'k' },
              { envName: 'E2', configMapKey: 'k2' },
            ],
            mountOnly: true,
          },
        ],
      },
      {
        ...ALL_KINDS,
        secret: [
          { name: 'c', mountPath: '/c', data: { a: 'b' }, stringData: { x: 'y' }, subPath: 'q', defaultMode: 1, items: [{ key: 'a', path: 'p' }] },
          { name: 'd', mountPath: '/d', mountToEnv: { envName: 'E', secretKey: 'k' } },
          { name: 'e', mountPath: '/e', mountToEnvs: [{ envName: 'E1', secretKey: 'k' }], mountOnly: true },
        ],
      },
      {
        ...ALL_KINDS,
        pvc: [{ name: 'a', mountPath: '/a' }],
        secret: [{ name: 'c', mountPath: '/c' }],
        emptyDir: [
          { name: 'e', mountPath: '/e' },
          { name: 'f', mountPath: '/f', subPath: 's', medium: 'Memory' },
        ],
      },
    ),
    ...try_(
      'json-patch',
      {
        operations: [
          { op: 'add', path: '/a', value: 1 },
          { op: 'remove', path: '/spec/replicas' },
        ],
      },
      {},
    ),
    ...try_('json-merge-patch', { spec: { replicas: null }, b: [1] }, {}),
    ...try_(
      'k8s-update-strategy',
      { strategy: { type: 'Recreate' } },
      { strategy: { rollingStrategy: {} } },
      { strategy: { rollingStrategy: { maxSurge: '1', maxUnavailable: '2', partition: 3 } }, targetKind: 'DaemonSet' },
      { strategy: { rollingStrategy: { partition: 3 } }, targetKind: 'StatefulSet' },
      { strategy: { type: 'OnDelete' }, targetKind: 'StatefulSet' },
      { strategy: { type: 'OnDelete' } },
      { strategy: { type: 'Recreate' }, targetKind: 'DaemonSet' },
      { strategy: {} },
    ),
    ...try_(
      'affinity',
      {},
      { podAffinity: POD_TERMS },
      { podAntiAffinity: POD_TERMS, nodeAffinity: NODE_TERMS },
      { nodeAffinity: { required: NODE_TERMS.required } },
      { tolerations: [{ key: 'k', value: 'v', effect: 'NoExecute', tolerationSeconds: 3 }, { operator: 'Exists' }] },
      { podAffinity: { required: [{ topologyKey: 'z', x: 1 }] } },
      { podAffinity: { preferred: [{ weight: 0, podAffinityTerm: { topologyKey: 't' } }] } },
    ),
    ...try_('topologyspreadconstraints', {
      constraints: [
        { maxSkew: 1, topologyKey: 't', labelSelector: { matchLabels: { a: 'b' } } },
        {
          maxSkew: 1,
          topologyKey: 't',
          whenUnsatisfiable: 'ScheduleAnyway',
          labelSelector: {},
          minDomains: 2,
          matchLabelKeys: ['a'],
          nodeAffinityPolicy: 'Ignore',
          nodeTaintsPolicy: 'Ignore',
        },
      ],
    }),
    ...try_('configmap', {
      volumes: [
        { name: 'a', mountPath: '/a' },
        { name: 'b', mountPath: '/b', readOnly: true, data: { x: 'y' } },
      ],
    }),
    ...try_('volumes', { volumes: withoutMount }, { volumes: [] }, {}),
    ...on(
      ONE_CONTAINER,
      'pvc',
      CLAIM,
      { ...CLAIM, volumeMode: 'Block', volumesToMount: [{ name: 'v', devicePath: '/v' }] },
      {
        ...CLAIM,
        volumeName: 'x',
        storageClassName: 's',
        resources: { requests: { storage: '1Gi' }, limits: { storage: '2Gi' } },
        dataSource: SOURCE,
        dataSourceRef: SOURCE,
      },
      {},
    ),
    ...try_(
      'nocalhost',
      { port: 80, image: 'go' },
      {
        port: 80,
        image: 'mine:1',
        gitUrl: 'g',
        storageClass: 's',
        shell: 'sh',
        workDir: '/w',
        hotReload: false,
        serviceType: 'x',
        debug: { remoteDebugPort: 9 },
        env: [{ name: 'a', value: 'b' }],
        portForward: ['1:2'],
        persistentVolumeDirs: [{ path: '/p', capacity: '1Gi' }],
        resources: { limits: { cpu: '3' } },
        sync: { type: 't' },
        command: { run: ['r'] },
      },
      {},
    ),
    ...try_('service-binding', { envMappings: { A: { secret: 's' }, C: { secret: 's', key: 'k' } } }, { envMappings: {} }),
  ],
  '1.1': [
    ...try_('expose', { port: [80, 81] }, { port: [80], type: 'LoadBalancer' }, {}, { port: 80 }),
    ...try_('scaler', { replicas: 2 }, { replicas: 3 }, {}),
    ...try_('labels', { c: 'd' }, {}),
    ...try_('annotations', { c: 'd' }, {}),
    ...try_('ingress', { domain: 'd', http: { '/': 80, '/x': 81 } }, { http: {} }),
    ...try_('ingress-1-20', { domain: 'd', http: { '/': 80, '/x': 81 } }, { http: {} }),
    ...try_('cpuscaler', {}, { min: 2, max: 3, cpuUtil: 4 }),
    ...try_('configmap', {
      volumes: [
        { name: 'a', mountPath: '/a' },
        { name: 'b', mountPath: '/b', readOnly: true, data: { x: 'y' } },
      ],
    }),
    ...on(ONE_CONTAINER, 'volumes', { volumes: withoutMount }, { volumes: [{ name: 'a' }] }, { volumes: [] }),
    ...try_('sidecar', { name: 's', image: 'i' }, { name: 's', image: 'i', cmd: ['a'], volumes: [{ name: 'v', path: '/v' }] }),
    ...try_('lifecycle', { postStart: { exec: { command: ['a'] } }, preStop: { httpGet: { port: 80 } } }, {}),
    ...try_('resource', {}, { cpu: 0.25, memory: '1Gi' }, { memory: 'x' }),
    ...try_('hostalias', { hostAliases: [{ ip: '2.2.2.2', hostnames: ['a'] }] }),
    ...try_('service-binding', { envMappings: { C: { secret: 's' }, D: { secret: 's', key: 'k' } } }),
    ...try_(
      'rollout',
      { targetSize: 3, rolloutBatches: [{ replicas: 1 }, { replicas: 2 }] },
      { targetSize: 3, rolloutBatches: [], targetRevision: 'x-v1', batchPartition: 0 },
    ),
  ],
};

const ENVS = {
  engine: 'ocm',
  created: false,
  envs: [
    {
      name: 'prod',
      patch: { components: [{ name: 'c', type: 'webservice', properties: { a: 1 }, traits: [{ type: 't', properties: {} }] }] },
      placement: { clusterSelector: { labels: { a: 'b' } }, namespaceSelector: { name: 'x' } },
    },
  ],
};
/** Properties of the one policy that renders an object. */
export const ENV_BINDINGS: readonly CueJson[] = [
  ENVS,
  { ...ENVS, created: true },
  { envs: [] },
  { envs: [{ name: 'x' }] },
  { ...ENVS, envs: [{ ...ENVS.envs[0], placement: { clusterSelector: { labls: {} } } }] },
];

interface StatusTry {
  readonly type: string;
  readonly properties: CueObject;
  /** Live objects: `output` and `outputs` of the context. */
  readonly live: CueObject;
}
const workload = (status: CueObject | null, more: { readonly replicas?: number; readonly annotations?: CueObject } = {}): CueObject => ({
  output: {
    metadata: { name: 'web', generation: 1, ...(more.annotations === undefined ? {} : { annotations: more.annotations }) },
    spec: { replicas: more.replicas ?? 2 },
    ...(status === null ? {} : { status: { conditions: [{ type: 'x' }], ...status } }),
  },
});
const ROLLED = { observedGeneration: 1, replicas: 2, updatedReplicas: 2, readyReplicas: 2 };
const SPREAD = { observedGeneration: 1, desiredNumberScheduled: 2, currentNumberScheduled: 2, updatedNumberScheduled: 2, numberReady: 2 };
const OFF = { 'app.oam.dev/disable-health-check': 'true' };
/** `full` and all that differ from it in one number. */
const around = (full: Readonly<Record<string, number>>): readonly CueObject[] => [
  full,
  ...Object.keys(full).flatMap((key) => [0, 1, 3].map((value) => ({ ...full, [key]: value }))),
];
const servers: readonly CueObject[] = [
  workload(null),
  workload({}),
  ...around(ROLLED).map((status) => workload(status)),
  workload({ observedGeneration: 1 }, { replicas: 0 }),
  workload(null, { annotations: OFF }),
  workload(ROLLED, { annotations: OFF }),
  workload(null, { annotations: { a: 'b' } }),
  { output: { metadata: {}, spec: {} } },
  {},
];
const service = (type: string, status: CueObject | null, clusterIP?: string): CueObject => ({
  outputs: { service: { spec: { type, ...(clusterIP === undefined ? {} : { clusterIP }) }, ...(status === null ? {} : { status }) } },
});
const balanced = (...ingress: readonly CueObject[]): CueObject => ({ loadBalancer: { ingress } });
const ingress = (host: string | null, status: CueObject | null, more: { readonly name?: string; readonly clusterIP?: string } = {}): CueObject => ({
  outputs: {
    ingress: {
      kind: 'Ingress',
      metadata: { name: more.name ?? 'web' },
      spec: { rules: [host === null ? {} : { host }] },
      ...(status === null ? {} : { status }),
    },
    service: { kind: 'Service', metadata: { name: 'web' }, spec: more.clusterIP === undefined ? {} : { clusterIP: more.clusterIP } },
  },
});
const ingresses: readonly CueObject[] = [
  ingress(null, null),
  ingress('h', null),
  ingress('h', {}),
  ingress('h', { loadBalancer: {} }),
  ingress('h', balanced({ ip: '9' })),
  ingress('h', balanced({ hostname: 'x' })),
  ingress(null, balanced({ ip: '9' })),
  ingress('h', null, { clusterIP: '1.2.3.4' }),
  ingress('h', null, { clusterIP: '' }),
  { outputs: {} },
];
const of = (type: string, lives: readonly CueObject[], properties: CueObject = {}): readonly StatusTry[] => lives.map((live) => ({ type, properties, live }));

/** Live objects by component or trait type. */
export const STATUSES: Readonly<Record<Dialect, readonly StatusTry[]>> = {
  '1.10': [
    ...of('webservice', servers, { image: 'n' }),
    ...of('worker', servers, { image: 'n' }),
    ...of('daemon', [workload(null), ...around(SPREAD).map((status) => workload(status))], { image: 'n' }),
    ...of(
      'task',
      [0, 1, 2].flatMap((parallelism) =>
        [{}, { succeeded: 1 }, { active: 1, failed: 2 }, { succeeded: 2, active: 0 }].map((status) => ({ output: { spec: { parallelism }, status } })),
      ),
      { image: 'n' },
    ),
    ...of('expose', [
      service('ClusterIP', null),
      service('ClusterIP', null, '1.1.1.1'),
      service('NodePort', null),
      service('LoadBalancer', null),
      service('LoadBalancer', {}),
      service('LoadBalancer', { loadBalancer: {} }),
      service('LoadBalancer', balanced()),
      service('LoadBalancer', balanced({ ip: '9.9.9.9' })),
      service('LoadBalancer', balanced({ hostname: 'x' })),
      {},
      { outputs: {} },
    ]),
    ...of('gateway', ingresses, { http: {} }),
    ...of('gateway', [ingress('h', null), ingress('h', null, { name: 'web-n' })], { http: {}, name: 'n' }),
  ],
  '1.1': [...of('ingress', ingresses, { domain: 'd', http: {} }), ...of('ingress-1-20', ingresses, { domain: 'd', http: {} })],
};

interface StepTry {
  readonly type: string;
  readonly properties: CueJson;
  /** What each call answers, by `provider/do`; `{}` where nothing is said. */
  readonly answers?: Readonly<Record<string, CueObject>>;
}
const APPLIED = { 'kube/apply': { value: { status: { readyReplicas: 1, status: 'running' } } } };
const PLACES = {
  'op/get-placements-from-topology-policies': {
    placements: [
      { cluster: 'a', namespace: '' },
      { cluster: 'b', namespace: 'x' },
    ],
  },
};
const endpoint = (endpoint: CueObject): CueObject => ({ endpoint });
const ENDPOINTS = {
  'query/collectServiceEndpoints': { list: [endpoint({ host: 'h', port: 1, portName: 'a', inner: true }), endpoint({ host: 'i', port: 2, portName: 'b' })] },
};
/** Workflow steps, which are compared by the calls that they make. */
export const STEPS: Readonly<Record<Dialect, readonly StepTry[]>> = {
  '1.10': [
    { type: 'apply-object', properties: { value: { a: 1 }, cluster: 'c' } },
    { type: 'apply-object', properties: { value: { a: 1 } } },
    { type: 'apply-object', properties: {} },
    { type: 'suspend', properties: { duration: '3s', message: 'm' } },
    { type: 'suspend', properties: {} },
    { type: 'suspend', properties: null },
    { type: 'step-group', properties: null },
    { type: 'deploy', properties: { policies: ['a'], parallelism: 2, ignoreTerraformComponent: false } },
    { type: 'deploy', properties: { auto: false } },
    { type: 'deploy', properties: {} },
    { type: 'read-object', properties: { name: 'n' } },
    { type: 'read-object', properties: { name: 'n', apiVersion: 'v1', kind: 'K', namespace: 'ns', cluster: 'c' } },
    { type: 'export2config', properties: { configName: 'n', data: { a: 'b' } } },
    { type: 'export2config', properties: { configName: 'n', namespace: 'ns', data: {}, cluster: 'c' } },
    { type: 'export2secret', properties: { secretName: 'n', data: { a: 'b' } } },
    { type: 'export2secret', properties: { secretName: 'n', namespace: 'ns', type: 't', data: {}, cluster: 'c' } },
    { type: 'export2secret', properties: { secretName: 'n', kind: 'docker-registry', dockerRegistry: { username: 'u', password: 'p' } } },
    { type: 'depends-on-app', properties: { name: 'n', namespace: 'ns' }, answers: { 'kube/read': { value: { status: { status: 'running' } } } } },
    { type: 'depends-on-app', properties: { name: 'n', namespace: 'ns' }, answers: { 'kube/read': { value: { status: { status: 'rendering' } } } } },
    {
      type: 'depends-on-app',
      properties: { name: 'n', namespace: 'ns' },
      answers: { 'kube/read': { err: 'not found', value: { data: { application: 'a: 1' } } }, ...APPLIED },
    },
    { type: 'print-message-in-status', properties: { message: 'm' } },
    { type: 'apply-deployment', properties: { image: 'i', cmd: ['a'] }, answers: APPLIED },
    { type: 'apply-deployment', properties: { image: 'i', replicas: 2, cluster: 'c' }, answers: APPLIED },
    { type: 'export-data', properties: { data: { a: 'b' }, topology: 't' }, answers: PLACES },
    { type: 'export-data', properties: { name: 'n', namespace: 'ns', kind: 'Secret', data: { a: 'b' } }, answers: PLACES },
    { type: 'export-service', properties: { ip: '1.1.1.1', port: 1, targetPort: 2, topology: 't' }, answers: PLACES },
    { type: 'export-service', properties: { name: 'n', namespace: 'ns', ip: '1.1.1.1', port: 1, targetPort: 2 }, answers: PLACES },
    { type: 'create-config', properties: { name: 'n', config: { a: 1 }, template: 't' } },
    { type: 'read-config', properties: { name: 'n' } },
    { type: 'delete-config', properties: { name: 'n', namespace: 'ns' } },
    { type: 'list-config', properties: { template: 't' } },
    { type: 'apply-application', properties: null, answers: { 'oam/load-comps-in-order': { value: [{ name: 'a' }, { name: 'b' }] } } },
    {
      type: 'build-push-image',
      properties: { context: { git: 'git://h/r' }, image: 'i' },
      answers: { 'kube/read': { value: { status: { phase: 'Succeeded' } } } },
    },
    {
      type: 'build-push-image',
      properties: {
        context: 'c',
        image: 'i',
        dockerfile: 'd',
        platform: 'p',
        buildArgs: ['a=b'],
        credentials: { git: { name: 'n', key: 'k' }, image: { name: 'r' } },
        verbosity: 'debug',
        kanikoExecutor: 'x',
      },
    },
    { type: 'vela-cli', properties: { addonName: 'a', command: ['vela'] }, answers: { 'kube/apply': { value: { status: { succeeded: 1 } } } } },
    { type: 'vela-cli', properties: { addonName: 'a', command: ['vela'] }, answers: { 'kube/apply': { value: { status: { failed: 3 } } } } },
    {
      type: 'vela-cli',
      properties: {
        addonName: 'a',
        command: ['vela'],
        image: 'i',
        serviceAccountName: 's',
        storage: {
          secret: [
            { name: 'n', mountPath: '/m', secretName: 's', subPath: 'p', items: [{ key: 'k', path: 'p' }] },
            { name: 'n', mountPath: '/n', secretName: 's' },
          ],
        },
      },
    },
    ...[{}, { port: 2 }, { portName: 'a' }, { outer: true }, { outer: false }, { port: 3 }].map((properties) => ({
      type: 'collect-service-endpoints',
      properties,
      answers: ENDPOINTS,
    })),
  ],
  '1.1': [
    { type: 'apply-component', properties: { component: 'c' } },
    { type: 'apply-remaining', properties: {} },
    { type: 'apply-remaining', properties: { exceptions: { c: { skipApplyWorkload: false } } } },
    { type: 'multi-env', properties: { component: 'c', policy: 'p', env: 'e' } },
  ],
};
