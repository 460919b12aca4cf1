#include <netinet/ip.h>
