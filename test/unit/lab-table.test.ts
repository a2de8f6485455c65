import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printTable, type Table } from '../lab/table.ts';

const table: Table = {
  kind: 'Table',
  columnDefinitions: [
    { name: 'Name', type: 'string', format: 'name', priority: 0 },
    { name: 'Up-to-date', type: 'integer', priority: 0 },
    { name: 'Images', type: 'string', priority: 1 },
    { name: 'Age', type: 'string', priority: 0 },
  ],
  rows: [
    { cells: ['web', 2, 'nginx', '5m'], object: { metadata: { namespace: 'shop' } } },
    { cells: ['größer-als-alle', 0, 'a,b', null], object: { metadata: { namespace: 'default' } } },
    { cells: ['first line\nsecond', true, '', '1d'], object: { metadata: { namespace: 'x' } } },
  ],
};

test('a table is printed as kubectl prints it', () => {
  assert.equal(
    printTable(table),
    ['NAME              UP-TO-DATE   AGE', 'web               2            5m', 'größer-als-alle   0', 'first line...     true         1d'].join('\n'),
  );
});

test('namespaces come first, wide columns only when asked for', () => {
  const [header, first] = printTable(table, { withNamespace: true, wide: true }).split('\n');
  assert.equal(header, 'NAMESPACE   NAME              UP-TO-DATE   IMAGES   AGE');
  assert.equal(first, 'shop        web               2            nginx    5m');
});

test('a column is six wide at least', () => {
  const narrow: Table = { kind: 'Table', columnDefinitions: ['a', 'b'].map((name) => ({ name, type: 'string', priority: 0 })), rows: [{ cells: ['1', '2'] }] };
  assert.equal(printTable(narrow), 'A     B\n1     2');
});
