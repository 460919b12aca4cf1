/*
 * client [KEYS [REQUESTS [SEED [ADDRESS]]]]: sets so many keys (100) over TCP, then asks for them over UDP (1000 times),
 * a few of them most of the time (Zipf's law), and changes one now and then; every answer must be the value that was set
 * last. Exits with 0 when all of them were.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum {
  PORT = 11211,
  MOST_KEYS = 100000,
  FRAME_HEADER = 8,
  TEXT = 512,
  /* a set among so many requests */
  CHANGE_EVERY = 97,
};

struct workload {
  long keys;
  long requests;
  uint64_t random;
  struct sockaddr_in server;
  uint32_t *versions;  /* of each key's value */
  uint64_t *weights;   /* cumulative, of keys by rank */
};

static void die(const char *what) {
  fprintf(stderr, "client: %s: %s\n", what, strerror(errno));
  exit(1);
}

/* xorshift64* */
static uint64_t next_random(struct workload *load) {
  load->random ^= load->random >> 12;
  load->random ^= load->random << 25;
  load->random ^= load->random >> 27;
  return load->random * 0x2545f4914f6cdd1dULL;
}

/* The key of rank n, counted from 1, is asked for with weight 1/n. */
static void weigh(struct workload *load) {
  uint64_t sum = 0;
  for (long n = 0; n < load->keys; n++) load->weights[n] = sum += 1000000000ULL / (uint64_t)(n + 1);
}

static long choose(struct workload *load) {
  uint64_t point = next_random(load) % load->weights[load->keys - 1];
  long low = 0, high = load->keys - 1;
  while (low < high) {
    long middle = (low + high) / 2;
    if (load->weights[middle] > point) high = middle;
    else low = middle + 1;
  }
  return low;
}

static int value_of(char *text, const struct workload *load, long key) {
  return snprintf(text, TEXT, "value-%ld-of-key-%ld", (long)load->versions[key], key);
}

static void read_exactly(int fd, const char *expected) {
  char text[TEXT];
  size_t size = strlen(expected), got = 0;
  while (got < size) {
    ssize_t count = recv(fd, text + got, size - got, 0);
    if (count <= 0) die("recv");
    got += (size_t)count;
  }
  if (memcmp(text, expected, size) == 0) return;
  fprintf(stderr, "client: got \"%.*s\", expected \"%s\"\n", (int)size, text, expected);
  exit(1);
}

static void set(int connection, const struct workload *load, long key) {
  char value[TEXT], request[2 * TEXT];
  int size = value_of(value, load, key);
  int length = snprintf(request, sizeof request, "set key-%ld 0 0 %d\r\n%s\r\n", key, size, value);
  if (send(connection, request, (size_t)length, 0) != length) die("send");
  read_exactly(connection, "STORED\r\n");
}

static void get(int socket, const struct workload *load, long key, uint16_t id) {
  char value[TEXT], expected[2 * TEXT], request[TEXT], reply[2 * TEXT];
  uint16_t header[4] = {htons(id), 0, htons(1), 0};
  int size = value_of(value, load, key);
  int length = snprintf(request + FRAME_HEADER, sizeof request - FRAME_HEADER, "get key-%ld\r\n", key);
  int expected_size = snprintf(expected, sizeof expected, "VALUE key-%ld 0 %d\r\n%s\r\nEND\r\n", key, size, value);
  ssize_t count;
  memcpy(request, header, FRAME_HEADER);
  if (sendto(socket, request, (size_t)(FRAME_HEADER + length), 0, (const struct sockaddr *)&load->server,
             sizeof load->server) < 0)
    die("sendto");
  count = recv(socket, reply, sizeof reply, 0);
  if (count < 0) die("recv");
  if (count == FRAME_HEADER + expected_size && memcmp(reply, header, sizeof header[0]) == 0 &&
      memcmp(reply + FRAME_HEADER, expected, (size_t)expected_size) == 0)
    return;
  fprintf(stderr, "client: key-%ld: got \"%.*s\", expected \"%s\"\n", key, (int)(count > FRAME_HEADER ? count - FRAME_HEADER : 0),
          reply + FRAME_HEADER, expected);
  exit(1);
}

static void run(struct workload *load) {
  struct timeval patience = {.tv_sec = 1};
  int connection = socket(AF_INET, SOCK_STREAM, 0);
  int datagrams = socket(AF_INET, SOCK_DGRAM, 0);
  if (connection < 0 || datagrams < 0) die("socket");
  setsockopt(datagrams, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect(connection, (struct sockaddr *)&load->server, sizeof load->server) < 0) die("connect");
  for (long key = 0; key < load->keys; key++) set(connection, load, key);
  for (long n = 0; n < load->requests; n++) {
    long key = choose(load);
    if (n % CHANGE_EVERY == CHANGE_EVERY - 1) {
      load->versions[key]++;
      set(connection, load, key);
    }
    get(datagrams, load, key, (uint16_t)n);
  }
  close(connection);
  close(datagrams);
}

static long number(const char *text, long most) {
  char *end;
  long value = strtol(text, &end, 10);
  return end == text || *end != '\0' || value < 1 || value > most ? -1 : value;
}

int main(int argc, char **argv) {
  struct workload load = {.keys = 100, .requests = 1000, .random = 1};
  if (argc > 1) load.keys = number(argv[1], MOST_KEYS);
  if (argc > 2) load.requests = number(argv[2], 100000000);
  if (argc > 3) load.random = (uint64_t)number(argv[3], 0x7fffffffffffffff);
  load.server.sin_family = AF_INET;
  load.server.sin_port = htons(PORT);
  if (argc > 5 || load.keys < 0 || load.requests < 0 || load.random == (uint64_t)-1 ||
      inet_pton(AF_INET, argc > 4 ? argv[4] : "127.0.0.1", &load.server.sin_addr) != 1) {
    fprintf(stderr, "usage: client [KEYS [REQUESTS [SEED [ADDRESS]]]]\n");
    return 2;
  }
  load.versions = calloc((size_t)load.keys, sizeof *load.versions);
  load.weights = calloc((size_t)load.keys, sizeof *load.weights);
  if (load.versions == NULL || load.weights == NULL) die("calloc");
  weigh(&load);
  run(&load);
  printf("%ld keys set, %ld requests, every answer as it was set\n", load.keys, load.requests);
  return 0;
}
