/** `vela/time`: dates to seconds since the epoch and back. */
import type { Action } from '../run.ts';
import { answer, complete, refusal, textOf, type Provider } from './calls.ts';
import { formatTime, parseTime, RFC3339 } from './go-time.ts';

const layoutOf = (value: unknown): string => textOf(value) || RFC3339;

const timestamp: Action = async (call) => {
  const date = textOf(call.params['date']);
  if (date === '') throw refusal('empty date to convert');
  const layout = layoutOf(call.params['layout']);
  const seconds = parseTime(date, layout);
  if (seconds === null) throw refusal(`"${date}" is no date of the layout "${layout}"`);
  return answer({ timestamp: seconds });
};

const date: Action = async (call) => answer({ date: formatTime(Number(call.params['timestamp']), layoutOf(call.params['layout'])) });

export const TIME: Provider = { timestamp: complete(timestamp, ['timestamp']), date: complete(date, ['date']) };
