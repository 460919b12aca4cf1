/*
 * mappings: files in memory, private and shared; what truncation, mremap, madvise and mprotect do to them; areas of 2^46 bytes that
 * nobody touches; programs that are being executed. Works in /tmp, or in argv[1].
 */
#define _GNU_SOURCE
#include "check.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096L
#define RW (PROT_READ | PROT_WRITE)
#define FUTEX_WAIT 0
#define FUTEX_WAKE 1

static char folder[PATH_MAX] = "/tmp";

static void touch(volatile char *address) { *address += 1; }

static void look(volatile char *address) { (void)*address; }

/* The signal that `access` dies of in a child; 0 if it works. */
static int signal_of(void (*access)(volatile char *), char *address) {
  int status;
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    access(address);
    _exit(0);
  }
  return waitpid(child, &status, 0) == child && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static int all(const char *bytes, long size, char value) {
  for (long i = 0; i < size; i++)
    if (bytes[i] != value) return 0;
  return 1;
}

/* A file without a name of `size` bytes, all of which are `value`. */
static int file_of(long size, char value) {
  int fd = memfd_create("mappings", 0);
  char *bytes = malloc((size_t)size);
  memset(bytes, value, (size_t)size);
  CHECK_EQUAL(write(fd, bytes, (size_t)size), size);
  free(bytes);
  return fd;
}

static long blocks(int fd) {
  struct stat status;
  fstat(fd, &status);
  return status.st_blocks;
}

static char *map(int fd, long size, int protection, int flags, long offset) {
  return mmap(NULL, (size_t)size, protection, flags, fd, offset);
}

static void check_private(void) {
  int fd = file_of(3 * PAGE + 10, 'a');
  char *a = map(fd, 4 * PAGE, RW, MAP_PRIVATE, 0);
  char *b = map(fd, 4 * PAGE, PROT_READ, MAP_PRIVATE, 0);
  char *second = map(fd, PAGE, PROT_READ, MAP_PRIVATE, PAGE);
  char byte;
  CHECK(all(a, 3 * PAGE + 10, 'a'));
  CHECK(all(a + 3 * PAGE + 10, PAGE - 10, 0));
  a[PAGE] = 'x';
  CHECK_EQUAL(pread(fd, &byte, 1, PAGE), 1);
  CHECK_EQUAL(byte, 'a');
  CHECK(b[PAGE] == 'a' && second[0] == 'a');
  /* what has not been written shows the file, also as it becomes */
  CHECK_EQUAL(pwrite(fd, "yz", 2, PAGE), 2);
  CHECK(a[PAGE] == 'x' && a[PAGE + 1] == 'a' && b[PAGE] == 'y' && second[1] == 'z');
  CHECK_EQUAL(pwrite(fd, "w", 1, 0), 1);
  CHECK_EQUAL(a[0], 'w');
  CHECK_EQUAL(signal_of(touch, b), SIGSEGV);
  CHECK_EQUAL(madvise(a, 4 * PAGE, MADV_DONTNEED), 0);
  CHECK_EQUAL(a[PAGE], 'y');
  close(fd);
  /* the file lives as long as it is mapped */
  CHECK_EQUAL(b[2 * PAGE], 'a');
  munmap(a, 4 * PAGE);
  munmap(b, 4 * PAGE);
  munmap(second, PAGE);
}

