/*
 * memcached [PORT]: a server of memcached's text protocol: get over UDP and TCP; set, delete, version and quit over TCP.
 * It keeps everything in memory, one value a key, until it is killed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  DEFAULT_PORT = 11211,
  MOST_CONNECTIONS = 32,
  /* memcached's: KEY_MAX_LENGTH, item_size_max, UDP_HEADER_SIZE, UDP_MAX_PAYLOAD_SIZE */
  MAX_KEY = 250,
  MAX_VALUE = 1024 * 1024,
  FRAME_HEADER = 8,
  MAX_DATAGRAM = 1400,
  BUCKETS = 4096,
  LINE = 2048,
};

struct item {
  struct item *next;
  char key[MAX_KEY + 1];
  unsigned flags;
  size_t size;
  char *value;
};

struct connection {
  int fd; /* -1: free */
  char *bytes;
  size_t length;
  size_t capacity;
};

/* A reply that grows. */
struct reply {
  char *bytes;
  size_t length;
  size_t capacity;
};

static struct item *table[BUCKETS];
static struct connection connections[MOST_CONNECTIONS];

static void die(const char *what) {
  fprintf(stderr, "memcached: %s: %s\n", what, strerror(errno));
  exit(1);
}

static struct item **slot_of(const char *key) {
  uint32_t hash = 2166136261U;
  struct item **slot;
  for (const char *at = key; *at != '\0'; at++) hash = (hash ^ (unsigned char)*at) * 16777619U;
  slot = &table[hash % BUCKETS];
  while (*slot != NULL && strcmp((*slot)->key, key) != 0) slot = &(*slot)->next;
  return slot;
}

static bool store(const char *key, unsigned flags, const char *value, size_t size) {
  struct item **slot = slot_of(key);
  char *copy = malloc(size == 0 ? 1 : size);
  if (copy == NULL) return false;
  if (*slot == NULL) {
    *slot = calloc(1, sizeof **slot);
    if (*slot == NULL) {
      free(copy);
      return false;
    }
    snprintf((*slot)->key, sizeof(*slot)->key, "%s", key);
  }
  free((*slot)->value);
  memcpy(copy, value, size);
  (*slot)->flags = flags;
  (*slot)->size = size;
  (*slot)->value = copy;
  return true;
}

static bool forget(const char *key) {
  struct item **slot = slot_of(key);
  struct item *item = *slot;
  if (item == NULL) return false;
  *slot = item->next;
  free(item->value);
  free(item);
  return true;
}

static void append(struct reply *reply, const void *bytes, size_t size) {
  if (reply->length + size > reply->capacity) {
    size_t capacity = (reply->length + size) * 2;
    char *grown = realloc(reply->bytes, capacity);
    if (grown == NULL) die("realloc");
    reply->bytes = grown;
    reply->capacity = capacity;
  }
  memcpy(reply->bytes + reply->length, bytes, size);
  reply->length += size;
}

static void append_text(struct reply *reply, const char *text) { append(reply, text, strlen(text)); }

/* get KEY... */
static void get(struct reply *reply, char *keys) {
  char *rest = keys;
  for (char *key = strtok_r(keys, " ", &rest); key != NULL; key = strtok_r(NULL, " ", &rest)) {
    const struct item *item;
    char line[MAX_KEY + 64];
    if (strlen(key) > MAX_KEY) {
      append_text(reply, "CLIENT_ERROR bad command line format\r\n");
      return;
    }
    item = *slot_of(key);
    if (item == NULL) continue;
    snprintf(line, sizeof line, "VALUE %s %u %zu\r\n", item->key, item->flags, item->size);
    append_text(reply, line);
    append(reply, item->value, item->size);
    append_text(reply, "\r\n");
  }
  append_text(reply, "END\r\n");
}

/* set KEY FLAGS EXPTIME BYTES [noreply], and the value behind the line. Bytes used, 0: not all of it is there yet. */
static size_t set(struct reply *reply, const char *line, size_t line_size, const char *bytes, size_t length) {
  char key[MAX_KEY + 1], option[16] = "";
  unsigned flags;
  long expires;
  unsigned long size;
  int fields = sscanf(line, "set %250s %u %ld %lu %15s", key, &flags, &expires, &size, option);
  bool silent = fields == 5 && strcmp(option, "noreply") == 0;
  if (fields < 4 || size > MAX_VALUE) {
    append_text(reply, "CLIENT_ERROR bad command line format\r\n");
    return line_size;
  }
  if (length < line_size + size + 2) return 0;
  if (memcmp(bytes + line_size + size, "\r\n", 2) != 0) append_text(reply, "CLIENT_ERROR bad data chunk\r\n");
  else if (!store(key, flags, bytes + line_size, size)) append_text(reply, "SERVER_ERROR out of memory\r\n");
  else if (!silent) append_text(reply, "STORED\r\n");
  return line_size + size + 2;
}

