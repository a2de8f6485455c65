/** Catalogs with next to nothing in them. */
import type { Catalog, RepositoryConfig } from '../../../daemon/model/catalog.ts';

export const EMPTY_CATALOG_CONFIG: RepositoryConfig = {
  paths: [''],
  ignore: [],
  dialect: null,
  dialects: [],
  values: {},
  drift: 'correct',
  drifts: [],
  ignoreFields: [],
  planRefs: [],
  prune: true,
};

export function catalogOf(more: Partial<Catalog> = {}): Catalog {
  return {
    revision: { sha: 'c0ffee', branch: 'main', author: 'Ada <ada@example.com>', subject: 'test' },
    config: EMPTY_CATALOG_CONFIG,
    applications: [],
    initializers: [],
    definitions: [],
    policies: [],
    workflows: [],
    approvals: [],
    objects: [],
    broken: [],
    unreadable: [],
    diagnostics: [],
    ...more,
  };
}
