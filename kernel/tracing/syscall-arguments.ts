/** How the format files of syscalls/* call the arguments: the names of SYSCALL_DEFINEn. */
import type { ParameterKind, SyscallRow } from '../syscalls/types.ts';

/** C type by what the argument is; a pointer's own type is not told */
const types: Readonly<Partial<Record<ParameterKind, string>>> = {
  int: 'int ',
  unsigned: 'size_t ',
  octal: 'umode_t ',
  pointer: 'void * ',
  fd: 'unsigned int ',
  path: 'const char * ',
  string: 'const char * ',
  'buffer-in': 'const char * ',
  'buffer-out': 'char * ',
  'open-flags': 'int ',
  protection: 'unsigned long ',
  signal: 'int ',
  whence: 'unsigned int ',
  'bpf-command': 'int ',
  ioctl: 'unsigned int ',
};

/** arguments by call; one that is not here has arg0, arg1 … */
const names = new Map(
  `
  read fd buf count / write fd buf count / open filename flags mode / close fd / stat filename statbuf
  fstat fd statbuf / lstat filename statbuf / poll ufds nfds timeout_msecs / lseek fd offset whence
  mmap addr len prot flags fd off / mprotect start len prot / munmap addr len / brk brk
  rt_sigaction sig act oact sigsetsize / rt_sigprocmask how nset oset sigsetsize / ioctl fd cmd arg
  pread64 fd buf count pos / pwrite64 fd buf count pos / readv fd vec vlen / writev fd vec vlen / access filename mode
  pipe fildes / mremap addr old_len new_len flags / madvise start len_in behavior / dup fildes / dup2 oldfd newfd
  nanosleep rqtp rmtp / sendfile out_fd in_fd offset count / clone clone_flags newsp parent_tidptr child_tidptr tls
  execve filename argv envp / exit error_code / wait4 upid stat_addr options ru / kill pid sig / uname name
  fcntl fd cmd arg / fsync fd / fdatasync fd / truncate path length / ftruncate fd length / getcwd buf size
  chdir filename / fchdir fd / rename oldname newname / mkdir pathname mode / rmdir pathname / creat pathname mode
  link oldname newname / unlink pathname / symlink oldname newname / readlink path buf bufsiz / chmod filename mode
  fchmod fd mode / umask mask / gettimeofday tv tz / getrlimit resource rlim / getrusage who ru / sysinfo info
  setuid uid / setgid gid / setpgid pid pgid / getpgid pid / getsid pid / rt_sigpending uset sigsetsize
  rt_sigtimedwait uthese uinfo uts sigsetsize / rt_sigsuspend unewset sigsetsize / sigaltstack uss uoss
  prctl option arg2 arg3 arg4 arg5 / arch_prctl option arg2 / tkill pid sig / time tloc
  futex uaddr op val utime uaddr2 val3 / sched_getaffinity pid len user_mask_ptr / getdents64 fd dirent count
  set_tid_address tidptr / clock_gettime which_clock tp / clock_getres which_clock tp
  clock_nanosleep which_clock flags rqtp rmtp / exit_group error_code / tgkill tgid pid sig
  openat dfd filename flags mode / mkdirat dfd pathname mode / newfstatat dfd filename statbuf flag
  unlinkat dfd pathname flag / renameat olddfd oldname newdfd newname / linkat olddfd oldname newdfd newname flags
  symlinkat oldname newdfd newname / readlinkat dfd pathname buf bufsiz / fchmodat dfd filename mode
  faccessat dfd filename mode / ppoll ufds nfds tsp sigmask sigsetsize / set_robust_list head len
  utimensat dfd filename utimes flags / dup3 oldfd newfd flags / pipe2 fildes flags
  perf_event_open attr_uptr pid cpu group_fd flags / prlimit64 pid resource new_rlim old_rlim / getcpu cpup nodep
  getrandom ubuf len flags / memfd_create uname flags / bpf cmd uattr size / rseq rseq rseq_len flags sig
  clone3 uargs size / faccessat2 dfd filename mode flags / seccomp op flags uargs
`
    .trim()
    .split(/\s*[/\n]\s*/)
    .map((line) => {
      const [call, ...rest] = line.split(' ');
      return [call!, rest] as const;
    }),
);

/** Declarations of a call's arguments: `unsigned int fildes`. */
export function syscallArguments({ name, parameters }: SyscallRow): readonly string[] {
  const known = names.get(name) ?? [];
  return parameters.map((kind, n) => `${types[kind] ?? 'unsigned long '}${known[n] ?? `arg${n}`}`);
}
