/**
 * `npm run lint` and `npm run format`: oxlint with type-aware rules, oxfmt. Both live in tools/ with a lock of their own
 * and are installed on first use; after that neither needs the network.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const TOOLS = import.meta.dirname;
const ROOT = join(TOOLS, '..');
const BIN = join(TOOLS, 'node_modules/.bin');
const SOURCES = ['daemon', 'schemas', 'test', 'tools'];

/** Runs a command on this terminal and gives its exit code. */
function run(command: string, args: readonly string[]): number {
  const { status, error } = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit', env: { ...process.env, OXLINT_TSGOLINT_PATH: join(BIN, 'tsgolint') } });
  if (error !== undefined) process.stderr.write(`${command} cannot be run: ${error.message}\n`);
  return status ?? 2;
}

/** Whether the versions that package.json pins are there. */
function isInstalled(): boolean {
  const { devDependencies } = JSON.parse(readFileSync(join(TOOLS, 'package.json'), 'utf8')) as { readonly devDependencies: Readonly<Record<string, string>> };
  return Object.entries(devDependencies).every(([name, version]) => {
    const manifest = join(TOOLS, 'node_modules', name, 'package.json');
    return existsSync(manifest) && (JSON.parse(readFileSync(manifest, 'utf8')) as { readonly version: string }).version === version;
  });
}

function main(args: readonly string[]): number {
  if (!isInstalled()) {
    process.stdout.write('installing the linter (once)\n');
    // Not `npm ci`: it refuses the lock, because registries leave out packages for other platforms.
    const status = run('npm', ['install', '--prefix', 'tools', '--no-audit', '--no-fund', '--loglevel', 'error']);
    if (status !== 0) return status;
  }
  const isFixing = args.includes('--fix');
  const paths = args.filter((arg) => !arg.startsWith('--'));
  const targets = paths.length > 0 ? paths : SOURCES;
  const lint = run(join(BIN, 'oxlint'), ['--type-aware', '--deny-warnings', ...(isFixing ? ['--fix'] : []), ...targets]);
  return run(join(BIN, 'oxfmt'), [isFixing ? '--write' : '--check', ...targets]) || lint;
}

process.exitCode = main(process.argv.slice(2));
