/** Where a step's own properties lead: to the hub, or to one member cluster. */
import { Fault } from '../../model/fault.ts';
import { inWorks } from '../../lib/manifest-work.ts';
import { isReferring } from '../../lib/referring.ts';
import { didYouMean } from '../../lib/text.ts';
import { LOCAL, type Json } from '../../model/object.ts';
import type { ComponentRef, PlacementRef, RenderedComponent } from '../../model/plan.ts';
import type { StepContext } from '../run.ts';
import { withReferred } from './referred.ts';

/** KubeVela 1.10, its words. Throws render/no-cluster, and why the cluster cannot be used. `cluster` "" is the hub. */
export function placementIn(context: Pick<StepContext, 'clusters'>, cluster: string, namespace: string): PlacementRef {
  if (cluster === '' || cluster === LOCAL) return { cluster, namespace, replicaKey: '' };
  const { members } = context.clusters;
  const member = members.find((item) => item.name === cluster);
  if (member === undefined) {
    const near = didYouMean(
      cluster,
      members.map((item) => item.name),
    );
    throw new Fault('render/no-cluster', `failed to get cluster ${cluster}: not found${near === undefined ? '' : ` (did you mean "${near}"?)`}`);
  }
  return { cluster, namespace, replicaKey: '', member };
}

/**
 * A component for a placement, in the form that its cluster takes: objects, or ManifestWorks where OCM applies.
 * Throws render/*, and why the cluster cannot be used.
 */
export async function renderedIn(
  context: StepContext,
  component: string | ComponentRef,
  placement: PlacementRef,
  properties: Json | undefined,
): Promise<RenderedComponent> {
  const { desired } = context;
  const { member } = placement;
  if (member !== undefined && member.fault !== null) throw member.fault;
  const spec = typeof component === 'string' ? desired.componentSpecs.find((item) => item.name === component) : component;
  if (spec !== undefined && isReferring(desired, spec)) {
    const loaded = await withReferred(context, properties === undefined ? spec : { ...spec, properties });
    const rendered = await desired.render(spec, placement, loaded, context.signal);
    return member?.mode === 'ocm' ? inWorks(desired, rendered) : rendered;
  }
  const isPlain = placement.cluster === '' && placement.namespace === '' && placement.replicaKey === '' && properties === undefined;
  const known = isPlain && typeof component === 'string' ? desired.components.get(component) : undefined;
  const rendered = known ?? (await desired.render(component, placement, properties, context.signal));
  return member?.mode === 'ocm' ? inWorks(desired, rendered) : rendered;
}
