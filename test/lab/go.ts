// The Go tool, as far as the lab needs it: found, checked for its version, and run with its output kept.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { LabError } from './lab-error.ts';

const OLDEST_MINOR = 26; // Kubernetes 1.36 says `go 1.26.0`
const OLDEST_WITH_TOOLCHAINS = 21; // from here on, Go fetches a newer toolchain by itself unless GOTOOLCHAIN=local

const WITHOUT_GO = `The lab builds etcd, the Kubernetes control plane and kwok from source, once, and for that it needs Go 1.${OLDEST_MINOR} or newer.
Do one of these:
  - install Go (https://go.dev/dl/, or your package manager) and run this again; the build takes 7 to 10 minutes on 2 cores
  - set KUBEBUILDER_ASSETS to a folder that holds etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kwok
    (a copy of the folder that \`npm run lab -- build\` fills on another machine does)
  - do without the lab: point at a cluster that exists already, with --kubeconfig FILE`;

/**
 * Finds a Go that can build the lab.
 * @returns the command to run
 * @throws LabError with what to install, where there is none or it is too old
 */
export async function goTool(): Promise<string> {
  const go = 'go';
  let version: string;
  try {
    version = await runGo(go, ['env', 'GOVERSION', 'GOTOOLCHAIN'], { directory: '.' });
  } catch (error) {
    throw new LabError(WITHOUT_GO, { cause: error });
  }
  const minor = Number(/^go1\.(\d+)/.exec(version)?.[1] ?? OLDEST_MINOR);
  const fetchesNewer = minor >= OLDEST_WITH_TOOLCHAINS && !/^local$/m.test(version);
  if (minor < OLDEST_MINOR && !fetchesNewer) throw new LabError(`Go 1.${minor} is too old. ${WITHOUT_GO}`);
  return go;
}

/**
 * Runs one go command to its end.
 * @param options.onLine sees each line of standard error as it comes (`go build -v` names a package a line)
 * @returns standard output
 * @throws LabError with the last lines of standard error
 */
export async function runGo(go: string, args: readonly string[], options: { directory: string; onLine?: (line: string) => void }): Promise<string> {
  const child = spawn(go, args, {
    cwd: options.directory,
    stdio: ['ignore', 'pipe', 'pipe'],
    // GOWORK=off: a go.work somewhere above the checkout must not change what is built.
    env: { ...process.env, GOWORK: 'off' },
  });
  const endChild = () => child.kill();
  process.once('exit', endChild); // an interrupted builder must not leave a compiler running
  const lastLines: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    lastLines.push(line);
    if (lastLines.length > 30) lastLines.shift();
    options.onLine?.(line);
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  try {
    const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
    if (code !== 0) throw new LabError(`\`go ${args[0]}\` failed in ${options.directory} (${code ?? 'killed'}):\n${lastLines.join('\n')}`);
    return stdout;
  } finally {
    process.off('exit', endChild);
  }
}