static void check_shared(void) {
  int fd = file_of(2 * PAGE, 'a'), status;
  char *a = map(fd, 2 * PAGE, RW, MAP_SHARED, 0);
  char *b = map(fd, PAGE, PROT_READ, MAP_SHARED, PAGE);
  char byte;
  a[PAGE] = 'b';
  CHECK_EQUAL(b[0], 'b');
  CHECK_EQUAL(pread(fd, &byte, 1, PAGE), 1);
  CHECK_EQUAL(byte, 'b');
  CHECK_EQUAL(pwrite(fd, "c", 1, PAGE), 1);
  CHECK(a[PAGE] == 'c' && b[0] == 'c');
  if (fork() == 0) {
    a[1] = 'd';
    _exit(b[0] != 'c');
  }
  wait(&status);
  CHECK_EQUAL(status, 0);
  CHECK_EQUAL(a[1], 'd');
  CHECK_EQUAL(madvise(a, 2 * PAGE, MADV_DONTNEED), 0);
  CHECK_EQUAL(a[1], 'd');
  CHECK_EQUAL(mprotect(b, PAGE, RW), 0);
  b[1] = 'e';
  CHECK_EQUAL(a[PAGE + 1], 'e');
  CHECK_EQUAL(mprotect(a, PAGE, PROT_NONE), 0);
  CHECK_EQUAL(signal_of(look, a), SIGSEGV);
  CHECK_EQUAL(mprotect(a, PAGE, PROT_READ), 0);
  CHECK_EQUAL(a[1], 'd');
  munmap(a, 2 * PAGE);
  munmap(b, PAGE);

  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  int reader = open(path, O_RDONLY), writer = open(path, O_WRONLY);
  CHECK(reader >= 0 && writer >= 0);
  CHECK_ERRNO(map(reader, PAGE, RW, MAP_SHARED, 0), EACCES);
  CHECK_ERRNO(map(writer, PAGE, PROT_READ, MAP_PRIVATE, 0), EACCES);
  CHECK_ERRNO(map(fd, PAGE, PROT_READ, MAP_PRIVATE, 1), EINVAL);
  a = map(reader, PAGE, PROT_READ, MAP_SHARED, 0);
  CHECK_EQUAL(a[1], 'd');
  CHECK_ERRNO(mprotect(a, PAGE, RW), EACCES);
  munmap(a, PAGE);
  a = map(reader, PAGE, RW, MAP_PRIVATE, 0);
  a[1] = 'f';
  CHECK_EQUAL(pread(fd, &byte, 1, 1), 1);
  CHECK_EQUAL(byte, 'd');
  munmap(a, PAGE);
  close(reader);
  close(writer);
  close(fd);
}

static void check_ends(void) {
  int fd = file_of(2 * PAGE + 1, 'a'), ends[2];
  char *shared = map(fd, 4 * PAGE, RW, MAP_SHARED, 0);
  char *private = map(fd, 4 * PAGE, RW, MAP_PRIVATE, 0);
  CHECK_EQUAL(signal_of(look, shared + 3 * PAGE), SIGBUS);
  CHECK_EQUAL(signal_of(touch, private + 3 * PAGE), SIGBUS);
  CHECK_EQUAL(signal_of(touch, shared + 2 * PAGE + 1), 0);
  CHECK_EQUAL(pipe(ends), 0);
  CHECK_ERRNO(write(ends[1], shared + 3 * PAGE, 1), EFAULT);
  CHECK_ERRNO(pread(fd, shared + 3 * PAGE, 1, 0), EFAULT);
  private[0] = 'p';
  private[PAGE] = 'p';
  CHECK_EQUAL(shared[PAGE], 'a');
  /* truncation takes pages away from all, copies of private mappings too, and zeros are behind the new end */
  CHECK_EQUAL(ftruncate(fd, 100), 0);
  CHECK_EQUAL(signal_of(look, shared + PAGE), SIGBUS);
  CHECK_EQUAL(signal_of(look, private + PAGE), SIGBUS);
  CHECK_EQUAL(private[0], 'p');
  CHECK(all(shared, 100, 'a') && all(shared + 100, PAGE - 100, 0));
  CHECK_EQUAL(ftruncate(fd, 3 * PAGE), 0);
  CHECK(all(shared + 100, 3 * PAGE - 100, 0));
  CHECK(all(private + PAGE, 2 * PAGE, 0));
  shared[2 * PAGE] = 'q';
  CHECK_EQUAL(private[2 * PAGE], 'q');
  munmap(shared, 4 * PAGE);
  munmap(private, 4 * PAGE);
  close(ends[0]);
  close(ends[1]);
  close(fd);
}

