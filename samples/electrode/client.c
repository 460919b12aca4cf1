/* client [REQUESTS]: sends so many operations (10) to the leader, one after the other; each must be answered in a second. */
#include "replication.h"

int main(int argc, char **argv) {
  struct timeval patience = {.tv_sec = 1};
  struct configuration configuration;
  int requests = argc > 1 ? atoi(argv[1]) : 10;
  int fd;
  if (argc > 2 || requests < 1) {
    fprintf(stderr, "usage: client [REQUESTS]\n");
    return 2;
  }
  read_configuration(&configuration);
  fd = open_socket(NULL);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  for (int n = 1; n <= requests; n++) {
    struct message message = {.type = REQUEST}, reply;
    struct sockaddr_in from;
    snprintf(message.operation, sizeof message.operation, "put x=%d", n);
    send_message(fd, &configuration.replicas[0], &message);
    if (receive_message(fd, &reply, &from) && is(&reply, REPLY) && strcmp(reply.operation, message.operation) == 0) continue;
    fprintf(stderr, "client: request %d: no reply\n", n);
    return 1;
  }
  printf("%d requests, each prepared by a quorum and answered\n", requests);
  return 0;
}
