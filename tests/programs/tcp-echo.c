/* TCP over lo: a server that forks for each connection, clients, half-closed and reset connections, errors. */
#include "check.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT 11211

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static int listener(int port, int backlog) {
  struct sockaddr_in name = loopback(port);
  int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
  CHECK_EQUAL(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), 0);
  CHECK_EQUAL(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
  CHECK_EQUAL(listen(fd, backlog), 0);
  return fd;
}

static int client(int port) {
  struct sockaddr_in name = loopback(port);
  int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK_EQUAL(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one), 0);
  CHECK_EQUAL(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
  return fd;
}

static void echo_all(int fd) {
  char buffer[5000];
  ssize_t got;
  while ((got = read(fd, buffer, sizeof buffer)) > 0)
    for (ssize_t done = 0, n; done < got; done += n)
      if ((n = write(fd, buffer + done, got - done)) <= 0) _exit(3);
  _exit(got < 0);
}

static void transfer(int listening, size_t size) {
  pid_t server = fork();
  if (server == 0) {
    struct sockaddr_in peer;
    socklen_t length = sizeof peer;
    int fd = accept4(listening, (struct sockaddr *)&peer, &length, SOCK_CLOEXEC);
    if (fd < 0 || ntohl(peer.sin_addr.s_addr) != INADDR_LOOPBACK) _exit(4);
    echo_all(fd);
  }
  int fd = client(PORT);
  char *sent = malloc(size), *back = malloc(size);
  for (size_t n = 0; n < size; n++) sent[n] = n * 7 + n / 256;
  pid_t writer = fork();
  if (writer == 0) {
    for (size_t done = 0; done < size;) {
      ssize_t n = write(fd, sent + done, size - done);
      if (n <= 0) _exit(1);
      done += n;
    }
    shutdown(fd, SHUT_WR);
    _exit(0);
  }
  size_t total = 0;
  for (ssize_t n; (n = recv(fd, back + total, size - total + 1, 0)) > 0;) total += n;
  CHECK_EQUAL(total, size);
  CHECK_EQUAL(memcmp(sent, back, size), 0);
  int status = -1;
  waitpid(writer, &status, 0);
  CHECK_EQUAL(status, 0);
  waitpid(server, &status, 0);
  CHECK_EQUAL(status, 0);
  CHECK_EQUAL(close(fd), 0);
}

static void many(int listening) {
  int clients[20], servers[20];
  for (int n = 0; n < 20; n++) clients[n] = client(PORT);
  for (int n = 0; n < 20; n++) servers[n] = accept(listening, 0, 0);
  for (int n = 0; n < 20; n++) CHECK_EQUAL(write(clients[n], &n, sizeof n), sizeof n);
  for (int n = 0; n < 20; n++) {
    int got = -1;
    CHECK_EQUAL(recv(servers[n], &got, sizeof got, MSG_WAITALL), sizeof got);
    CHECK_EQUAL(got, n);
    close(servers[n]);
    CHECK_EQUAL(read(clients[n], &got, sizeof got), 0);
    close(clients[n]);
  }
}