/* One command at the start of `bytes`. Bytes used; 0: it is not complete yet; SIZE_MAX: the peer wants to go. */
static size_t command(struct reply *reply, const char *bytes, size_t length) {
  const char *end = memchr(bytes, '\n', length);
  char line[LINE];
  size_t used, size;
  if (end == NULL) return length >= LINE ? SIZE_MAX : 0;
  used = size = (size_t)(end - bytes) + 1;
  if (size >= LINE) return SIZE_MAX;
  while (size > 0 && (bytes[size - 1] == '\n' || bytes[size - 1] == '\r')) size--;
  memcpy(line, bytes, size);
  line[size] = '\0';
  if (strncmp(line, "get ", 4) == 0) get(reply, line + 4);
  else if (strncmp(line, "set ", 4) == 0) return set(reply, line, used, bytes, length);
  else if (strncmp(line, "delete ", 7) == 0) append_text(reply, forget(line + 7) ? "DELETED\r\n" : "NOT_FOUND\r\n");
  else if (strcmp(line, "version") == 0) append_text(reply, "VERSION 1.0.0-box\r\n");
  else if (strcmp(line, "quit") == 0) return SIZE_MAX;
  else append_text(reply, "ERROR\r\n");
  return used;
}

/* The request is one datagram behind an 8-byte frame header; its answer goes out in as many as it takes. */
static void serve_datagram(int fd) {
  unsigned char request[65536], frame[MAX_DATAGRAM];
  struct sockaddr_in from;
  socklen_t from_size = sizeof from;
  struct reply reply = {NULL, 0, 0};
  ssize_t size = recvfrom(fd, request, sizeof request, 0, (struct sockaddr *)&from, &from_size);
  size_t room = MAX_DATAGRAM - FRAME_HEADER, count;
  if (size <= FRAME_HEADER) return;
  if (command(&reply, (char *)request + FRAME_HEADER, (size_t)size - FRAME_HEADER) == 0) append_text(&reply, "ERROR\r\n");
  count = (reply.length + room - 1) / room;
  for (size_t n = 0; n < count; n++) {
    size_t part = reply.length - n * room < room ? reply.length - n * room : room;
    uint16_t header[4] = {0, htons((uint16_t)n), htons((uint16_t)count), 0};
    memcpy(header, request, sizeof header[0]); /* the request's id */
    memcpy(frame, header, FRAME_HEADER);
    memcpy(frame + FRAME_HEADER, reply.bytes + n * room, part);
    sendto(fd, frame, FRAME_HEADER + part, 0, (struct sockaddr *)&from, from_size);
  }
  free(reply.bytes);
}

static void hang_up(struct connection *connection) {
  close(connection->fd);
  free(connection->bytes);
  *connection = (struct connection){.fd = -1};
}

static bool send_all(int fd, const char *bytes, size_t size) {
  while (size > 0) {
    ssize_t count = send(fd, bytes, size, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes += count;
    size -= (size_t)count;
  }
  return true;
}

static void serve_connection(struct connection *connection) {
  struct reply reply = {NULL, 0, 0};
  size_t used = 0;
  ssize_t count;
  bool leaving;
  if (connection->capacity - connection->length < LINE) {
    size_t capacity = connection->capacity * 2 + 2 * LINE;
    char *grown = realloc(connection->bytes, capacity);
    if (grown == NULL) die("realloc");
    connection->bytes = grown;
    connection->capacity = capacity;
  }
  count = recv(connection->fd, connection->bytes + connection->length, connection->capacity - connection->length, 0);
  leaving = count <= 0;
  if (count > 0) connection->length += (size_t)count;
  while (!leaving && used < connection->length) {
    size_t size = command(&reply, connection->bytes + used, connection->length - used);
    if (size == 0) break;
    leaving = size == SIZE_MAX;
    if (!leaving) used += size;
  }
  memmove(connection->bytes, connection->bytes + used, connection->length - used);
  connection->length -= used;
  if (!send_all(connection->fd, reply.bytes, reply.length)) leaving = true;
  free(reply.bytes);
  if (leaving) hang_up(connection);
}

static void accept_connection(int listener) {
  int fd = accept(listener, NULL, NULL);
  if (fd < 0) return;
  for (size_t i = 0; i < MOST_CONNECTIONS; i++) {
    if (connections[i].fd >= 0) continue;
    connections[i].fd = fd;
    return;
  }
  close(fd);
}

static int open_socket(int type, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  int on = 1;
  int fd = socket(AF_INET, type, 0);
  if (fd < 0) die("socket");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) die("bind");
  if (type == SOCK_STREAM && listen(fd, MOST_CONNECTIONS) < 0) die("listen");
  return fd;
}

int main(int argc, char **argv) {
  int port = argc > 1 ? atoi(argv[1]) : DEFAULT_PORT;
  int datagrams, listener;
  struct pollfd polls[MOST_CONNECTIONS + 2];
  if (argc > 2 || port < 1 || port > 65535) {
    fprintf(stderr, "usage: memcached [PORT]\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  datagrams = open_socket(SOCK_DGRAM, port);
  listener = open_socket(SOCK_STREAM, port);
  for (size_t i = 0; i < MOST_CONNECTIONS; i++) connections[i].fd = -1;
  for (;;) {
    polls[0] = (struct pollfd){.fd = datagrams, .events = POLLIN};
    polls[1] = (struct pollfd){.fd = listener, .events = POLLIN};
    for (size_t i = 0; i < MOST_CONNECTIONS; i++)
      polls[i + 2] = (struct pollfd){.fd = connections[i].fd, .events = POLLIN};
    if (poll(polls, MOST_CONNECTIONS + 2, -1) < 0 && errno != EINTR) die("poll");
    if (polls[0].revents != 0) serve_datagram(datagrams);
    if (polls[1].revents != 0) accept_connection(listener);
    for (size_t i = 0; i < MOST_CONNECTIONS; i++)
      if (polls[i + 2].fd >= 0 && polls[i + 2].revents != 0) serve_connection(&connections[i]);
  }
}
