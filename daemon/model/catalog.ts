/** What was read from one commit: its files, its documents, and where each field was written. */
import type { Diagnostic, Origin } from './fault.ts';
import type { KubeObject } from './object.ts';

/** One commit of the source branch. */
export interface Revision {
  /** The full commit id. */
  readonly sha: string;
  readonly branch: string;
  /** The author as git prints it: `Name <mail>`. */
  readonly author: string;
  readonly subject: string;
  /** Why a newer commit of the branch is not applied; absent: it is the newest. */
  readonly held?: readonly Diagnostic[];
}

/** The frozen content of one commit (I1). */
export interface Tree {
  readonly revision: Revision;
  /** Regular files only, by path relative to the root, sorted by path. */
  readonly files: readonly TreeFile[];
}

export interface TreeFile {
  readonly path: string;
  /** The blob's id: the same id is the same content. */
  readonly oid: string;
  readonly sizeBytes: number;
  /** UTF-8 content; null when the file is larger than the limit or is not read for its ending. */
  readonly text: string | null;
}

export type Path = readonly (string | number)[];

/** Finds where a field was written. For an absent path the nearest ancestor answers. */
export type Locate = (path: Path, part?: 'key' | 'value') => Origin;

/** One document of a file. */
export interface Document {
  readonly object: KubeObject;
  readonly origin: Origin;
  readonly locate: Locate;
}

export type Dialect = '1.1' | '1.10';

export type DefinitionKind = 'ComponentDefinition' | 'TraitDefinition' | 'PolicyDefinition' | 'WorkflowStepDefinition' | 'WorkloadDefinition';

/** The users' configuration, `lateen.yaml` at the root of the repository, with every default filled in. */
export interface RepositoryConfig {
  /** Folders or files (prefixes) that are read; "" is everything. */
  readonly paths: readonly string[];
  /** Prefixes that are not read. */
  readonly ignore: readonly string[];
  readonly dialect: Dialect | null;
  /** Per path prefix; the longest prefix that fits wins over `dialect`. */
  readonly dialects: readonly { readonly path: string; readonly dialect: Dialect }[];
  /** Values for placeholders `{{ name }}`. */
  readonly values: Readonly<Record<string, string>>;
  /** `correct` puts drift back, `report` only tells. */
  readonly drift: 'correct' | 'report';
  /** Per path prefix; the longest prefix that fits wins over `drift`. */
  readonly drifts: readonly { readonly path: string; readonly drift: 'correct' | 'report' }[];
  /** Fields that are applied when an object is made and then left to others. */
  readonly ignoreFields: readonly FieldRule[];
  /** Patterns of refs that are planned when they move: `refs/heads/env/*`. */
  readonly planRefs: readonly string[];
  /** False keeps whatever leaves the repository. */
  readonly prune: boolean;
}

/** Objects by what they are; null fits any. `paths` are JSON Pointers that can be read. */
export interface FieldRule {
  readonly group: string | null;
  /** `*` fits any. */
  readonly kind: string;
  readonly namespace: string | null;
  readonly name: string | null;
  readonly paths: readonly string[];
}

/** An application that is in the commit but cannot be used: it keeps everything it owns (I11). */
export interface Broken {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly origin: Origin;
}

/** On the Application that an Initializer makes: the Initializer's name. KubeVela 1.1 writes it. */
export const INITIALIZER_ANNOTATION = 'app.oam.dev/initializer-name';

/**
 * One Initializer. Its Application stands among `applications`, with the same namespace and name, the annotation
 * {@link INITIALIZER_ANNOTATION} and `locate` into the template.
 */
export interface InitializerRef {
  readonly namespace: string;
  readonly name: string;
  readonly document: Document;
  /** `namespace/name` of the Initializers that have to be a success before, in the document's order. */
  readonly dependsOn: readonly string[];
  /** Not written by the user: one of Lateen's own, asked for by a dependency. */
  readonly isBuiltIn: boolean;
}

/** Everything that one commit declares. Lists are sorted by namespace and name, so that order never depends on files. */
export interface Catalog {
  readonly revision: Revision;
  readonly config: RepositoryConfig;
  readonly applications: readonly Document[];
  /** Initializers of the commit, and the built-in ones that they depend on. */
  readonly initializers: readonly InitializerRef[];
  readonly definitions: readonly Document[];
  /** `core.oam.dev/v1alpha1` Policy and Workflow documents. */
  readonly policies: readonly Document[];
  readonly workflows: readonly Document[];
  readonly approvals: readonly Document[];
  /** Any other Kubernetes object: applied to the hub as it is. */
  readonly objects: readonly Document[];
  readonly broken: readonly Broken[];
  /** A file or document could not even be identified, so nothing may be deleted on the word of this commit (I11). */
  readonly unreadable: readonly Origin[];
  readonly diagnostics: readonly Diagnostic[];
}

/** The namespace of an object without one. */
export const DEFAULT_NAMESPACE = 'default';
/** KubeVela's system namespace: definitions, credentials and cluster Secrets live there. */
export const SYSTEM_NAMESPACE = 'vela-system';

/** Whether `path` is the prefix itself or lies under it; "" holds everything. */
export function isUnder(path: string, prefix: string): boolean {
  return prefix === '' || path === prefix || path.startsWith(`${prefix}/`);
}

/**
 * The dialect that a document's annotation or lateen.yaml gives it: the longest path that fits, else the general one;
 * null where neither says anything.
 */
export function configuredDialect(config: RepositoryConfig, { object, origin }: Document): Dialect | null {
  const annotated = object.metadata.annotations?.['lateen.dev/kubevela'];
  if (annotated === '1.1' || annotated === '1.10') return annotated;
  const [longest] = config.dialects.filter((entry) => isUnder(origin.path, entry.path)).toSorted((a, b) => b.path.length - a.path.length);
  return longest?.dialect ?? config.dialect;
}
