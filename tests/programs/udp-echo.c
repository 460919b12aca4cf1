/* UDP over lo: a child that echoes, a parent that asks; names, peeking, errors. */
#include "check.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static void serve(int fd, int count) {
  char buffer[2048];
  while (count-- > 0) {
    struct sockaddr_in from;
    socklen_t length = sizeof from;
    ssize_t got = recvfrom(fd, buffer, sizeof buffer, 0, (struct sockaddr *)&from, &length);
    if (got < 0) _exit(1);
    if (sendto(fd, buffer, got, 0, (struct sockaddr *)&from, length) != got) _exit(2);
  }
  _exit(0);
}

static void echo(void) {
  struct sockaddr_in name = loopback(7), peer;
  int server = socket(AF_INET, SOCK_DGRAM, 0);
  CHECK(server >= 0);
  CHECK_EQUAL(bind(server, (struct sockaddr *)&name, sizeof name), 0);
  pid_t child = fork();
  if (child == 0) serve(server, 4);
  close(server);
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP);
  CHECK_EQUAL(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
  socklen_t length = sizeof peer;
  CHECK_EQUAL(getpeername(fd, (struct sockaddr *)&peer, &length), 0);
  CHECK_EQUAL(ntohs(peer.sin_port), 7);
  CHECK_EQUAL(length, sizeof peer);
  CHECK_EQUAL(getsockname(fd, (struct sockaddr *)&peer, &length), 0);
  CHECK_EQUAL(ntohl(peer.sin_addr.s_addr), INADDR_LOOPBACK);
  CHECK(ntohs(peer.sin_port) >= 32768);
  for (int n = 0; n < 4; n++) {
    char text[1400], back[2000];
    memset(text, 'a' + n, sizeof text);
    size_t size = n * 466;
    CHECK_EQUAL(n % 2 ? write(fd, text, size) : send(fd, text, size, 0), size);
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    while (!(wanted.revents & POLLIN)) poll(&wanted, 1, -1);
    int waiting = -1;
    CHECK_EQUAL(ioctl(fd, FIONREAD, &waiting), 0);
    CHECK_EQUAL(waiting, size);
    CHECK_EQUAL(recv(fd, back, 10, MSG_PEEK | MSG_TRUNC), size);
    struct iovec parts[2] = {{back, 5}, {back + 5, sizeof back - 5}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2, .msg_name = &peer, .msg_namelen = sizeof peer};
    CHECK_EQUAL(recvmsg(fd, &message, 0), size);
    CHECK_EQUAL(message.msg_namelen, sizeof peer);
    CHECK_EQUAL(ntohs(peer.sin_port), 7);
    CHECK_EQUAL(memcmp(text, back, size), 0);
  }
  int status = -1;
  CHECK_EQUAL(waitpid(child, &status, 0), child);
  CHECK_EQUAL(status, 0);
  /* nobody is there any more: the answer is an ICMP message */
  CHECK_EQUAL(send(fd, "x", 1, 0), 1);
  CHECK_ERRNO(recv(fd, &status, 4, 0), ECONNREFUSED);
  CHECK_ERRNO(recv(fd, &status, 4, MSG_DONTWAIT), EAGAIN);
  CHECK_EQUAL(send(fd, "x", 1, 0), 1);
  int error = 0;
  length = sizeof error;
  CHECK_EQUAL(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length), 0);
  CHECK_EQUAL(error, ECONNREFUSED);
  close(fd);
}

