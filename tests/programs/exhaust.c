/*
 * exhaust MODE COUNT: takes all it can get of one thing, prints what refused more, gives it back, and takes it again.
 * `maps`: areas of a sparse file of 256 MiB; `execs`: processes of a program of 256 MiB; `areas`: forks of a process with COUNT areas;
 * `files`: content; `names`: empty files; `tables`: pages that are far apart. At most COUNT.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096L
#define RW (PROT_READ | PROT_WRITE)

static long most;
static pid_t children[8192];
static long living;

static void end_children(void) {
  for (long i = 0; i < living; i++) kill(children[i], SIGKILL);
  for (long i = 0; i < living; i++) waitpid(children[i], NULL, 0);
  living = 0;
}

static void report(const char *what, long count, int error) {
  printf("%s: %ld, then %s\n", what, count, error == 0 ? "enough" : strerror(error));
}

static void maps(void) {
  static char *at[70000];
  int fd = open("/big", O_RDWR | O_CREAT, 0644);
  long count = 0;
  if (ftruncate(fd, 256L << 20) != 0) perror("ftruncate");
  errno = 0;
  while (count < most && (at[count] = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0)) != MAP_FAILED) count++;
  report("maps", count, errno);
  for (long i = 0; i < count; i++) munmap(at[i], PAGE);
  close(fd);
  unlink("/big");
}

static void execs(void) {
  static char bytes[1 << 16];
  long size;
  int from = open("/proc/self/exe", O_RDONLY), to = open("/program", O_RDWR | O_CREAT, 0755);
  while ((size = read(from, bytes, sizeof bytes)) > 0)
    if (write(to, bytes, (size_t)size) != size) perror("write");
  if (ftruncate(to, 256L << 20) != 0) perror("ftruncate");
  close(from);
  close(to);
  int error = 0;
  while (living < most) {
    int ready[2];
    char byte;
    if (pipe2(ready, O_CLOEXEC) != 0) exit(1);
    pid_t child = fork();
    if (child < 0) {
      error = errno;
      close(ready[0]);
      close(ready[1]);
      break;
    }
    if (child == 0) {
      execl("/program", "/program", "pause", "0", (char *)NULL);
      _exit(errno);
    }
    close(ready[1]);
    /* ends with the descriptor, which execve closes, or with the child, for which there was no memory */
    size = read(ready[0], &byte, 1);
    close(ready[0]);
    children[living++] = child;
    if (waitpid(child, NULL, WNOHANG) == child) {
      error = ENOMEM;
      living--;
      break;
    }
  }
  report("execs", living, error);
  end_children();
  unlink("/program");
}

static void areas(void) {
  char *base = mmap(NULL, (size_t)(2 * most * PAGE), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  for (long i = 0; i < most; i++)
    if (mprotect(base + 2 * i * PAGE, PAGE, PROT_READ) != 0) perror("mprotect");
  int error = 0;
  while (living < most) {
    pid_t child = fork();
    if (child == 0)
      for (;;) pause();
    if (child < 0) {
      error = errno;
      break;
    }
    children[living++] = child;
  }
  report("areas", living, error);
  end_children();
  munmap(base, (size_t)(2 * most * PAGE));
}

static void files(void) {
  static char bytes[1 << 16];
  int fd = open("/big", O_RDWR | O_CREAT, 0644);
  long count = 0;
  errno = 0;
  while (count < most && write(fd, bytes, sizeof bytes) > 0) count++;
  report("files", count, errno);
  close(fd);
  unlink("/big");
}

static void names(void) {
  char path[300];
  long count = 0;
  int fd = 0, error = 0;
  mkdir("/many", 0755);
  for (; count < most; count++) {
    snprintf(path, sizeof path, "/many/%0240ld", count);
    fd = open(path, O_WRONLY | O_CREAT, 0644);
    if (fd < 0) {
      error = errno;
      break;
    }
    close(fd);
  }
  report("names", count, error);
  for (long i = 0; i < count; i++) {
    snprintf(path, sizeof path, "/many/%0240ld", i);
    unlink(path);
  }
  rmdir("/many");
}

/* One page in 2^30 bytes needs a table of each level: all of memory, many times over, if none were given back. */
static void tables(void) {
  for (long i = 0; i < most; i++) {
    char *page = (char *)(0x100000000L + (i << 30) % (1L << 46));
    if (mmap(page, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != page) perror("mmap");
    *page = 1;
    if (munmap(page, PAGE) != 0) perror("munmap");
  }
  report("tables", most, 0);
}

int main(int count, char **arguments) {
  static const struct {
    const char *name;
    void (*run)(void);
  } modes[] = {{"maps", maps}, {"execs", execs}, {"areas", areas}, {"files", files}, {"names", names}, {"tables", tables}};
  if (count < 3) return 2;
  most = atol(arguments[2]);
  if (strcmp(arguments[1], "pause") == 0)
    for (;;) pause();
  for (unsigned i = 0; i < sizeof modes / sizeof *modes; i++)
    if (strcmp(modes[i].name, arguments[1]) == 0)
      for (int round = 0; round < 2; round++) {
        modes[i].run();
        fflush(NULL);
      }
  return 0;
}
