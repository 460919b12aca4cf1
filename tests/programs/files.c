/* files [FOLDER]: the file system calls, in a folder it makes below FOLDER (/tmp) and removes again. */
#define _GNU_SOURCE
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void check_read_and_write(void) {
  char buffer[32] = {0};
  int fd = open("a", O_RDWR | O_CREAT | O_EXCL, 0644);
  CHECK(fd >= 3);
  CHECK_EQUAL(write(fd, "hello, world", 12), 12);
  CHECK_EQUAL(lseek(fd, 0, SEEK_CUR), 12);
  CHECK_EQUAL(read(fd, buffer, 5), 0);
  CHECK_EQUAL(lseek(fd, 7, SEEK_SET), 7);
  CHECK_EQUAL(read(fd, buffer, sizeof buffer), 5);
  CHECK(memcmp(buffer, "world", 5) == 0);
  CHECK_EQUAL(lseek(fd, -12, SEEK_END), 0);
  CHECK_EQUAL(write(fd, "J", 1), 1);
  CHECK_EQUAL(pread(fd, buffer, 5, 0), 5);
  CHECK(memcmp(buffer, "Jello", 5) == 0);
  CHECK_EQUAL(lseek(fd, 0, SEEK_CUR), 1);
  /* a hole reads as zeros */
  CHECK_EQUAL(lseek(fd, 8000, SEEK_SET), 8000);
  CHECK_EQUAL(write(fd, "end", 3), 3);
  CHECK_EQUAL(pread(fd, buffer, 4, 5000), 4);
  CHECK(memcmp(buffer, "\0\0\0\0", 4) == 0);
  CHECK_EQUAL(ftruncate(fd, 5), 0);
  CHECK_EQUAL(lseek(fd, 0, SEEK_END), 5);
  CHECK_ERRNO(lseek(fd, -1, SEEK_SET), EINVAL);
  CHECK_ERRNO(lseek(fd, 0, 99), EINVAL);
  CHECK_EQUAL(close(fd), 0);
  CHECK_ERRNO(close(fd), EBADF);
  CHECK_ERRNO(read(fd, buffer, 1), EBADF);
}

static void check_open_flags(void) {
  char buffer[8];
  CHECK_ERRNO(open("a", O_RDWR | O_CREAT | O_EXCL, 0644), EEXIST);
  CHECK_ERRNO(open("none", O_RDONLY), ENOENT);
  CHECK_ERRNO(open("none/b", O_RDWR | O_CREAT, 0644), ENOENT);
  CHECK_ERRNO(open("a/b", O_RDONLY), ENOTDIR);
  CHECK_ERRNO(open(".", O_WRONLY), EISDIR);
  CHECK_ERRNO(open("a", O_RDONLY | O_DIRECTORY), ENOTDIR);
  int fd = open("a", O_RDONLY);
  CHECK(fd >= 0);
  CHECK_ERRNO(write(fd, "x", 1), EBADF);
  close(fd);
  fd = open("a", O_WRONLY | O_APPEND);
  CHECK_EQUAL(write(fd, "!", 1), 1);
  CHECK_EQUAL(lseek(fd, 0, SEEK_CUR), 6);
  CHECK_ERRNO(read(fd, buffer, 1), EBADF);
  close(fd);
  fd = open("a", O_RDWR | O_TRUNC);
  CHECK_EQUAL(lseek(fd, 0, SEEK_END), 0);
  close(fd);
  fd = open(".", O_RDONLY | O_DIRECTORY);
  CHECK_ERRNO(read(fd, buffer, 1), EISDIR);
  close(fd);
}

static void check_stat(void) {
  struct stat status;
  int fd = open("s", O_RDWR | O_CREAT, 0640);
  CHECK_EQUAL(write(fd, "12345", 5), 5);
  CHECK_EQUAL(fstat(fd, &status), 0);
  CHECK(S_ISREG(status.st_mode));
  CHECK_EQUAL(status.st_mode & 0777, 0640);
  CHECK_EQUAL(status.st_size, 5);
  CHECK_EQUAL(status.st_nlink, 1);
  ino_t inode = status.st_ino;
  CHECK_EQUAL(stat("s", &status), 0);
  CHECK_EQUAL(status.st_ino, inode);
  CHECK_EQUAL(stat(".", &status), 0);
  CHECK(S_ISDIR(status.st_mode));
  CHECK_ERRNO(stat("none", &status), ENOENT);
  CHECK_ERRNO(stat("", &status), ENOENT);
  /* the file outlives its name */
  CHECK_EQUAL(unlink("s"), 0);
  CHECK_ERRNO(stat("s", &status), ENOENT);
  CHECK_EQUAL(fstat(fd, &status), 0);
  CHECK_EQUAL(status.st_nlink, 0);
  CHECK_EQUAL(lseek(fd, 0, SEEK_SET), 0);
  char buffer[8];
  CHECK_EQUAL(read(fd, buffer, sizeof buffer), 5);
  close(fd);
  CHECK_ERRNO(unlink("s"), ENOENT);
}

