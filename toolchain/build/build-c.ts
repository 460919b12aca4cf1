/** Builds the C half: librex, the loaders and user programs of the samples, the programs of the tests. */
import { execFile } from 'node:child_process';
import { access, chmod, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { BuildError } from './error.ts';
import { writeManifestPart, type ManifestPart } from './manifest.ts';
import { filesBelow, hashFiles, repositoryRoot, sha256 } from './repository.ts';

export type CBuildErrorCode = 'missing-compiler' | 'missing-source' | 'compile-failed';

/** The message names the tool or the source, and holds the compiler's own words. */
export class CBuildError extends BuildError {
  override name = 'CBuildError';
  readonly code: CBuildErrorCode;

  constructor(code: CBuildErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

export interface BuiltFile {
  /** relative to the repository's root, with `/` */
  readonly path: string;
  readonly bytes: Uint8Array;
}

export interface CBuildOptions {
  /** a gcc that links against musl; `musl-gcc` if left out */
  readonly compiler?: string;
  /** no libc and no start files: the program brings its own `_start` */
  readonly freestanding?: boolean;
  /** the repository; this one if left out */
  readonly root?: string;
}

const librex = 'toolchain/librex';
/** milliseconds; the largest build takes about one second */
const TIME_LIMIT = 120_000;

/**
 * Static ET_EXEC whose bytes depend on the sources and the compiler only; the symbol table stays, for traces. Debug information
 * (lines and inlined calls, as if the repository were at /rex) does not change the code, and goes into a file of its own.
 */
const compileFlags = ({ root, directory }: Workplace): readonly string[] => [
  '-std=gnu11',
  '-O2',
  '-march=x86-64',
  '-mtune=generic',
  '-fno-pie',
  '-fno-ident',
  '-fno-stack-protector',
  '-fno-asynchronous-unwind-tables',
  '-fcf-protection=none',
  `-ffile-prefix-map=${root}/=`,
  '-gdwarf-5',
  '-g1',
  `-fdebug-prefix-map=${directory}=/rex`,
  '-Wall',
  '-Wextra',
  `-I${join(root, librex, 'include')}`,
];
const linkFlags = ['-static', '-no-pie', '-Wl,--build-id=none', '-Wl,-z,noexecstack'] as const;
const STRIPPED = '-Wl,--strip-debug';
/** what toolchain/dwarf does not read */
const unread = ['.comment', '.debug_aranges', '.debug_frame', '.debug_loc', '.debug_loclists'] as const;

/** What the tool prints on stdout. */
function runTool(tool: string, args: readonly string[], directory: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { cwd: directory, timeout: TIME_LIMIT, maxBuffer: 1 << 24, env: { ...process.env, LC_ALL: 'C' } };
    execFile(tool, args, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else if (error.code === 'ENOENT')
        reject(new CBuildError('missing-compiler', `${tool} not found: install it (Debian: musl-tools, binutils)`));
      else reject(new CBuildError('compile-failed', `${tool} ${args.at(-1)}: ${stderr || error.message}`));
    });
  });
}

