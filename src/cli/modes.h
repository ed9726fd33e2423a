/* cli/modes.h - what sorrel-cli does besides running commands. Each function returns the program's exit status. */
#ifndef SORREL_CLI_MODES_H
#define SORREL_CLI_MODES_H

#include "cli/session.h"

int mode_scan(struct session *s);                    /* --scan */
int mode_big(struct session *s, enum mode what);     /* --bigkeys, --memkeys, --hotkeys, --keystats */
int mode_latency(struct session *s, enum mode what); /* --latency, -history, -dist */
int mode_intrinsic_latency(int64_t seconds);
int mode_stat(struct session *s);
int mode_lru_test(struct session *s, int64_t keys);
int mode_pipe(struct session *s);
int mode_snapshot(struct session *s, bool functions_only); /* --rdb, --functions-rdb */
/* Writes a snapshot to a file ("-": standard output), as --rdb does. The session is of no use afterwards. */
bool snapshot_fetch(struct session *s, const char *path, bool functions_only);
int mode_replica(struct session *s);
int mode_cluster(const struct options *o); /* --cluster */

#endif
