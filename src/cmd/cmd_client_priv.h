/* cmd/cmd_client_priv.h - the subcommands of CLIENT that are not in cmd_client.c. */
#ifndef SORREL_CMD_CMD_CLIENT_PRIV_H
#define SORREL_CMD_CMD_CLIENT_PRIV_H

#include "engine/exec.h"

/* -- cmd_client_tracking.c -- */
enum rc client__tracking(struct exec *x);
enum rc client__caching(struct exec *x);
enum rc client__getredir(struct exec *x);
enum rc client__trackinginfo(struct exec *x);

#endif
