/** KubeVela 1.10's component type `ref-objects`, which render leaves to the steps that deliver it. */
import type { Dialect } from '../model/catalog.ts';

/** Whether a component's objects are only known once its clusters have been asked. */
export const isReferring = ({ dialect }: { readonly dialect: Dialect }, { type }: { readonly type: string }): boolean =>
  dialect === '1.10' && type === 'ref-objects';
