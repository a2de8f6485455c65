// A real OpenSSH server for the tests of machines that have none: Debian's own packages, unpacked into the cache and never
// installed. Needs no root, and nothing outside of the cache is written.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { access, constants, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { withBuildLock } from './build-lock.ts';

const run = promisify(execFile);

// nss_wrapper gives the server an account `git` of its own, whatever accounts the machine has.
const PACKAGES = ['openssh-server', 'libnss-wrapper'] as const;
const WRAPPER = 'libnss_wrapper.so';
const APT_TIMEOUT_MS = 120_000;
/** What openssh-server needs needs little itself: two rounds of downloads have always been enough. */
const ROUNDS = 3;

/** Where a server's programs are. */
export type SshdBinaries = {
  /** A whole path: sshd insists on that, for it starts itself again for each connection. */
  readonly sshd: string;
  /** nss_wrapper and the folders of libraries that the machine lacks; null where sshd is the machine's own. */
  readonly unpacked: { readonly wrapper: string; readonly libraries: readonly string[] } | null;
};

/**
 * Gives a real sshd: the machine's own where it can be started by us, else Debian's, fetched by apt once into
 * `$XDG_CACHE_HOME/lateen/sshd/<distribution>-<architecture>` or below `~/.cache` (26 MB of package lists come and go).
 * @param report takes lines of progress for a person
 * @returns the binaries, or why there are none, for a person; never throws
 */
export async function sshdBinaries(report: (line: string) => void = toStderr): Promise<SshdBinaries | string> {
  const own = await installedSshd();
  if (own !== undefined) return { sshd: own, unpacked: null };
  for (const program of ['apt-get', 'dpkg-deb', 'ldd']) {
    if (!(await isOnPath(program))) return `sshd is not installed (or, for root, /run/sshd is missing), and without ${program} Debian's cannot be had`;
  }
  const directory = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'lateen', 'sshd', await platform());
  try {
    await mkdir(dirname(directory), { recursive: true });
    if (!existsSync(directory)) {
      await withBuildLock(`${directory}.lock`, report, async () => {
        if (!existsSync(directory)) await unpackInto(directory, report);
      });
    }
    return await unpackedIn(directory);
  } catch (error) {
    const { stderr, message } = error as { readonly stderr?: string; readonly message: string };
    return `sshd is not installed, and Debian's cannot be had: ${(stderr || message).trim().split('\n').at(-1)}`;
  }
}

/** As root it wants a directory that the distribution's start script makes, and we leave the machine alone. */
async function installedSshd(): Promise<string | undefined> {
  if (process.getuid?.() === 0 && !existsSync('/run/sshd')) return undefined;
  for (const folder of [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/sbin']) {
    const path = join(folder, 'sshd');
    if (
      folder.startsWith('/') &&
      (await access(path, constants.X_OK).then(
        () => true,
        () => false,
      ))
    )
      return path;
  }
  return undefined;
}

async function isOnPath(program: string): Promise<boolean> {
  return run('sh', ['-c', `command -v ${program}`]).then(
    () => true,
    () => false,
  );
}

/** Libraries fit the distribution that they were fetched for. */
async function platform(): Promise<string> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const value = (name: string): string => new RegExp(`^${name}="?([\\w.-]+)"?$`, 'm').exec(text)?.[1] ?? 'unknown';
  return `${value('ID')}-${value('VERSION_ID')}-${process.arch}`;
}