static void errors(void) {
  struct sockaddr_in name = loopback(0), taken;
  socklen_t length = sizeof taken;
  char buffer[4];
  int fd = socket(AF_INET, SOCK_DGRAM, 0), other = socket(AF_INET, SOCK_DGRAM, 0);
  CHECK_ERRNO(socket(AF_INET, 77, 0), EINVAL);
  CHECK_ERRNO(socket(99, SOCK_DGRAM, 0), EAFNOSUPPORT);
  CHECK_ERRNO(socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP), EPROTONOSUPPORT);
  int unnamed = socket(AF_INET, SOCK_DGRAM, 0);
  CHECK_ERRNO(send(unnamed, "x", 1, 0), EDESTADDRREQ);
  CHECK_EQUAL(getsockname(unnamed, (struct sockaddr *)&taken, &length), 0);
  CHECK(taken.sin_port != 0);
  CHECK_ERRNO(getpeername(fd, (struct sockaddr *)&taken, &length), ENOTCONN);
  CHECK_ERRNO(bind(fd, (struct sockaddr *)&name, 4), EINVAL);
  CHECK_ERRNO(bind(0, (struct sockaddr *)&name, sizeof name), ENOTSOCK);
  CHECK_ERRNO(bind(99, (struct sockaddr *)&name, sizeof name), EBADF);
  CHECK_ERRNO(bind(fd, (struct sockaddr *)1, sizeof name), EFAULT);
  name.sin_addr.s_addr = inet_addr("192.0.2.7");
  CHECK_ERRNO(bind(fd, (struct sockaddr *)&name, sizeof name), EADDRNOTAVAIL);
  name = loopback(0);
  CHECK_EQUAL(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
  CHECK_ERRNO(bind(fd, (struct sockaddr *)&name, sizeof name), EINVAL);
  CHECK_EQUAL(getsockname(fd, (struct sockaddr *)&taken, &length), 0);
  CHECK_ERRNO(bind(other, (struct sockaddr *)&taken, sizeof taken), EADDRINUSE);
  CHECK_ERRNO(listen(fd, 1), EOPNOTSUPP);
  CHECK_ERRNO(accept(fd, 0, 0), EOPNOTSUPP);
  CHECK_ERRNO(shutdown(unnamed, SHUT_RD), ENOTCONN);
  CHECK_EQUAL(recv(unnamed, buffer, 4, 0), 0);
  CHECK_ERRNO(recv(fd, buffer, 4, MSG_DONTWAIT), EAGAIN);
  CHECK_ERRNO(lseek(fd, 0, SEEK_SET), ESPIPE);
  char *large = calloc(1, 70000);
  CHECK_ERRNO(sendto(other, large, 70000, 0, (struct sockaddr *)&taken, sizeof taken), EMSGSIZE);
  CHECK_EQUAL(sendto(other, large, 65000, 0, (struct sockaddr *)&taken, sizeof taken), 65000);
  CHECK_EQUAL(recv(fd, large, 70000, 0), 65000);
  struct timeval brief = {.tv_usec = 40000}, given;
  CHECK_EQUAL(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof brief), 0);
  length = sizeof given;
  CHECK_EQUAL(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &given, &length), 0);
  CHECK_EQUAL(given.tv_usec, 40000);
  CHECK_ERRNO(recv(fd, buffer, 4, 0), EAGAIN);
  struct iovec parts[2] = {{"two", 3}, {" parts", 6}}, halves[2] = {{buffer, 4}, {large, 16}};
  CHECK_EQUAL(connect(other, (struct sockaddr *)&taken, sizeof taken), 0);
  CHECK_EQUAL(writev(other, parts, 2), 9);
  CHECK_EQUAL(readv(fd, halves, 2), 9);
  CHECK_EQUAL(memcmp(buffer, "two ", 4) | memcmp(large, "parts", 5), 0);
  CHECK_ERRNO(setsockopt(fd, 4242, 1, &brief, 4), ENOPROTOOPT);
  CHECK_ERRNO(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &brief, 2), EINVAL);
}

static void pair(void) {
  int ends[2];
  char buffer[16];
  CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  CHECK_EQUAL(write(ends[0], "hello", 5), 5);
  CHECK_EQUAL(read(ends[1], buffer, 3), 3);
  CHECK_EQUAL(read(ends[1], buffer, 16), 2);
  CHECK_EQUAL(shutdown(ends[0], SHUT_WR), 0);
  CHECK_EQUAL(read(ends[1], buffer, 16), 0);
  CHECK_EQUAL(write(ends[1], "back", 4), 4);
  close(ends[1]);
  CHECK_EQUAL(read(ends[0], buffer, 16), 4);
  CHECK_EQUAL(read(ends[0], buffer, 16), 0);
  signal(SIGPIPE, SIG_IGN);
  CHECK_ERRNO(write(ends[0], "x", 1), EPIPE);
  CHECK_EQUAL(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
  CHECK_EQUAL(write(ends[0], "one", 3), 3);
  CHECK_EQUAL(write(ends[0], "two!", 4), 4);
  CHECK_EQUAL(read(ends[1], buffer, 2), 2);
  CHECK_EQUAL(read(ends[1], buffer, 16), 4);
  CHECK_ERRNO(socketpair(AF_INET, SOCK_STREAM, 0, ends), EOPNOTSUPP);
}

int main(void) {
  echo();
  errors();
  pair();
  return finish();
}
