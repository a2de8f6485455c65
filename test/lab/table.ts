// The API server's Table form, and printing it as `kubectl get` does.

/** meta.k8s.io/v1 Table: what the server itself would have kubectl show. Ages come as text ("5m"). */
export type Table = {
  readonly kind: 'Table';
  readonly columnDefinitions: readonly {
    readonly name: string;
    readonly type: string;
    readonly format?: string;
    readonly priority: number;
    readonly description?: string;
  }[];
  readonly rows: readonly {
    readonly cells: readonly unknown[];
    readonly object?: { readonly metadata?: { readonly name?: string; readonly namespace?: string } };
  }[];
};

export type PrintOptions = {
  /** A leading NAMESPACE column, as for `kubectl get -A`. */
  readonly withNamespace?: boolean;
  /** Columns of lower priority too, as for `kubectl get -o wide`. */
  readonly wide?: boolean;
};

const PADDING = 3;
const WIDTH_MIN = 6;

/**
 * Formats a Table as kubectl does: upper-case headers, columns at least 6 wide and 3 apart, priority 0
 * only, cells cut at the first line break. Unlike kubectl it leaves no blanks at the ends of lines.
 * @returns the lines, joined, without a line break at the end
 */
export function printTable(table: Table, options: PrintOptions = {}): string {
  const columns = table.columnDefinitions.map((column, index) => ({ ...column, index })).filter((column) => options.wide === true || column.priority === 0);
  const header = columns.map((column) => column.name.toUpperCase());
  const rows = table.rows.map((row) => columns.map((column) => cellText(row.cells[column.index])));
  const lines = [header, ...rows];
  if (options.withNamespace === true) {
    header.unshift('NAMESPACE');
    for (const [index, row] of rows.entries()) row.unshift(table.rows[index]?.object?.metadata?.namespace ?? '');
  }
  const widths = header.map((_, index) => Math.max(WIDTH_MIN, ...lines.map((line) => lengthOf(line[index] ?? '') + PADDING)));
  return lines
    .map((line) =>
      line
        .map((cell, index) => cell + ' '.repeat(widths[index]! - lengthOf(cell)))
        .join('')
        .trimEnd(),
    )
    .join('\n');
}

function cellText(cell: unknown): string {
  if (cell === null || cell === undefined) return '';
  if (typeof cell !== 'string') return String(cell);
  const end = cell.search(/[\n\r\f]/);
  return end < 0 ? cell : `${cell.slice(0, end)}...`;
}

function lengthOf(text: string): number {
  return [...text].length;
}