static void ends(int listening) {
  char buffer[16];
  signal(SIGPIPE, SIG_IGN);
  int fd = client(PORT), peer = accept(listening, 0, 0);
  /* half closed: the other way still works */
  CHECK_EQUAL(shutdown(fd, SHUT_WR), 0);
  CHECK_ERRNO(write(fd, "x", 1), EPIPE);
  CHECK_EQUAL(read(peer, buffer, 16), 0);
  CHECK_EQUAL(write(peer, "late", 4), 4);
  CHECK_EQUAL(read(fd, buffer, 16), 4);
  struct pollfd state = {.fd = peer, .events = POLLIN | POLLOUT | POLLRDHUP};
  CHECK_EQUAL(poll(&state, 1, 0), 1);
  CHECK_EQUAL(state.revents, POLLIN | POLLOUT | POLLRDHUP);
  close(peer);
  CHECK_EQUAL(read(fd, buffer, 16), 0);
  close(fd);
  /* closed with unread data: a reset */
  fd = client(PORT), peer = accept(listening, 0, 0);
  CHECK_EQUAL(write(fd, "unread", 6), 6);
  int waiting = 0;
  CHECK_EQUAL(ioctl(peer, FIONREAD, &waiting), 0);
  CHECK_EQUAL(waiting, 6);
  close(peer);
  CHECK_ERRNO(read(fd, buffer, 16), ECONNRESET);
  CHECK_EQUAL(read(fd, buffer, 16), 0);
  CHECK_ERRNO(write(fd, "x", 1), EPIPE);
  close(fd);
  /* SIGPIPE */
  signal(SIGPIPE, SIG_DFL);
  pid_t child = fork();
  if (child == 0) {
    fd = client(PORT);
    shutdown(fd, SHUT_WR);
    send(fd, "x", 1, MSG_NOSIGNAL);
    write(fd, "x", 1);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
  close(accept(listening, 0, 0));
}

static void errors(int listening) {
  struct sockaddr_in name = loopback(1), bound;
  socklen_t length = sizeof bound;
  static char large[1 << 16];
  char buffer[16];
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  CHECK_ERRNO(connect(fd, (struct sockaddr *)&name, sizeof name), ECONNREFUSED);
  CHECK_ERRNO(connect(fd, (struct sockaddr *)&name, sizeof name), ECONNREFUSED);
  CHECK_ERRNO(connect(fd, (struct sockaddr *)&name, 8), EINVAL);
  close(fd);
  fd = socket(AF_INET, SOCK_STREAM, 0);
  CHECK_ERRNO(read(fd, buffer, 16), ENOTCONN);
  CHECK_ERRNO(accept(fd, 0, 0), EINVAL);
  CHECK_ERRNO(shutdown(fd, 7), EINVAL);
  /* it fails, but it is done */
  CHECK_ERRNO(shutdown(fd, SHUT_WR), ENOTCONN);
  CHECK_ERRNO(send(fd, "x", 1, MSG_NOSIGNAL), EPIPE);
  close(fd);
  fd = socket(AF_INET, SOCK_STREAM, 0);
  name = loopback(PORT);
  CHECK_ERRNO(bind(fd, (struct sockaddr *)&name, sizeof name), EADDRINUSE);
  CHECK_EQUAL(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
  connect(fd, (struct sockaddr *)&name, sizeof name);
  struct pollfd state = {.fd = fd, .events = POLLOUT};
  CHECK_EQUAL(poll(&state, 1, 1000), 1);
  CHECK_EQUAL(state.revents, POLLOUT);
  CHECK_ERRNO(connect(listening, (struct sockaddr *)&name, sizeof name), EISCONN);
  int error = -1;
  length = sizeof error;
  CHECK_EQUAL(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length), 0);
  CHECK_EQUAL(error, 0);
  CHECK_ERRNO(read(fd, buffer, 16), EAGAIN);
  state = (struct pollfd){.fd = listening, .events = POLLIN};
  CHECK_EQUAL(poll(&state, 1, 1000), 1);
  length = sizeof bound;
  int peer = accept(listening, (struct sockaddr *)&bound, &length);
  CHECK(peer >= 0);
  CHECK(ntohs(bound.sin_port) >= 32768);
  CHECK_EQUAL(fcntl(listening, F_SETFL, O_NONBLOCK), 0);
  CHECK_ERRNO(accept(listening, 0, 0), EAGAIN);
  CHECK_EQUAL(fcntl(listening, F_SETFL, 0), 0);
  /* what nobody reads fills the buffers */
  size_t written = 0;
  for (ssize_t n; (n = write(fd, large, 2048)) > 0;) written += n;
  CHECK_EQUAL(errno, EAGAIN);
  CHECK(written > 65536);
  state = (struct pollfd){.fd = fd, .events = POLLOUT};
  CHECK_EQUAL(poll(&state, 1, 0), 0);
  size_t drained = 0;
  while (drained < written) {
    ssize_t n = read(peer, large, sizeof large);
    if (n <= 0) break;
    drained += n;
  }
  CHECK_EQUAL(drained, written);
  close(fd);
  CHECK_EQUAL(read(peer, buffer, 16), 0);
  close(peer);
}

int main(int argc, char **argv) {
  int listening = listener(PORT, 32);
  transfer(listening, argc > 1 ? atoi(argv[1]) : 200000);
  many(listening);
  ends(listening);
  errors(listening);
  close(listening);
  /* the port can be used again although connections linger */
  close(listener(PORT, 1));
  return finish();
}
