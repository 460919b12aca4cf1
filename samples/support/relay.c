/*
 * relay PORT ADDRESS [SERVER_PORT]: takes connections and datagrams on PORT and passes them on to a server elsewhere, on
 * the same port unless told otherwise. Each client's datagrams go out by a socket of their own, so that the answers find
 * back. Runs until it is killed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST_CLIENTS = 64, MOST_CONNECTIONS = 64, BUFFER = 16384, MAX_DATAGRAM = 65536 };

/* Of datagrams. */
struct client {
  struct sockaddr_in address;
  int fd; /* to the server; -1: free */
  unsigned long used;
};

/* Bytes from one side of a connection to the other. */
struct way {
  char bytes[BUFFER];
  size_t start, length;
  bool ended; /* no more will come */
  bool shut;  /* and the other side knows */
};

/* fds[0] is the client's, fds[1] the server's; ways[n] begins at fds[n]. */
struct connection {
  int fds[2]; /* -1: free */
  struct way ways[2];
};

static struct client clients[MOST_CLIENTS];
static struct connection connections[MOST_CONNECTIONS];
static struct sockaddr_in server;
static unsigned long uses;

static void die(const char *what) {
  fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
  exit(1);
}

static int open_listener(int type, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  int on = 1;
  int fd = socket(AF_INET, type | SOCK_NONBLOCK, 0);
  if (fd < 0) die("socket");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) die("bind");
  if (type == SOCK_STREAM && listen(fd, MOST_CONNECTIONS) < 0) die("listen");
  return fd;
}

