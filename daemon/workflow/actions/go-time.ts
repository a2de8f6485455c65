/** Go's ways of writing time: durations such as `1m30s`, and layouts such as `2006-01-02 15:04:05`. Pure. */

const UNIT_MS: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A Go duration in milliseconds; null when it is none. */
export function goDurationMs(text: string): number | null {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join('') !== text) return null;
  return parts.reduce((sum, part) => sum + Number(part[1]) * (UNIT_MS[part[2] ?? ''] ?? 0), 0);
}

/** Milliseconds as a Go duration, whole seconds: `1h2m3s`. */
export function goDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return `${h > 0 ? `${h}h` : ''}${h > 0 || m > 0 ? `${m}m` : ''}${s}s`;
}

/** RFC 3339 as a Go layout. */
export const RFC3339 = '2006-01-02T15:04:05Z07:00';

const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'];
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/** The reference time's parts, the longer first. */
const PART = /January|Jan|Monday|Mon|MST|2006|Z07:00|Z0700|-07:00|-0700|-07|[.,]0+(?!\d)|[.,]9+(?!\d)|01|02|03|04|05|06|15|PM|pm|_2|1|2|3|4|5/g;

const two = (n: number): string => String(n).padStart(2, '0');

/** How one part is written (in UTC), and what is read for it. */
function partOf(part: string): { readonly write: (at: Date) => string; readonly pattern: string } {
  const digits = (write: (at: Date) => number, padded: boolean): ReturnType<typeof partOf> => ({
    write: (at) => (padded ? two(write(at)) : String(write(at))),
    pattern: padded ? '\\d{2}' : '\\d{1,2}',
  });
  const hour12 = (at: Date): number => at.getUTCHours() % 12 || 12;
  switch (part) {
    case '2006':
      return { write: (at) => String(at.getUTCFullYear()).padStart(4, '0'), pattern: '\\d{4}' };
    case '06':
      return digits((at) => at.getUTCFullYear() % 100, true);
    case '01':
    case '1':
      return digits((at) => at.getUTCMonth() + 1, part === '01');
    case 'January':
      return { write: (at) => MONTHS[at.getUTCMonth()] ?? '', pattern: MONTHS.join('|') };
    case 'Jan':
      return { write: (at) => (MONTHS[at.getUTCMonth()] ?? '').slice(0, 3), pattern: MONTHS.map((month) => month.slice(0, 3)).join('|') };
    case 'Monday':
      return { write: (at) => DAYS[at.getUTCDay()] ?? '', pattern: DAYS.join('|') };
    case 'Mon':
      return { write: (at) => (DAYS[at.getUTCDay()] ?? '').slice(0, 3), pattern: DAYS.map((day) => day.slice(0, 3)).join('|') };
    case '02':
    case '2':
      return digits((at) => at.getUTCDate(), part === '02');
    case '_2':
      return { write: (at) => String(at.getUTCDate()).padStart(2, ' '), pattern: ' ?\\d{1,2}' };
    case '15':
      return digits((at) => at.getUTCHours(), true);
    case '03':
    case '3':
      return digits(hour12, part === '03');
    case '04':
    case '4':
      return digits((at) => at.getUTCMinutes(), part === '04');
    case '05':
    case '5':
      return digits((at) => at.getUTCSeconds(), part === '05');
    case 'PM':
      return { write: (at) => (at.getUTCHours() < 12 ? 'AM' : 'PM'), pattern: 'AM|PM' };
    case 'pm':
      return { write: (at) => (at.getUTCHours() < 12 ? 'am' : 'pm'), pattern: 'am|pm' };
    case 'MST':
      return { write: () => 'UTC', pattern: 'UTC|GMT|Z' };
    case 'Z07:00':
    case 'Z0700':
      return { write: () => 'Z', pattern: 'Z|[+-]\\d{2}:?\\d{2}' };
    case '-07:00':
      return { write: () => '+00:00', pattern: '[+-]\\d{2}:\\d{2}' };
    case '-0700':
      return { write: () => '+0000', pattern: '[+-]\\d{4}' };
    case '-07':
      return { write: () => '+00', pattern: '[+-]\\d{2}' };
    default:
      return fraction(part);
  }
}