static void check_directories(void) {
  CHECK_EQUAL(mkdir("d", 0755), 0);
  CHECK_ERRNO(mkdir("d", 0755), EEXIST);
  CHECK_ERRNO(mkdir("none/d", 0755), ENOENT);
  CHECK_EQUAL(close(open("d/one", O_WRONLY | O_CREAT, 0644)), 0);
  CHECK_EQUAL(close(open("d/two", O_WRONLY | O_CREAT, 0644)), 0);
  CHECK_EQUAL(mkdir("d/sub", 0755), 0);

  DIR *directory = opendir("d");
  CHECK(directory != NULL);
  int seen = 0;
  for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
    static const struct {
      const char *name;
      int type;
    } expected[] = {{".", DT_DIR}, {"..", DT_DIR}, {"one", DT_REG}, {"two", DT_REG}, {"sub", DT_DIR}};
    for (int i = 0; i < 5; i++)
      if (strcmp(entry->d_name, expected[i].name) == 0 && (entry->d_type == expected[i].type || entry->d_type == 0))
        seen |= 1 << i;
    seen += 1 << 8;
  }
  CHECK_EQUAL(seen, (5 << 8) | 31);
  if (directory != NULL) closedir(directory);

  CHECK_EQUAL(chdir("d/sub"), 0);
  CHECK_EQUAL(access("../one", F_OK), 0);
  CHECK_ERRNO(access("../three", F_OK), ENOENT);
  char path[256];
  CHECK(getcwd(path, sizeof path) != NULL && strlen(path) > 6 && strcmp(path + strlen(path) - 6, "/d/sub") == 0);
  CHECK_EQUAL(chdir("../.."), 0);
  CHECK_ERRNO(rmdir("d"), ENOTEMPTY);
  CHECK_ERRNO(rmdir("d/one"), ENOTDIR);
  CHECK_ERRNO(unlink("d/sub"), EISDIR);
  CHECK_EQUAL(rename("d/one", "d/three"), 0);
  CHECK_ERRNO(access("d/one", F_OK), ENOENT);
  CHECK_EQUAL(unlink("d/three") + unlink("d/two") + rmdir("d/sub") + rmdir("d"), 0);
}

static void check_descriptors(void) {
  int fd = open("a", O_RDWR | O_CREAT, 0644);
  int copy = dup(fd);
  CHECK(copy > fd);
  CHECK_EQUAL(write(fd, "abc", 3), 3);
  /* one offset for both */
  CHECK_EQUAL(lseek(copy, 0, SEEK_CUR), 3);
  CHECK_EQUAL(dup2(fd, 20), 20);
  CHECK_EQUAL(dup2(fd, fd), fd);
  CHECK_EQUAL(fcntl(fd, F_DUPFD, 30), 30);
  CHECK_EQUAL(fcntl(fd, F_GETFD), 0);
  CHECK_EQUAL(fcntl(fd, F_SETFD, FD_CLOEXEC), 0);
  CHECK_EQUAL(fcntl(fd, F_GETFD), FD_CLOEXEC);
  CHECK_EQUAL(fcntl(20, F_GETFD), 0);
  CHECK_EQUAL(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
  CHECK_ERRNO(dup(99), EBADF);
  CHECK_ERRNO(dup2(99, 5), EBADF);
  CHECK_ERRNO(dup2(fd, -1), EBADF);
  CHECK_ERRNO(fcntl(99, F_GETFD), EBADF);
  CHECK_EQUAL(close(fd) + close(copy) + close(20) + close(30), 0);
  CHECK_EQUAL(unlink("a"), 0);

  int fds[2];
  char byte;
  CHECK_EQUAL(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
  CHECK_EQUAL(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
  CHECK(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
  CHECK_ERRNO(read(fds[0], &byte, 1), EAGAIN);
  CHECK_ERRNO(lseek(fds[0], 0, SEEK_SET), ESPIPE);
  CHECK_EQUAL(close(fds[0]) + close(fds[1]), 0);
}

static void check_devices(void) {
  char buffer[16];
  int fd = open("/dev/null", O_RDWR);
  CHECK(fd >= 0);
  CHECK_EQUAL(read(fd, buffer, sizeof buffer), 0);
  CHECK_EQUAL(write(fd, "gone", 4), 4);
  close(fd);
  fd = open("/dev/zero", O_RDWR);
  CHECK(fd >= 0);
  memset(buffer, 1, sizeof buffer);
  CHECK_EQUAL(read(fd, buffer, sizeof buffer), (long)sizeof buffer);
  CHECK_EQUAL(buffer[0] | buffer[15], 0);
  close(fd);
  struct stat status;
  CHECK_EQUAL(stat("/dev/null", &status), 0);
  CHECK(S_ISCHR(status.st_mode));
}

int main(int argc, char **argv) {
  const char *folder = argc > 1 ? argv[1] : "/tmp";
  char name[32];
  snprintf(name, sizeof name, "files-%d", getpid());
  if (chdir(folder) < 0 || mkdir(name, 0755) < 0 || chdir(name) < 0) {
    perror(folder);
    return 1;
  }
  umask(022);
  check_read_and_write();
  check_open_flags();
  check_stat();
  check_directories();
  check_descriptors();
  check_devices();
  CHECK_EQUAL(chdir("..") + rmdir(name), 0);
  return finish();
}
