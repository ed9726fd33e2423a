/* client/url_priv.h - what the files about URLs share. */
#ifndef SORREL_CLIENT_URL_PRIV_H
#define SORREL_CLIENT_URL_PRIV_H

#include "base/slice.h"
#include "sorrel/url.h"

/* A copy with a NUL at the end, from mem_get(). */
char *url__dup(struct slice s);
enum sorrel_rc url__addresses(struct slice list, uint16_t default_port, struct sorrel_address **out, size_t *count,
                              struct sorrel_error *err);

#endif
