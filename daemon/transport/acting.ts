/**
 * Acting as somebody else: an Application that names a service account gets that account's rights and no more, by the
 * API server's own impersonation. Who acts goes along with the call, so that every request that it leads to is made so.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Transport } from '../model/ports.ts';

const acting = new AsyncLocalStorage<string>();

/** The user in whose name requests are made now; "" for the daemon's own. */
export const actingUser = (): string => acting.getStore() ?? '';

/** What the daemon does for itself on the way: to open a connection, it reads what only it may read. */
export const asOurselves = <T>(call: () => T): T => acting.run('', call);

/** The same transport in the name of `user`. Faults: transport/denied where the user, or the daemon that would act for it, has no right. */
export function actingTransport(transport: Transport, user: string): Transport {
  const as =
    <A extends readonly unknown[], T>(call: (...args: A) => T) =>
    (...args: A): T =>
      acting.run(user, () => call(...args));
  return {
    observe: as(transport.observe),
    apply: as(transport.apply),
    remove: as(transport.remove),
    list: as(transport.list),
    isNamespaced: transport.isNamespaced,
    ...(transport.kindOf === undefined ? {} : { kindOf: transport.kindOf }),
    ...(transport.rehearse === undefined ? {} : { rehearse: as(transport.rehearse) }),
  };
}
