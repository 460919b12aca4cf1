/*
 * replica INDEX: one of the replicas of config.txt, the first of them the leader. The leader gives a client's request a
 * number and sends one Prepare with the broadcast bit; every other replica that gets it answers with a PrepareOK; with f of
 * those the request is committed and answered. Runs until it is killed.
 */
#include "replication.h"

static struct configuration configuration;
static int self, fd;

static void note(const char *what, const struct message *message) {
  printf("replica %d: %s %u: %s\n", self, what, message->number, message->operation);
  fflush(stdout);
}

/* Replicas that acknowledged operation `number`, until there are f. */
static void await_quorum(uint32_t number) {
  uint32_t seen = 0;
  for (int count = 0; count < configuration.f;) {
    struct message answer;
    struct sockaddr_in from;
    if (!receive_message(fd, &answer, &from) || answer.number != number) continue;
    if (!is(&answer, PREPARE_OK) && !is(&answer, MY_PREPARE_OK)) continue;
    if (answer.index >= 32 || (seen & 1U << answer.index) != 0) continue;
    seen |= 1U << answer.index;
    count++;
  }
}

static void lead(struct message *request, const struct sockaddr_in *client, uint32_t number) {
  struct message message = *request;
  strcpy(message.type, PREPARE);
  message.broadcast = true;
  message.view = 0;
  message.number = message.index = number;
  /* the program on the way out gives each copy its receiver */
  send_message(fd, &configuration.replicas[1], &message);
  await_quorum(number);
  note("committed", &message);
  strcpy(message.type, REPLY);
  message.broadcast = false;
  send_message(fd, client, &message);
}

static void follow(struct message *prepare) {
  note("prepared", prepare);
  strcpy(prepare->type, PREPARE_OK);
  prepare->index = (uint32_t)self;
  prepare->operation[0] = '\0';
  send_message(fd, &configuration.replicas[0], prepare);
}

int main(int argc, char **argv) {
  uint32_t number = 0;
  read_configuration(&configuration);
  self = argc == 2 ? atoi(argv[1]) : -1;
  if (self < 0 || self >= configuration.count) {
    fprintf(stderr, "usage: replica INDEX, less than %d\n", configuration.count);
    return 2;
  }
  fd = open_socket(&configuration.replicas[self]);
  for (;;) {
    struct message message;
    struct sockaddr_in from;
    if (!receive_message(fd, &message, &from)) continue;
    /* a copy that nobody has addressed yet is nobody's */
    if (message.broadcast) note("got an unaddressed copy of", &message);
    else if (self == 0 && is(&message, REQUEST)) lead(&message, &from, ++number);
    else if (self != 0 && is(&message, PREPARE)) follow(&message);
  }
}
