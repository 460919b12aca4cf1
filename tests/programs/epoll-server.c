/* A server with epoll, level- and edge-triggered: clients that come, ask, half-close and go; in one process and in many. */
#define _GNU_SOURCE
#include "check.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLIENTS 8
#define ROUNDS 5

static struct sockaddr_in name = {.sin_family = AF_INET};

static int client(int number) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr *)&name, sizeof name) < 0) return 1;
  for (int round = 0; round < ROUNDS; round++) {
    char text[64], back[64];
    int length = snprintf(text, sizeof text, "client %d round %d\n", number, round);
    if (write(fd, text, length) != length) return 2;
    if (recv(fd, back, length, MSG_WAITALL) != length || memcmp(text, back, length)) return 3;
  }
  shutdown(fd, SHUT_WR);
  char end;
  return read(fd, &end, 1) != 0;
}

static void serve(unsigned mode) {
  struct sockaddr_in any = {.sin_family = AF_INET};
  socklen_t length = sizeof name;
  int listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), polling = epoll_create1(EPOLL_CLOEXEC);
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK_EQUAL(bind(listening, (struct sockaddr *)&any, sizeof any), 0);
  CHECK_EQUAL(getsockname(listening, (struct sockaddr *)&name, &length), 0);
  CHECK_EQUAL(listen(listening, 4), 0);
  struct epoll_event event = {.events = EPOLLIN | mode, .data.fd = listening}, ready[16];
  CHECK_EQUAL(epoll_ctl(polling, EPOLL_CTL_ADD, listening, &event), 0);
  for (int n = 0; n < CLIENTS; n++)
    if (fork() == 0) _exit(client(n));
  int accepted = 0, ended = 0;
  size_t echoed = 0;
  while (ended < CLIENTS) {
    int count = epoll_wait(polling, ready, 16, 10000);
    CHECK(count > 0);
    if (count <= 0) break;
    for (int n = 0; n < count; n++) {
      int fd = ready[n].data.fd;
      if (fd == listening) {
        for (int new; (new = accept4(listening, 0, 0, SOCK_NONBLOCK)) >= 0; accepted++) {
          event = (struct epoll_event){.events = EPOLLIN | EPOLLRDHUP | mode, .data.fd = new};
          CHECK_EQUAL(epoll_ctl(polling, EPOLL_CTL_ADD, new, &event), 0);
        }
        CHECK_EQUAL(errno, EAGAIN);
        continue;
      }
      char buffer[256];
      ssize_t got;
      while ((got = read(fd, buffer, sizeof buffer)) > 0) {
        CHECK_EQUAL(write(fd, buffer, got), got);
        echoed += got;
      }
      if (got == 0) {
        ended++;
        close(fd);
      } else CHECK_EQUAL(errno, EAGAIN);
    }
  }
  CHECK_EQUAL(accepted, CLIENTS);
  CHECK_EQUAL(echoed, CLIENTS * ROUNDS * strlen("client 0 round 0\n"));
  for (int n = 0; n < CLIENTS; n++) {
    int status = -1;
    CHECK(wait(&status) > 0);
    CHECK_EQUAL(status, 0);
  }
  CHECK_EQUAL(epoll_wait(polling, ready, 16, 0), 0);
  close(listening);
  close(polling);
}

int main(void) {
  serve(0);
  int level = checks;
  serve(EPOLLET);
  /* how often epoll_wait returns differs: say how it went, not how many checks that were */
  fprintf(stdout, "%s\n", level > 0 && failures == 0 ? "both ways" : "failed");
  return finish();
}