/** Downloads and unpacks beside `directory`, and renames: a killed download never leaves half a server behind. */
async function unpackInto(directory: string, report: (line: string) => void): Promise<void> {
  for (const name of await readdir(dirname(directory)))
    if (name.startsWith('unfinished-')) await rm(join(dirname(directory), name), { recursive: true, force: true });
  const work = await mkdtemp(join(dirname(directory), 'unfinished-'));
  try {
    report('lab: fetching an OpenSSH server from Debian, once; about 10 s');
    const root = join(work, 'root');
    const downloads = join(work, 'downloads');
    for (const folder of [root, downloads, join(work, 'lists', 'partial'), join(work, 'cache', 'archives', 'partial')])
      await mkdir(folder, { recursive: true });
    const aside = aptGet(work, [`Dir::State::lists=${join(work, 'lists')}`]);
    // Lists of our own: those of a fresh machine are empty, and an old machine's name packages that are gone. Where one of
    // its sources cannot be had, the machine's own lists have to do.
    const apt = await aside('update').then(
      () => aside,
      () => aptGet(work, []),
    );
    const done = new Set<string>();
    let wanted: readonly string[] = PACKAGES;
    for (let round = 0; wanted.length > 0; round++) {
      if (round === ROUNDS) throw new Error(`the libraries that sshd needs are not complete: ${(await missingLibraries(root)).join(', ')}`);
      await apt('download', ...wanted);
      for (const name of wanted) done.add(name);
      for (const file of await readdir(downloads)) await run('dpkg-deb', ['-x', join(downloads, file), root]);
      wanted = (await missingLibraries(root)).length === 0 ? [] : (await libraryPackages(downloads)).filter((name) => !done.has(name));
    }
    const missing = await missingLibraries(root);
    if (missing.length > 0) throw new Error(`no package has the libraries ${missing.join(', ')} that sshd needs`);
    await unpackedIn(root);
    await rename(root, directory);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** apt with everything that it writes below `work` (of lists, with `more`); its download sandbox is for root, who would lose the right to write there. */
function aptGet(work: string, more: readonly string[]): (...args: readonly string[]) => Promise<void> {
  const options = [
    ...more,
    `Dir::Cache=${join(work, 'cache')}`,
    'APT::Sandbox::User=',
    'Acquire::Retries=1',
    'Acquire::http::Timeout=15',
    'Acquire::https::Timeout=15',
    'Acquire::Languages=none',
  ];
  return async (...args) => {
    await run('apt-get', ['--quiet', '--quiet', ...options.flatMap((option) => ['-o', option]), ...args], {
      cwd: join(work, 'downloads'),
      timeout: APT_TIMEOUT_MS,
      env: { ...process.env, LC_ALL: 'C' },
    });
  };
}

/** Packages of libraries that the unpacked ones ask for. */
async function libraryPackages(downloads: string): Promise<readonly string[]> {
  const names = new Set<string>();
  for (const file of await readdir(downloads)) {
    const { stdout } = await run('dpkg-deb', ['-f', join(downloads, file), 'Depends']);
    for (const [, name = ''] of stdout.matchAll(/(?:^|, )((?:lib|zlib)[\w.+-]+)/g)) if (!/^lib(?:c6|pam-)/.test(name)) names.add(name);
  }
  return [...names];
}

async function missingLibraries(root: string): Promise<readonly string[]> {
  const libraries = await libraryFolders(root);
  const { stdout } = await run('ldd', [join(root, 'usr/sbin/sshd')], { env: { ...process.env, LD_LIBRARY_PATH: libraries.join(':') } });
  return [...stdout.matchAll(/^\s*(\S+) => not found$/gm)].map(([, name = '']) => name);
}

async function libraryFolders(root: string): Promise<readonly string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return [...new Set(entries.filter(({ name }) => /\.so(?:\.|$)/.test(name)).map(({ parentPath }) => parentPath))];
}

async function unpackedIn(directory: string): Promise<SshdBinaries> {
  const sshd = join(directory, 'usr/sbin/sshd');
  const libraries = await libraryFolders(directory);
  const wrapper = libraries.map((folder) => join(folder, WRAPPER)).find((path) => existsSync(path));
  if (!existsSync(sshd) || wrapper === undefined) throw new Error(`${directory} has no sshd or no ${WRAPPER}; remove it, and it is fetched again`);
  return { sshd, unpacked: { wrapper, libraries } };
}

function toStderr(line: string): void {
  process.stderr.write(`${line}\n`);
}
