// What lwIP's unit tests need of a port, on a machine with a C library.
#include <errno.h>
#include <stdlib.h>
#include <sys/time.h>
#define LWIP_RAND() ((u32_t)rand())
#define LWIP_TIMEVAL_PRIVATE 0
#define LWIP_ERRNO_STDINCLUDE 1
