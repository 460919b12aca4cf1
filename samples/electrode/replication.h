/* What the replicas and their client say to each other, and config.txt. */
#ifndef ELECTRODE_REPLICATION_H
#define ELECTRODE_REPLICATION_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define CONFIG "./config.txt"

enum {
  MOST_REPLICAS = 100,
  MAX_TYPE = 64,
  MAX_OPERATION = 256,
  MAX_MESSAGE = 4 + 8 + MAX_TYPE + 12 + 2 + MAX_OPERATION,
};

#define NONFRAG_MAGIC 0x20050318U
/* of the type's length: to every replica */
#define BROADCAST_SIGN_BIT 0x80000000ULL

#define REQUEST "specpaxos.vr.proto.RequestMessage"
#define REPLY "specpaxos.vr.proto.ReplyMessage"
#define PREPARE "specpaxos.vr.proto.PrepareMessage"
#define PREPARE_OK "specpaxos.vr.proto.PrepareOKMessage"
#define MY_PREPARE_OK "specpaxos.vr.MyPrepareOK"

struct configuration {
  int f;
  int count; /* 2f + 1 */
  struct sockaddr_in replicas[MOST_REPLICAS];
};

/* magic u32, length of the type u64, type, three u32, then a protobuf message whose field 1 is the operation */
struct message {
  char type[MAX_TYPE + 1];
  bool broadcast;
  uint32_t view;
  uint32_t number;
  uint32_t index; /* start of the batch, or the replica */
  char operation[MAX_OPERATION];
};

static inline void die(const char *what) {
  perror(what);
  exit(1);
}

/* `f N`, then a line `replica ADDRESS:PORT` for each of 2N + 1. */
static inline void read_configuration(struct configuration *configuration) {
  char address[32];
  unsigned port;
  FILE *file = fopen(CONFIG, "r");
  if (file == NULL) die(CONFIG);
  configuration->count = 0;
  if (fscanf(file, " f %d", &configuration->f) != 1 || configuration->f < 1 || configuration->f > (MOST_REPLICAS - 1) / 2) {
    fprintf(stderr, "%s: expected \"f N\" in the first line\n", CONFIG);
    exit(1);
  }
  while (configuration->count < 2 * configuration->f + 1) {
    struct sockaddr_in *replica = &configuration->replicas[configuration->count++];
    *replica = (struct sockaddr_in){.sin_family = AF_INET};
    if (fscanf(file, " replica %31[0-9.]:%u", address, &port) != 2 || port < 1 || port > 65535 ||
        inet_pton(AF_INET, address, &replica->sin_addr) != 1) {
      fprintf(stderr, "%s: expected %d lines \"replica ADDRESS:PORT\"\n", CONFIG, 2 * configuration->f + 1);
      exit(1);
    }
    replica->sin_port = htons((uint16_t)port);
  }
  fclose(file);
}

static inline int open_socket(const struct sockaddr_in *local) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0) die("socket");
  if (local != NULL && bind(fd, (const struct sockaddr *)local, sizeof *local) < 0) die("bind");
  return fd;
}

static inline void send_message(int fd, const struct sockaddr_in *to, const struct message *message) {
  unsigned char bytes[MAX_MESSAGE];
  uint32_t magic = NONFRAG_MAGIC;
  uint64_t length = strlen(message->type);
  uint64_t field = message->broadcast ? length | BROADCAST_SIGN_BIT : length;
  uint32_t numbers[3] = {message->view, message->number, message->index};
  size_t size = strlen(message->operation), at = 0;
  memcpy(bytes, &magic, sizeof magic);
  memcpy(bytes + 4, &field, sizeof field);
  memcpy(bytes + 12, message->type, length);
  at = 12 + length;
  memcpy(bytes + at, numbers, sizeof numbers);
  at += sizeof numbers;
  bytes[at++] = 0x0a; /* field 1, length-delimited */
  if (size > 127) size = 127;
  bytes[at++] = (unsigned char)size;
  memcpy(bytes + at, message->operation, size);
  if (sendto(fd, bytes, at + size, 0, (const struct sockaddr *)to, sizeof *to) < 0) die("sendto");
}

/* False: not a message of the protocol, or nothing came in time. */
static inline bool receive_message(int fd, struct message *message, struct sockaddr_in *from) {
  unsigned char bytes[MAX_MESSAGE];
  socklen_t from_size = sizeof *from;
  uint32_t magic, numbers[3];
  uint64_t length;
  size_t size, at;
  ssize_t count = recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)from, &from_size);
  if (count < 12) return false;
  memcpy(&magic, bytes, sizeof magic);
  memcpy(&length, bytes + 4, sizeof length);
  *message = (struct message){.broadcast = (length & BROADCAST_SIGN_BIT) != 0};
  length &= ~BROADCAST_SIGN_BIT;
  if (magic != NONFRAG_MAGIC || length > MAX_TYPE || (size_t)count < 12 + length + sizeof numbers) return false;
  memcpy(message->type, bytes + 12, length);
  at = 12 + length;
  memcpy(numbers, bytes + at, sizeof numbers);
  at += sizeof numbers;
  message->view = numbers[0];
  message->number = numbers[1];
  message->index = numbers[2];
  if (at + 2 > (size_t)count || bytes[at] != 0x0a) return true;
  size = bytes[at + 1];
  if (size < MAX_OPERATION && at + 2 + size <= (size_t)count) memcpy(message->operation, bytes + at + 2, size);
  return true;
}

static inline bool is(const struct message *message, const char *type) { return strcmp(message->type, type) == 0; }

#endif
