/** What the demo shows: one line an event, with the seconds since it began; colours on a terminal only (NO_COLOR is honoured). */
import { styleText } from 'node:util';

export type Tone = 'plain' | 'good' | 'waiting' | 'bad' | 'quiet';

export interface Screen {
  /** `  12.3 s  applied      Deployment shop/catalog`. */
  readonly event: (what: string, text: string, tone?: Tone) => void;
  readonly heading: (text: string) => void;
  /** Text as it is, with a line break behind it. */
  readonly text: (text: string) => void;
  readonly seconds: () => number;
}

type Style = Parameters<typeof styleText>[0];

const STYLES: Readonly<Record<Tone, Style>> = { plain: 'cyan', good: 'green', waiting: 'yellow', bad: 'red', quiet: 'gray' };
const WORD_WIDTH = 14;

/** A screen on `stream`; it counts from now. */
export function openScreen(stream: NodeJS.WriteStream): Screen {
  const startedMs = performance.now();
  const seconds = (): number => (performance.now() - startedMs) / 1000;
  const styled = (style: Style, text: string): string => styleText(style, text, { stream });
  const text = (line: string): void => void stream.write(`${line}\n`);
  return {
    seconds,
    text,
    heading: (title) => text(`\n${styled('bold', title)}`),
    event: (what, line, tone = 'plain') => {
      // What came from outside keeps to its own line and cannot steer the terminal.
      const shown = line.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');
      text(
        `${styled('gray', `${seconds().toFixed(1).padStart(6)} s`)}  ${styled(STYLES[tone], what.padEnd(WORD_WIDTH))} ${tone === 'quiet' ? styled('gray', shown) : shown}`,
      );
    },
  };
}