static void check_holes(void) {
  int fd = memfd_create("holes", 0);
  char bytes[16];
  struct stat status;
  CHECK_EQUAL(ftruncate(fd, 1L << 40), 0);
  CHECK_EQUAL(blocks(fd), 0);
  CHECK_EQUAL(pwrite(fd, "end", 3, (1L << 40) - 3), 3);
  CHECK_EQUAL(blocks(fd), 8);
  CHECK_EQUAL(pread(fd, bytes, 16, (1L << 40) - 8), 8);
  CHECK(memcmp(bytes, "\0\0\0\0\0end", 8) == 0);
  CHECK_EQUAL(fstat(fd, &status), 0);
  CHECK_EQUAL(status.st_size, 1L << 40);
  char *far = map(fd, 2 * PAGE, PROT_READ, MAP_PRIVATE, (1L << 40) - PAGE);
  CHECK(memcmp(far + PAGE - 3, "end", 3) == 0);
  CHECK_EQUAL(signal_of(look, far + PAGE), SIGBUS);
  munmap(far, 2 * PAGE);
  char *whole = map(fd, 1L << 40, RW, MAP_SHARED, 0);
  whole[1L << 39] = 'm';
  CHECK_EQUAL(pread(fd, bytes, 1, 1L << 39), 1);
  CHECK_EQUAL(bytes[0], 'm');
  CHECK_EQUAL(blocks(fd), 16);
  CHECK_EQUAL(ftruncate(fd, 0), 0);
  CHECK_EQUAL(blocks(fd), 0);
  CHECK_EQUAL(signal_of(look, whole + (1L << 39)), SIGBUS);
  munmap(whole, 1L << 40);
  close(fd);
}

