/**
 * The log: pretty on a terminal, one JSON object a line elsewhere.
 *
 * Door: pino. Every line passes through the Redactor on its way out (I9), whatever logged it: pino's own redaction knows
 * paths of one level, and neither messages nor errors. Writing is synchronous, so that a crash loses no line.
 */
import { Writable } from 'node:stream';
import { pino } from 'pino';
import type { DestinationStream, Logger } from 'pino';
import { Fault } from '../model/fault.ts';
import type { Redactor } from '../model/ports.ts';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Facts beside a message. A value that is an Error is written as name, code, message, causes and stack, nothing else. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Messages are static text, facts are fields: `log.info('applied', { object, cluster })`. */
export interface Log {
  readonly debug: (message: string, fields?: LogFields) => void;
  readonly info: (message: string, fields?: LogFields) => void;
  readonly warn: (message: string, fields?: LogFields) => void;
  readonly error: (message: string, fields?: LogFields) => void;
  /** The same log with fields that every line of it carries. */
  readonly child: (fields: LogFields) => Log;
}

export interface LogOptions {
  readonly level: LogLevel;
  readonly redactor: Redactor;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** 1 is stdout, 2 is stderr; or anything that takes lines. */
  readonly to: 1 | 2 | { readonly write: (line: string) => void };
  /** Lines for people, with colours; else JSON. */
  readonly isPretty: boolean;
}

/** Opens the log. */
export async function openLog({ level, redactor, now, to, isPretty }: LogOptions): Promise<Log> {
  const stream = await destination(to, isPretty);
  const root = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date(now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: (line) => scrubLine(line, redactor) },
    },
    stream,
  );
  return wrap(root);
}

/** A log that says nothing, for tests and for callers without one. */
export const SILENT_LOG: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => SILENT_LOG };

async function destination(to: LogOptions['to'], isPretty: boolean): Promise<DestinationStream> {
  if (!isPretty) return typeof to === 'number' ? pino.destination({ fd: to, sync: true }) : to;
  const { default: pretty } = await import('pino-pretty');
  return pretty({
    destination: typeof to === 'number' ? to : writableOf(to),
    sync: true,
    colorize: typeof to === 'number',
    translateTime: 'SYS:HH:MM:ss',
    ignore: 'pid,hostname',
    singleLine: true,
  });
}

function writableOf(to: { readonly write: (line: string) => void }): Writable {
  return new Writable({
    write: (chunk, _encoding, done) => {
      to.write(String(chunk));
      done();
    },
  });
}

/** Most lines hold no secret and go as they are; in the others every string is masked, so that they stay JSON. */
function scrubLine(line: string, redactor: Redactor): string {
  if (redactor.text(line) === line) return line;
  return `${JSON.stringify(scrub(JSON.parse(line), redactor))}\n`;
}

function scrub(value: unknown, redactor: Redactor): unknown {
  if (typeof value === 'string') return redactor.text(value);
  if (Array.isArray(value)) return value.map((item) => scrub(item, redactor));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [redactor.text(key), scrub(field, redactor)]));
}

function wrap(logger: Logger): Log {
  return {
    debug: (message, fields) => logger.debug(plainFields(fields), message),
    info: (message, fields) => logger.info(plainFields(fields), message),
    warn: (message, fields) => logger.warn(plainFields(fields), message),
    error: (message, fields) => logger.error(plainFields(fields), message),
    child: (fields) => wrap(logger.child(plainFields(fields))),
  };
}

function plainFields(fields: LogFields = {}): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, value instanceof Error ? plainError(value) : plain(value)]));
}

/** Only text and numbers: a bigint is no JSON, and a Map would be written as {}. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  return value instanceof Map || value instanceof Set ? [...value] : value;
}

/** Never an error's other fields: HTTP clients hang requests, with their headers, on them. */
function plainError(error: Error, depth = 0): Record<string, unknown> {
  const { code } = error as { code?: unknown };
  return {
    name: error.name,
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    message: error.message,
    ...(error.cause instanceof Error && depth < 5 ? { cause: plainError(error.cause, depth + 1) } : {}),
    // A Fault says where it comes from by its code; only of what nobody expected is the place worth a line.
    ...(depth === 0 && error.stack !== undefined && (!(error instanceof Fault) || error.kind === 'bug') ? { stack: error.stack } : {}),
  };
}
