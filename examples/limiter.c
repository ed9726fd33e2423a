/* examples/limiter.c - a message router that lets each client send so much and no more, as RouteMQ's middleware does.
 *
 * usage: ENABLE_REDIS=true REDIS_HOST=... limiter CLIENT REQUESTS LIMIT WINDOW_MS [sliding|fixed|bucket]
 *
 * The server is what the environment says. Without one (ENABLE_REDIS unset, or nobody answers) everything is let
 * through: that is this application's decision, not the library's.
 */
#include <sorrel/limiter.h>
#include <sorrel/manager.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
main(int argc, char **argv)
{
    enum sorrel_limiter_kind kind = SORREL_SLIDING_WINDOW;
    struct sorrel_manager *manager = sorrel_manager_shared();
    struct sorrel_limiter *limiter = NULL;
    struct sorrel_limit_result result;
    struct sorrel_error err;
    int allowed = 0, refused = 0, unknown = 0;
    int64_t wait_ms = 0;

    if (argc < 5) {
        fprintf(stderr, "usage: limiter CLIENT REQUESTS LIMIT WINDOW_MS [sliding|fixed|bucket]\n");
        return 2;
    }
    if (argc > 5)
        kind = strcmp(argv[5], "fixed") == 0    ? SORREL_FIXED_WINDOW
               : strcmp(argv[5], "bucket") == 0 ? SORREL_TOKEN_BUCKET
                                                : SORREL_SLIDING_WINDOW;
    if (!sorrel_manager_initialize(manager))
        fprintf(stderr, "no limits: %s\n", sorrel_manager_reason(manager, NULL));
    else
        limiter = sorrel_limiter_new(sorrel_manager_get_client(manager), "example:limit", kind,
                                     (int)strtol(argv[3], NULL, 10), (int)strtol(argv[4], NULL, 10));
    for (long i = strtol(argv[2], NULL, 10); i > 0; i--) {
        if (limiter == NULL || sorrel_limiter_ask(limiter, argv[1], 1, &result, &err) != SORREL_OK) {
            unknown++;
            continue;
        }
        allowed += result.allowed;
        refused += !result.allowed;
        if (!result.allowed)
            wait_ms = result.retry_after_ms;
    }
    printf("allowed %d, refused %d, let through unasked %d; try again in %" PRId64 " ms\n", allowed, refused, unknown,
           wait_ms);
    sorrel_limiter_free(limiter);
    sorrel_manager_disconnect(manager);
    return 0;
}
