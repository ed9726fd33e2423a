/* sorrel/config.h - an application's settings, shared by its processes: a change made in one is seen at the next read
 * in all others.
 *
 * Settings are declared with a default and, if wanted, a check. A read looks into a cache that the server keeps fresh
 * (sorrel/near.h), so it costs no round trip; with no server it answers with the value seen last, or the default, and
 * says so on request; only one read in half a second then waits for the server, the others answer at once. Values are
 * JSON. They live in one hash, a field for each setting that differs from its default; what other programs have put
 * there and the check refuses counts as not there. Threads: get, set and reset are thread-safe; declare everything
 * first.
 *
 * A function that does not say what it sends sends nothing.
 */
#ifndef SORREL_CONFIG_H
#define SORREL_CONFIG_H

#include "sorrel/client.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sorrel_config;

/* True if json is a good value for the setting. Called by any thread. */
typedef bool sorrel_config_check_fn(void *ctx, const char *name, const char *json);

/* Settings in the hash `key`. cl must outlive it; key is copied. Sends nothing. */
SORREL_API struct sorrel_config *sorrel_config_new(struct sorrel_client *cl, const char *key);
/* Frees the settings and closes the connection. NULL is fine. Nobody else may be using it. */
SORREL_API void sorrel_config_free(struct sorrel_config *c);

/* Declares a setting: its default, and a check (NULL: any JSON). SORREL_ERR_USAGE if the default is not valid JSON or
 * does not pass, or if the name is declared already. Sends nothing. */
SORREL_API enum sorrel_rc sorrel_config_declare(struct sorrel_config *c, const char *name, const char *json_default,
                                                sorrel_config_check_fn *check, void *ctx, struct sorrel_error *err);

/* The setting's value, NULL only if it is not declared; the caller frees it with sorrel_free(). err (NULL is fine) has
 * code SORREL_OK if the value is the current one, else the reason why only an earlier one or the default could be had.
 * Sends HGET when the value is not in the cache. */
SORREL_API char *sorrel_config_get(struct sorrel_config *c, const char *name, struct sorrel_error *err);
/* The same for numbers and booleans (0 or 1); `otherwise` if the value is none. */
SORREL_API int64_t sorrel_config_get_int(struct sorrel_config *c, const char *name, int64_t otherwise);
/* Changes a setting for all processes. SORREL_ERR_USAGE if it is not declared or the check refuses the value.
 * Sends HSET. */
SORREL_API enum sorrel_rc sorrel_config_set(struct sorrel_config *c, const char *name, const char *json,
                                            struct sorrel_error *err);
/* Back to the default, for all processes. Sends HDEL. */
SORREL_API enum sorrel_rc sorrel_config_reset(struct sorrel_config *c, const char *name, struct sorrel_error *err);

#ifdef __cplusplus
}
#endif

#endif
