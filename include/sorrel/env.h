/* sorrel/env.h - where the servers are, as the environment says.
 *
 * | variable                      | default                  | means
 * | ENABLE_REDIS                  | false                    | whether a manager connects at all
 * | REDIS_URL                     | made of the five below   | the server, or with Sentinel hosts the service
 * | REDIS_HOST, REDIS_PORT        | localhost, 6379          |
 * | REDIS_DB                      | 0                        |
 * | REDIS_USERNAME, _PASSWORD     | none                     | as they are, not percent-encoded
 * | REDIS_SENTINEL_HOSTS          | none                     | "a, b:26380": the URL's host is then the service's name
 * | REDIS_SENTINEL_PORT           | 26379                    | of hosts that bring no port of their own
 * | REDIS_MAX_CONNECTIONS         | 10                       | unless the URL says
 * | REDIS_SOCKET_TIMEOUT          | 5.0 (seconds)            | unless the URL says
 * | REDIS_SOCKET_CONNECT_TIMEOUT  | 5.0 (seconds)            | unless the URL says
 * | WEBSOCKET_REDIS_URL           | REDIS_URL and all above  | a server of its own for shared sessions
 * | WEBSOCKET_SENTINEL_HOSTS      | none                     | REDIS_SENTINEL_HOSTS when WEBSOCKET_REDIS_URL is not set
 * | WEBSOCKET_SENTINEL_PORT       | 26379                    |
 * | WEBSOCKET_REDIS_LOCK_TIMEOUT  | 60 (seconds)             | how long its locks live
 *
 * A variable that is set to nothing counts as not set.
 */
#ifndef SORREL_ENV_H
#define SORREL_ENV_H

#include "sorrel/url.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sorrel_env {
    bool enabled;                /* ENABLE_REDIS */
    struct sorrel_url url;       /* the server or service */
    struct sorrel_url websocket; /* the one for web sockets */
    int lock_timeout_ms;         /* WEBSOCKET_REDIS_LOCK_TIMEOUT */
    uint64_t reserved[4];
};

/* The value of a variable, or NULL. What it returns must live until sorrel_env_read() returns. */
typedef const char *sorrel_getenv_fn(void *ctx, const char *name);

/* Reads the variables through `get` (NULL: the process's own, by getenv()). The caller calls sorrel_env_fini().
 * SORREL_ERR_USAGE, *out untouched, when one is malformed: err begins with its name and never holds a password.
 * Sends nothing. Thread-safe as far as getenv() is. */
SORREL_API enum sorrel_rc sorrel_env_read(sorrel_getenv_fn *get, void *ctx, struct sorrel_env *out,
                                          struct sorrel_error *err);
/* Frees what sorrel_env_read() has allocated. */
SORREL_API void sorrel_env_fini(struct sorrel_env *e);

#ifdef __cplusplus
}
#endif

#endif
