/* sorrel/dict.h - a dictionary that processes share: a hash whose values are JSON texts.
 *
 * Names are C strings; values are JSON, checked before they are sent, so that every program reads what any program has
 * written. Each call is one command and therefore atomic. Threads: every function is thread-safe, except free.
 * Failures are those of sorrel_client_call(); values handed out are the caller's, to be freed by sorrel_free().
 */
#ifndef SORREL_DICT_H
#define SORREL_DICT_H

#include "sorrel/client.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sorrel_dict;

/* A dictionary in the hash `key`. cl must outlive it; key is copied. Sends nothing. */
SORREL_API struct sorrel_dict *sorrel_dict_new(struct sorrel_client *cl, const char *key);
/* Frees the object, not the hash. NULL is fine. Sends nothing. Nobody else may be using it. */
SORREL_API void sorrel_dict_free(struct sorrel_dict *d);

/* Sets name to a JSON value. SORREL_ERR_USAGE if it is not valid JSON. Sends HSET. */
SORREL_API enum sorrel_rc sorrel_dict_set(struct sorrel_dict *d, const char *name, const char *json,
                                          struct sorrel_error *err);
/* The value of name, NULL in *json if there is none. Sends HGET. */
SORREL_API enum sorrel_rc sorrel_dict_get(struct sorrel_dict *d, const char *name, char **json,
                                          struct sorrel_error *err);
/* Sends HEXISTS. */
SORREL_API enum sorrel_rc sorrel_dict_contains(struct sorrel_dict *d, const char *name, bool *out,
                                               struct sorrel_error *err);
/* Removes name; *removed (NULL is fine) says whether it was there. Sends HDEL. */
SORREL_API enum sorrel_rc sorrel_dict_delete(struct sorrel_dict *d, const char *name, bool *removed,
                                             struct sorrel_error *err);
/* Sends HLEN. */
SORREL_API enum sorrel_rc sorrel_dict_len(struct sorrel_dict *d, size_t *out, struct sorrel_error *err);
/* Removes everything. Sends UNLINK. */
SORREL_API enum sorrel_rc sorrel_dict_clear(struct sorrel_dict *d, struct sorrel_error *err);

/* All names, as a reply that the caller frees with sorrel_reply_free(): an array of strings (items() may be a map,
 * which reads the same). For dictionaries that fit into memory at once; see sorrel_dict_each() for others. Sends HKEYS.
 */
SORREL_API enum sorrel_rc sorrel_dict_keys(struct sorrel_dict *d, struct sorrel_reply **out, struct sorrel_error *err);
/* All values, as above. Sends HVALS. */
SORREL_API enum sorrel_rc sorrel_dict_values(struct sorrel_dict *d, struct sorrel_reply **out,
                                             struct sorrel_error *err);
/* Names and values in turn, as above. Sends HGETALL. */
SORREL_API enum sorrel_rc sorrel_dict_items(struct sorrel_dict *d, struct sorrel_reply **out, struct sorrel_error *err);

/* Sets n names at once, or, if one of the values is not valid JSON, none. Sends HSET. */
SORREL_API enum sorrel_rc sorrel_dict_update(struct sorrel_dict *d, size_t n, const char *const *names,
                                             const char *const *json, struct sorrel_error *err);
/* Sets name to `json` unless it has a value; *value (NULL is fine) is what it has then, *added whether it is new.
 * Sends EVALSHA (HSETNX, HGET). */
SORREL_API enum sorrel_rc sorrel_dict_set_default(struct sorrel_dict *d, const char *name, const char *json,
                                                  char **value, bool *added, struct sorrel_error *err);

/* Called for each name and value. Both are NUL-terminated and valid during the call. False ends the walk. */
typedef bool sorrel_dict_fn(void *ctx, const char *name, const char *json);
/* Walks through a dictionary of any size, a few hundred at a time. Names there all the while are seen at least once,
 * and after changes perhaps twice. Calls of fn hold no connection: it may use the dictionary. Sends HSCAN. */
SORREL_API enum sorrel_rc sorrel_dict_each(struct sorrel_dict *d, sorrel_dict_fn *fn, void *ctx,
                                           struct sorrel_error *err);

#ifdef __cplusplus
}
#endif

#endif
