/** Looks for values that must not be anywhere, in every form that a program could have written them in. */
import type { LabClient, KubeObject } from '../lab/client.ts';
import type { BareRepo } from './git.ts';

/** Secret values by what they are. */
export type Canaries = Readonly<Record<string, string>>;

/** A longer value is looked for by pieces of this length: whoever cuts a message short still tells a piece. */
const PIECE_LENGTH = 40;
/** Shorter remains of an encoding would be found anywhere. */
const FORM_LENGTH_MIN = 10;

/** A text somewhere, and where. */
export interface Place {
  readonly where: string;
  readonly text: string;
}

/** Where a canary was found: `what at where: ...the text around it...`. */
export function findCanaries(canaries: Canaries, places: readonly Place[]): readonly string[] {
  const needles = Object.entries(canaries).flatMap(([what, value]) => [...formsOf(value)].map((form) => ({ what, form })));
  return places.flatMap(({ where, text }) =>
    needles.flatMap(({ what, form }) => {
      const at = text.indexOf(form);
      return at < 0 ? [] : [`${what} in ${where}: ...${text.slice(Math.max(0, at - 120), at + form.length + 40).replaceAll('\n', '\\n')}...`];
    }),
  );
}

function formsOf(value: string): Set<string> {
  const pieces = value.length <= PIECE_LENGTH ? [value] : piecesOf(value);
  return new Set(
    pieces
      .flatMap((piece) => [
        piece,
        encodeURIComponent(piece),
        JSON.stringify(piece).slice(1, -1),
        JSON.stringify(JSON.stringify(piece)).slice(3, -3),
        ...base64Of(piece),
      ])
      .filter((form) => form.length >= Math.min(FORM_LENGTH_MIN, value.length)),
  );
}

/** Of each line a piece; of a value in one line the beginning, the middle and the end. */
function piecesOf(value: string): readonly string[] {
  const lines = value
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.length >= 20 && !line.startsWith('-----'));
  return lines.flatMap((line) =>
    line.length <= PIECE_LENGTH
      ? [line]
      : [0, Math.floor((line.length - PIECE_LENGTH) / 2), line.length - PIECE_LENGTH].map((at) => line.slice(at, at + PIECE_LENGTH)),
  );
}

/** Base64 of it alone and inside of something longer, where it may begin at any of three places; both alphabets. */
function base64Of(text: string): readonly string[] {
  const bytes = Buffer.from(text, 'utf8');
  return [0, 1, 2].flatMap((shift) => {
    const whole = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    // The first and last characters also hold bits of what stands around.
    const own = whole.slice(shift === 0 ? 0 : shift + 1, (bytes.length + shift) % 3 === 0 ? undefined : -1);
    return [own, own.replaceAll('+', '-').replaceAll('/', '_')];
  });
}

/** Every commit, tree and file of every branch but one, as they are in the repository's packs. */
export async function placesInGit(bare: BareRepo, except: string): Promise<readonly Place[]> {
  const refs = (await bare.git('for-each-ref', '--format=%(refname)')).split('\n').filter((ref) => ref !== '' && ref !== `refs/heads/${except}`);
  const listed = (await bare.git('rev-list', '--objects', ...refs)).split('\n').filter((line) => line !== '');
  const places: Place[] = [];
  for (const line of listed) {
    const [id = '', ...path] = line.split(' ');
    const type = (await bare.git('cat-file', '-t', id)).trim();
    places.push({
      where: `${type} ${id.slice(0, 10)} ${path.join(' ')}`,
      text: type === 'tree' ? await bare.git('ls-tree', id) : await bare.git('cat-file', type, id),
    });
  }
  return places;
}

/** Every object of every kind that a cluster serves; `part` says what of it is looked at, null for none. */
export async function placesInCluster(name: string, client: LabClient, part: (object: KubeObject) => unknown): Promise<readonly Place[]> {
  const kinds = [
    'events',
    'configmaps',
    'namespaces',
    'services',
    'deployments',
    'jobs',
    'pods',
    'leases',
    'secrets',
    ...(await client.list('customresourcedefinitions')).map((crd) => crd.metadata.name),
  ];
  const places: Place[] = [];
  for (const kind of kinds) {
    for (const object of await client.list(kind)) {
      const seen = part(object);
      if (seen !== null)
        places.push({
          where: `${name}: ${object.kind} ${object.metadata.namespace ?? ''}/${object.metadata.name}`,
          text: typeof seen === 'string' ? seen : JSON.stringify(seen),
        });
    }
  }
  return places;
}