/* A socket whose other end is the server, or is to be. */
static int open_server(int type) {
  int fd = socket(AF_INET, type | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  if (connect(fd, (struct sockaddr *)&server, sizeof server) == 0 || errno == EINPROGRESS) return fd;
  close(fd);
  return -1;
}

/* Known, or in the place of the one that was silent longest. */
static struct client *client_of(const struct sockaddr_in *address) {
  struct client *chosen = &clients[0];
  for (size_t i = 0; i < MOST_CLIENTS; i++) {
    struct client *client = &clients[i];
    if (client->fd >= 0 && client->address.sin_addr.s_addr == address->sin_addr.s_addr &&
        client->address.sin_port == address->sin_port)
      return client;
    if (client->used < chosen->used) chosen = client;
  }
  if (chosen->fd >= 0) close(chosen->fd);
  chosen->fd = open_server(SOCK_DGRAM);
  chosen->address = *address;
  return chosen->fd < 0 ? NULL : chosen;
}

static void take_request(int listener) {
  static char bytes[MAX_DATAGRAM];
  struct sockaddr_in from;
  socklen_t size = sizeof from;
  ssize_t count = recvfrom(listener, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &size);
  struct client *client = count < 0 ? NULL : client_of(&from);
  if (client == NULL) return;
  client->used = ++uses;
  send(client->fd, bytes, (size_t)count, 0);
}

static void take_reply(int listener, const struct client *client) {
  static char bytes[MAX_DATAGRAM];
  ssize_t count = recv(client->fd, bytes, sizeof bytes, 0);
  if (count < 0) return;
  sendto(listener, bytes, (size_t)count, 0, (const struct sockaddr *)&client->address, sizeof client->address);
}

static void hang_up(struct connection *connection, bool broken) {
  for (int n = 0; n < 2; n++) {
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    if (broken) setsockopt(connection->fds[n], SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(connection->fds[n]);
    connection->fds[n] = -1;
  }
}

static void take_connection(int listener) {
  int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
  if (fd < 0) return;
  for (size_t i = 0; i < MOST_CONNECTIONS; i++) {
    struct connection *connection = &connections[i];
    if (connection->fds[0] >= 0) continue;
    memset(connection, 0, sizeof *connection);
    connection->fds[0] = fd;
    connection->fds[1] = open_server(SOCK_STREAM);
    if (connection->fds[1] < 0) hang_up(connection, true);
    return;
  }
  close(fd);
}

static bool later(ssize_t count) { return count < 0 && (errno == EAGAIN || errno == EINTR); }

static bool is_connected(int fd) {
  struct sockaddr_in peer;
  socklen_t size = sizeof peer;
  return getpeername(fd, (struct sockaddr *)&peer, &size) == 0;
}

/* Passes on what there is. False: the connection is broken. */
static bool move(struct way *way, int from, int to) {
  if (way->length == 0 && !way->ended) {
    ssize_t count = recv(from, way->bytes, BUFFER, 0);
    if (count < 0) return later(count);
    way->start = 0;
    way->length = (size_t)count;
    way->ended = count == 0;
  }
  if (way->length > 0) {
    ssize_t count = send(to, way->bytes + way->start, way->length, MSG_NOSIGNAL);
    if (count < 0) return later(count);
    way->start += (size_t)count;
    way->length -= (size_t)count;
  }
  if (way->ended && way->length == 0 && !way->shut) way->shut = is_connected(to) && shutdown(to, SHUT_WR) == 0;
  return true;
}

static void serve(struct connection *connection) {
  struct way *ways = connection->ways;
  const int *fds = connection->fds;
  bool whole = move(&ways[0], fds[0], fds[1]) && move(&ways[1], fds[1], fds[0]);
  if (!whole || (ways[0].shut && ways[1].shut)) hang_up(connection, !whole);
}

/* What to wait for at one side; -1 for a side at which there is nothing to do. */
static struct pollfd interest(const struct connection *connection, int side) {
  const struct way *in = &connection->ways[side], *out = &connection->ways[1 - side];
  short events = 0;
  if (in->length == 0 && !in->ended) events |= POLLIN;
  if (out->length > 0 || (out->ended && !out->shut)) events |= POLLOUT;
  return (struct pollfd){.fd = events == 0 ? -1 : connection->fds[side], .events = events};
}

static void relay(int datagrams, int listener) {
  enum { FIRST_CLIENT = 2, FIRST_CONNECTION = FIRST_CLIENT + MOST_CLIENTS };
  struct pollfd polls[FIRST_CONNECTION + 2 * MOST_CONNECTIONS];
  for (;;) {
    polls[0] = (struct pollfd){.fd = datagrams, .events = POLLIN};
    polls[1] = (struct pollfd){.fd = listener, .events = POLLIN};
    for (size_t i = 0; i < MOST_CLIENTS; i++)
      polls[FIRST_CLIENT + i] = (struct pollfd){.fd = clients[i].fd, .events = POLLIN};
    for (size_t i = 0; i < MOST_CONNECTIONS; i++)
      for (int side = 0; side < 2; side++) polls[FIRST_CONNECTION + 2 * i + side] = interest(&connections[i], side);
    if (poll(polls, sizeof polls / sizeof *polls, -1) < 0 && errno != EINTR) die("poll");
    for (size_t i = 0; i < MOST_CLIENTS; i++)
      if (polls[FIRST_CLIENT + i].revents != 0) take_reply(datagrams, &clients[i]);
    for (size_t i = 0; i < MOST_CONNECTIONS; i++) {
      const struct pollfd *sides = &polls[FIRST_CONNECTION + 2 * i];
      if (sides[0].revents != 0 || sides[1].revents != 0) serve(&connections[i]);
    }
    if (polls[0].revents != 0) take_request(datagrams);
    if (polls[1].revents != 0) take_connection(listener);
  }
}

int main(int argc, char **argv) {
  int port = argc < 3 ? 0 : atoi(argv[1]);
  int server_port = argc > 3 ? atoi(argv[3]) : port;
  server.sin_family = AF_INET;
  server.sin_port = htons((uint16_t)server_port);
  if (argc < 3 || argc > 4 || port < 1 || port > 65535 || server_port < 1 || server_port > 65535 ||
      inet_pton(AF_INET, argv[2], &server.sin_addr) != 1) {
    fprintf(stderr, "usage: relay PORT ADDRESS [SERVER_PORT]\n");
    return 2;
  }
  for (size_t i = 0; i < MOST_CLIENTS; i++) clients[i].fd = -1;
  for (size_t i = 0; i < MOST_CONNECTIONS; i++) connections[i].fds[0] = connections[i].fds[1] = -1;
  relay(open_listener(SOCK_DGRAM, port), open_listener(SOCK_STREAM, port));
}