async function inTemporaryDirectory<T>(body: (directory: string) => Promise<T>): Promise<T> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'build-c-')));
  try {
    return await body(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

interface Workplace {
  readonly root: string;
  readonly compiler: string;
  /** temporary: what the tools write */
  readonly directory: string;
}

function atWork<T>(options: CBuildOptions, body: (workplace: Workplace) => Promise<T>): Promise<T> {
  const { root = repositoryRoot, compiler = 'musl-gcc' } = options;
  return inTemporaryDirectory((directory) => body({ root, compiler, directory }));
}

/** Leaves `librex.a` in the workplace. */
async function archiveLibrex(workplace: Workplace): Promise<void> {
  const { root, compiler, directory } = workplace;
  const sources = (await filesBelow(root, `${librex}/src`)).filter((path) => path.endsWith('.c'));
  await runTool(compiler, [...compileFlags(workplace), '-c', ...sources.map((path) => join(root, path))], directory);
  const objects = sources.map((path) => basename(path, '.c') + '.o');
  await runTool('ar', ['rcsD', 'librex.a', ...objects], directory);
}

/** The linked program's path in the workplace. */
async function link(source: string, arguments_: readonly string[], workplace: Workplace): Promise<string> {
  const { root, compiler, directory } = workplace;
  const path = join(root, source);
  await access(path).catch(() => {
    throw new CBuildError('missing-source', `${source}: no such file`);
  });
  const output = join(directory, basename(source, '.c'));
  const flags = [...compileFlags(workplace), ...linkFlags];
  await runTool(compiler, [...flags, '-o', output, path, ...arguments_], directory);
  return output;
}

async function compile(source: string, arguments_: readonly string[], workplace: Workplace): Promise<Uint8Array> {
  return new Uint8Array(await readFile(await link(source, [STRIPPED, ...arguments_], workplace)));
}

/** The same program's symbols, lines and inlined calls, as an ELF file without its code. */
async function debugFile(source: string, arguments_: readonly string[], workplace: Workplace): Promise<Uint8Array> {
  const program = await link(source, arguments_, workplace);
  const output = `${program}.debug`;
  const removed = unread.flatMap((name) => ['-R', name]);
  await runTool('objcopy', ['--only-keep-debug', ...removed, program, output], workplace.directory);
  return new Uint8Array(await readFile(output));
}

/** Paths of every file a sample's C programs follow from, below `root`. */
export async function cInputs(name: string, root: string = repositoryRoot): Promise<string[]> {
  const sources = async (folder: string): Promise<string[]> =>
    (await filesBelow(root, folder)).filter((path) => /\.[ch]$/.test(path));
  const headers = (await sources('samples/support')).filter((path) => path.endsWith('.h'));
  return [...new Set([...(await sources(librex)), ...headers, ...(await sources(`samples/${name}`))])];
}

/**
 * Compiles each `samples/NAME/PROGRAM.c` with librex to `PROGRAM` and `PROGRAM.debug` beside it, writing nothing into the
 * repository.
 * Throws `CBuildError`.
 */
export async function compileCSample(
  name: string,
  options: CBuildOptions = {},
): Promise<{ readonly files: BuiltFile[]; readonly manifest: ManifestPart }> {
  const folder = `samples/${name}`;
  return atWork(options, async (workplace) => {
    const { root, compiler, directory } = workplace;
    const [version] = (await runTool(compiler, ['--version'], directory)).split('\n');
    await archiveLibrex(workplace);
    const paths = await cInputs(name, root);
    const files: BuiltFile[] = [];
    for (const source of paths.filter((path) => path.startsWith(`${folder}/`) && path.endsWith('.c'))) {
      const path = source.slice(0, -'.c'.length);
      files.push({ path, bytes: await compile(source, ['librex.a'], workplace) });
      files.push({ path: `${path}.debug`, bytes: await debugFile(source, ['librex.a'], workplace) });
    }
    const inputs = await hashFiles(root, paths);
    const outputs = Object.fromEntries(files.map(({ path, bytes }) => [path, sha256(bytes)]));
    return { files, manifest: { compiler: `${version}\n`, inputs, outputs } };
  });
}

/** Writes a file into the repository; executable unless it is a `.debug` file. */
export async function writeProgram({ path, bytes }: BuiltFile, root: string = repositoryRoot): Promise<void> {
  await writeFile(join(root, path), bytes);
  if (!path.endsWith('.debug')) await chmod(join(root, path), 0o755);
}

/** Builds a sample's C programs and the C part of its manifest. Throws `CBuildError`. */
export async function buildCSample(name: string, options: CBuildOptions = {}): Promise<BuiltFile[]> {
  const { root = repositoryRoot } = options;
  const { files, manifest } = await compileCSample(name, options);
  for (const file of files) await writeProgram(file, root);
  await writeManifestPart(root, name, 'c', manifest);
  return files;
}

/**
 * Compiles C files, given relative to the repository's root, with librex and with warnings as errors, writing nothing into
 * the repository; the results belong into `bin/` beside the sources. Throws `CBuildError`.
 */
export function buildLoaders(sources: readonly string[], options: CBuildOptions = {}): Promise<BuiltFile[]> {
  return atWork(options, async (workplace) => {
    await archiveLibrex(workplace);
    const build = async (source: string): Promise<BuiltFile> => ({
      path: source.replace(/([^/]+)\.c$/, 'bin/$1'),
      bytes: await compile(source, ['librex.a', '-Werror'], workplace),
    });
    return Promise.all(sources.map(build));
  });
}

/**
 * Compiles one C file, given relative to the repository's root, writing nothing into the repository; the result belongs
 * into `bin/` beside the source. Throws `CBuildError`.
 */
export async function buildProgram(source: string, options: CBuildOptions = {}): Promise<BuiltFile> {
  const freestanding = options.freestanding ? ['-ffreestanding', '-nostdlib'] : [];
  const bytes = await atWork(options, (workplace) => compile(source, freestanding, workplace));
  return { path: source.replace(/([^/]+)\.c$/, 'bin/$1'), bytes };
}
