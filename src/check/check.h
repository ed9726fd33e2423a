/* check/check.h - the tools behind sorrel-check. Each takes the arguments after its name and returns the exit code. */
#ifndef SORREL_CHECK_CHECK_H
#define SORREL_CHECK_CHECK_H

enum { CHECK_FINE = 0, CHECK_DAMAGED = 1, CHECK_FAILED = 2 };

/* FILE [--export json] */
int check_rdb(int argc, char **argv);

/* FILE|MANIFEST [--fix] [--truncate-to-timestamp T] */
int check_aof(int argc, char **argv);

#endif
