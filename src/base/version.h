/* base/version.h - who we are, and the Redis release whose commands are all here. */
#ifndef SORREL_BASE_VERSION_H
#define SORREL_BASE_VERSION_H

#define SORREL_VERSION "0.1.0"
#define SORREL_REDIS_VERSION "7.2.0"

#endif
