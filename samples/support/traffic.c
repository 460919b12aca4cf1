/*
 * traffic [BURSTS [ADDRESS]]: so many times (10) a UDP datagram to port 12345 and a TCP connection to port 12346; whether
 * anybody listens does not matter. The address is 127.0.0.1 unless another one is given.
 */
#include "loader.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum { UDP_PORT = 12345, TCP_PORT = 12346 };

static int open_socket(int type) {
  int fd = socket(AF_INET, type, 0);
  if (fd >= 0) return fd;
  perror("socket");
  exit(1);
}

static void send_datagram(struct sockaddr_in to) {
  static const char text[] = "hello over UDP";
  int fd = open_socket(SOCK_DGRAM);
  to.sin_port = htons(UDP_PORT);
  if (sendto(fd, text, sizeof text, 0, (struct sockaddr *)&to, sizeof to) < 0) perror("sendto");
  close(fd);
}

static void open_connection(struct sockaddr_in to) {
  int fd = open_socket(SOCK_STREAM);
  to.sin_port = htons(TCP_PORT);
  if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != ECONNREFUSED) perror("connect");
  close(fd);
}

int main(int argc, char **argv) {
  struct sockaddr_in to = {.sin_family = AF_INET};
  long bursts = argc > 1 ? parse_number(argv[1], 1, 1000000) : 10;
  if (argc > 3 || bursts < 0 || inet_pton(AF_INET, argc > 2 ? argv[2] : "127.0.0.1", &to.sin_addr) != 1) {
    fprintf(stderr, "usage: traffic [BURSTS [ADDRESS]]\n");
    return 2;
  }
  for (long n = 0; n < bursts; n++) {
    send_datagram(to);
    open_connection(to);
  }
  return 0;
}