static void check_remap(void) {
  char *a = map(-1, 5 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, 0);
  char *wall = mmap(a + 4 * PAGE, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  CHECK(wall == a + 4 * PAGE);
  a[0] = 1;
  a[3 * PAGE] = 4;
  CHECK_ERRNO(mremap(a, 4 * PAGE, 8 * PAGE, 0), ENOMEM);
  CHECK_ERRNO(mremap(a, 0, 8 * PAGE, MREMAP_MAYMOVE), EINVAL);
  CHECK_ERRNO(mremap(a, 4 * PAGE, 0, MREMAP_MAYMOVE), EINVAL);
  CHECK_ERRNO(mremap(a + 1, PAGE, PAGE, MREMAP_MAYMOVE), EINVAL);
  CHECK_ERRNO(mremap(a, 6 * PAGE, 8 * PAGE, MREMAP_MAYMOVE), EFAULT);
  CHECK_EQUAL(mprotect(a, PAGE, PROT_READ), 0);
  CHECK_EQUAL(mprotect(a, PAGE, RW), 0);
  char *b = mremap(a, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE);
  CHECK(b != MAP_FAILED && b != a);
  CHECK(b[0] == 1 && b[PAGE] == 0 && b[3 * PAGE] == 4 && all(b + 4 * PAGE, 4 * PAGE, 0));
  CHECK_EQUAL(signal_of(look, a), SIGSEGV);
  /* a part from the middle, which leaves the rest where it is */
  b[2 * PAGE] = 3;
  char *c = mremap(b + PAGE, 2 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
  CHECK(c != MAP_FAILED && c[0] == 0 && c[PAGE] == 3 && b[0] == 1 && b[3 * PAGE] == 4);
  CHECK_EQUAL(signal_of(look, b + PAGE), SIGSEGV);
  CHECK(mremap(c, 64 * PAGE, PAGE, 0) == c);
  CHECK_EQUAL(signal_of(look, c + PAGE), SIGSEGV);
  munmap(c, PAGE);
  munmap(b, 8 * PAGE);
  munmap(wall, PAGE);

  /* of 2^44 bytes, what was touched is moved */
  a = map(-1, 1L << 44, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, 0);
  CHECK(a != MAP_FAILED);
  a[1L << 43] = 5;
  a[(1L << 44) - 1] = 6;
  b = mremap(a, 1L << 44, (1L << 44) + (1L << 30), MREMAP_MAYMOVE);
  CHECK(b != MAP_FAILED && b[1L << 43] == 5 && b[(1L << 44) - 1] == 6 && b[0] == 0 && b[1L << 44] == 0);
  munmap(b, (1L << 44) + (1L << 30));

  int fd = file_of(3 * PAGE, 'f');
  CHECK_EQUAL(pwrite(fd, "2", 1, 2 * PAGE), 1);
  a = map(fd, 2 * PAGE, RW, MAP_PRIVATE, PAGE);
  a[0] = 'x';
  b = mremap(a, 2 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
  CHECK(b != MAP_FAILED && b[0] == 'x' && b[1] == 'f' && b[PAGE] == '2');
  CHECK_EQUAL(signal_of(look, b + 2 * PAGE), SIGBUS);
  munmap(b, 64 * PAGE);
  close(fd);
  a = map(-1, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, 0);
  a[0] = 's';
  b = mremap(a, PAGE, 64 * PAGE, MREMAP_MAYMOVE);
  CHECK(b != MAP_FAILED && b[0] == 's');
  CHECK_EQUAL(signal_of(look, b + PAGE), SIGBUS);
  munmap(b, 64 * PAGE);
}

static void check_advice(void) {
  char *a = map(-1, 3 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, 0);
  memset(a, 1, 3 * PAGE);
  munmap(a + PAGE, PAGE);
  CHECK_ERRNO(madvise(a, 3 * PAGE, MADV_DONTNEED), ENOMEM);
  CHECK(a[0] == 0 && a[2 * PAGE] == 0);
  CHECK_ERRNO(madvise(a + 1, PAGE, MADV_DONTNEED), EINVAL);
  CHECK_EQUAL(madvise(a, 0, MADV_DONTNEED), 0);
  /* mprotect goes as far as the hole */
  CHECK_ERRNO(mprotect(a, 3 * PAGE, PROT_READ), ENOMEM);
  CHECK_EQUAL(signal_of(touch, a), SIGSEGV);
  CHECK_EQUAL(signal_of(touch, a + 2 * PAGE), 0);
  munmap(a, 3 * PAGE);
}

/* Calls over 2^46 bytes of which three pages are touched take as long as three pages do. */
static void check_vast(void) {
  long size = 1L << 46;
  int status;
  char *a = map(-1, size, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, 0);
  CHECK(a != MAP_FAILED);
  for (int round = 0; round < 20; round++) {
    a[0] = a[size / 2] = a[size - 1] = 1;
    CHECK_EQUAL(mprotect(a, (size_t)size, PROT_NONE), 0);
    CHECK_EQUAL(mprotect(a, (size_t)size, PROT_READ), 0);
    CHECK(a[0] == 1 && a[size / 2] == 1 && a[size - 1] == 1);
    CHECK_EQUAL(mprotect(a, (size_t)size, RW), 0);
    if (fork() == 0) _exit(a[size / 2] != 1);
    wait(&status);
    CHECK_EQUAL(status, 0);
    CHECK_EQUAL(madvise(a, (size_t)size, MADV_DONTNEED), 0);
    CHECK_EQUAL(a[size / 2], 0);
    CHECK(mmap(a, (size_t)size, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == a);
  }
  CHECK_EQUAL(munmap(a, (size_t)size), 0);
}

static long futex(int *word, int operation, int value) { return syscall(SYS_futex, word, operation, value, NULL, NULL, 0); }

/* A word of a file is one futex, wherever it is mapped. */
static void check_futex(void) {
  int fd = file_of(PAGE, 0), status;
  int *a = (int *)map(fd, PAGE, RW, MAP_SHARED, 0);
  int *b = (int *)map(fd, PAGE, RW, MAP_SHARED, 0);
  CHECK(a != b);
  if (fork() == 0) {
    while (futex(b, FUTEX_WAIT, 0) == -1 && *b == 0) {
    }
    _exit(*b);
  }
  while (futex(a, FUTEX_WAKE, 1) == 0) usleep(1000);
  *a = 7;
  wait(&status);
  CHECK(WIFEXITED(status));
  munmap(a, PAGE);
  munmap(b, PAGE);
  close(fd);
}

static void copy_self(const char *path) {
  static char bytes[1 << 16];
  long count;
  int from = open("/proc/self/exe", O_RDONLY), to = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);
  CHECK(from >= 0 && to >= 0);
  while ((count = read(from, bytes, sizeof bytes)) > 0)
    if (write(to, bytes, (size_t)count) != count) CHECK(0);
  close(from);
  close(to);
}

/* Starts `path wait`, which exits with 3 when its standard input ends; the pipe to it. */
static int start(const char *path, pid_t *child) {
  int ends[2], ready[2];
  char byte;
  CHECK(pipe2(ends, O_CLOEXEC) == 0 && pipe2(ready, O_CLOEXEC) == 0);
  *child = fork();
  if (*child == 0) {
    dup2(ends[0], 0);
    dup2(ready[1], 1);
    execl(path, path, "wait", (char *)NULL);
    _exit(errno == ETXTBSY ? 4 : 5);
  }
  close(ends[0]);
  close(ready[1]);
  if (read(ready[0], &byte, 1) != 1) byte = 0;
  close(ready[0]);
  return ends[1];
}

static int status_of(pid_t child) {
  int status;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void check_busy(void) {
  char path[PATH_MAX + 32];
  pid_t child, other;
  snprintf(path, sizeof path, "%s/mappings.%d", folder, getpid());
  copy_self(path);
  int fd = open(path, O_WRONLY);
  close(start(path, &child));
  CHECK_EQUAL(status_of(child), 4);
  close(fd);
  /* a reader is in nobody's way */
  int reader = open(path, O_RDONLY);
  int input = start(path, &child);
  CHECK_ERRNO(open(path, O_WRONLY), ETXTBSY);
  CHECK_ERRNO(open(path, O_RDWR | O_APPEND), ETXTBSY);
  CHECK_ERRNO(open(path, O_RDONLY | O_TRUNC), ETXTBSY);
  CHECK_ERRNO(truncate(path, 0), ETXTBSY);
  CHECK_EQUAL(chmod(path, 0700), 0);
  int second = start(path, &other);
  close(input);
  CHECK_EQUAL(status_of(child), 3);
  CHECK_ERRNO(open(path, O_WRONLY), ETXTBSY);
  /* the name can be another file's, while the program goes on */
  CHECK_EQUAL(unlink(path), 0);
  fd = open(path, O_WRONLY | O_CREAT, 0600);
  CHECK(fd >= 0);
  close(second);
  CHECK_EQUAL(status_of(other), 3);
  close(fd);
  close(reader);
  CHECK_EQUAL(unlink(path), 0);

  fd = open(path, O_WRONLY | O_CREAT, 0755);
  CHECK_EQUAL(write(fd, "text", 4), 4);
  close(start(path, &child));
  CHECK_EQUAL(status_of(child), 4);
  close(fd);
  close(start(path, &child));
  CHECK_EQUAL(status_of(child), 5);
  CHECK_EQUAL(unlink(path), 0);

  copy_self(path);
  fd = open(path, O_RDWR);
  char *shared = map(fd, PAGE, PROT_READ, MAP_SHARED, 0);
  close(fd);
  /* a shared mapping that may write is a writer, a private one is none */
  close(start(path, &child));
  CHECK_EQUAL(status_of(child), 4);
  munmap(shared, PAGE);
  fd = open(path, O_RDONLY);
  char *private = map(fd, PAGE, RW, MAP_PRIVATE, 0);
  private[0] = 0;
  close(start(path, &child));
  CHECK_EQUAL(status_of(child), 3);
  munmap(private, PAGE);
  close(fd);
  CHECK_EQUAL(unlink(path), 0);
}

int main(int count, char **arguments) {
  char byte;
  if (count > 1 && strcmp(arguments[1], "wait") == 0) {
    if (write(1, "r", 1) != 1) return 1;
    return read(0, &byte, 1) == 0 ? 3 : 1;
  }
  if (count > 1) snprintf(folder, sizeof folder, "%s", arguments[1]);
  check_private();
  check_shared();
  check_ends();
  check_holes();
  check_remap();
  check_advice();
  check_vast();
  check_futex();
  check_busy();
  return finish();
}