/** `.000` is written with as many digits, `.999` without the zeros at its end. */
function fraction(part: string): ReturnType<typeof partOf> {
  const write = (at: Date): string => {
    const digits = String(at.getUTCMilliseconds())
      .padStart(3, '0')
      .padEnd(part.length - 1, '0')
      .slice(0, part.length - 1);
    const kept = part[1] === '9' ? digits.replace(/0+$/, '') : digits;
    return kept === '' ? '' : `${part[0]}${kept}`;
  };
  return { write, pattern: part[1] === '9' ? '(?:[.,]\\d+)?' : `[.,]\\d{${part.length - 1}}` };
}

/** Writes seconds since the epoch in UTC. Go: time.Unix(s, 0).UTC().Format(layout). */
export function formatTime(seconds: number, layout: string): string {
  const at = new Date(seconds * 1000);
  return layout.replaceAll(PART, (part) => partOf(part).write(at));
}

/** Reads a time; seconds since the epoch, or null when `text` does not fit. Go: time.Parse; without a zone it is UTC. */
export function parseTime(text: string, layout: string): number | null {
  const parts: string[] = [];
  let pattern = '';
  let end = 0;
  const literal = (piece: string): string => piece.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  for (const found of layout.matchAll(PART)) {
    // Go takes a fraction behind the seconds whether the layout has one or not.
    const seconds = /^0?5$/.test(found[0]) && !/^[.,][09]/.test(layout.slice(found.index + found[0].length));
    pattern += `${literal(layout.slice(end, found.index))}(${partOf(found[0]).pattern})${seconds ? '(?:[.,]\\d+)?' : ''}`;
    parts.push(found[0]);
    end = found.index + found[0].length;
  }
  const match = new RegExp(`^${pattern}${literal(layout.slice(end))}$`).exec(text);
  return match === null ? null : secondsOf(new Map(parts.map((part, i) => [part, match[i + 1] ?? ''])));
}

function secondsOf(found: ReadonlyMap<string, string>): number | null {
  const any = (...names: readonly string[]): string => names.map((name) => found.get(name) ?? '').find((value) => value !== '') ?? '';
  const number = (...names: readonly string[]): number => Number(any(...names) || 0);
  const short = any('06');
  const year = any('2006') !== '' ? number('2006') : short === '' ? 0 : Number(short) + (Number(short) >= 69 ? 1900 : 2000);
  const named = any('January', 'Jan');
  const month = named === '' ? number('01', '1') || 1 : MONTHS.findIndex((name) => name.startsWith(named)) + 1;
  const day = number('02', '2', '_2') || 1;
  const half = any('PM', 'pm').toUpperCase();
  const [hour12, hour24] = [number('03', '3'), number('15')];
  const hour = any('03', '3') === '' ? hour24 : half === 'PM' ? (hour12 % 12) + 12 : half === 'AM' ? hour12 % 12 : hour12;
  const [minute, second] = [number('04', '4'), number('05', '5')];
  if (month > 12 || day > new Date(Date.UTC(year, month, 0)).getUTCDate() || hour > 23 || minute > 59 || second > 59) return null;
  const at = new Date(0);
  at.setUTCFullYear(year, month - 1, day);
  at.setUTCHours(hour, minute, second);
  const zone = /^([+-])(\d{2}):?(\d{2})?$/.exec(any('Z07:00', 'Z0700', '-07:00', '-0700', '-07'));
  const offset = zone === null ? 0 : (zone[1] === '-' ? -1 : 1) * (Number(zone[2]) * 3600 + Number(zone[3] ?? 0) * 60);
  return at.getTime() / 1000 - offset;
}
