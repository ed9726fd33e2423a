/* base/version.h - which Sorrel this is, and which Redis it stands for. */
#ifndef SORREL_BASE_VERSION_H
#define SORREL_BASE_VERSION_H

#define SORREL_VERSION "0.1.0"
/* The level whose commands are all there; clients look at it to choose what to send. */
#define SORREL_REDIS_VERSION "7.4.0"

#endif
