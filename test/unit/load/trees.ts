/** Small trees for tests of the load stage. */
import { createHash } from 'node:crypto';
import type { Catalog, Tree } from '../../../daemon/model/catalog.ts';
import { load } from '../../../daemon/load/load.ts';
import type { LoadOptions } from '../../../daemon/load/load.ts';

/** A tree with these files. */
export function treeOf(files: Readonly<Record<string, string>>): Tree {
  return {
    revision: { sha: 'c0ffee', branch: 'main', author: 'Ada <ada@example.com>', subject: 'test' },
    files: Object.entries(files).map(([path, text]) => ({ path, oid: createHash('sha1').update(text).digest('hex'), sizeBytes: text.length, text })),
  };
}

/** Loads a tree with these files. */
export function loadFiles(files: Readonly<Record<string, string>>, options?: LoadOptions): Catalog {
  return load(treeOf(files), options);
}

/** Diagnostics as lines: `path:line:column severity code message | hint`. */
export function lines(catalog: Catalog): string[] {
  return catalog.diagnostics.map(
    ({ origin, severity, code, message, hint }) =>
      `${origin?.path}:${origin?.line}:${origin?.column} ${severity} ${code} ${message}${hint === undefined ? '' : ` | ${hint}`}`,
  );
}

/** `namespace/name` of documents. */
export function names(documents: Catalog['applications']): string[] {
  return documents.map(({ object }) => `${object.metadata.namespace ?? ''}/${object.metadata.name ?? ''}`);
}

/** An Application without mistakes; `spec` is YAML, indented by two. */
export function application(name: string, spec = '  components:\n  - name: web\n    type: webservice\n'): string {
  return `apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata:\n  name: ${name}\nspec:\n${spec}`;
}
