/* examples/worker_queue.c - jobs that survive the death of whoever works on them.
 *
 * usage: worker_queue URL put TEXT...        adds jobs
 *        worker_queue URL work [die|fail]    works until the queue has been empty for two seconds
 *        worker_queue URL show               says what is where
 *
 * `work die` takes a job and ends without a word: the job comes back after its visibility time-out (one second here).
 * `work fail` hands every job back: after three deliveries a job goes to the dead ones.
 */
#include <sorrel/queue.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int
put(struct sorrel_queue *q, int n, char **texts)
{
    struct sorrel_error err;

    for (int i = 0; i < n; i++) {
        if (sorrel_queue_put(q, texts[i], strlen(texts[i]), &err) != SORREL_OK) {
            fprintf(stderr, "%s\n", err.text);
            return 1;
        }
    }
    return 0;
}

static int
work(struct sorrel_queue *q, const char *how)
{
    struct sorrel_item item;
    struct sorrel_error err;

    for (;;) {
        enum sorrel_rc rc = sorrel_queue_take(q, 2000, &item, &err);
        if (rc == SORREL_ERR_BUSY)
            return 0;
        if (rc != SORREL_OK) {
            fprintf(stderr, "%s\n", err.text);
            return 1;
        }
        if (strcmp(how, "die") == 0)
            _exit(3);
        if (strcmp(how, "fail") == 0) {
            (void)sorrel_queue_return(q, &item, item.tries >= 3, &err);
        } else if (sorrel_queue_done(q, &item, &err) == SORREL_OK) {
            printf("done %s (delivery %d)\n", item.payload, item.tries);
        } else {
            printf("%s: %s\n", item.payload, err.text);
        }
        sorrel_item_fini(&item);
    }
}

static int
show(struct sorrel_queue *q)
{
    struct sorrel_queue_stats s;
    struct sorrel_error err;

    if (sorrel_queue_stats(q, &s, &err) != SORREL_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    printf("ready %" PRId64 ", taken %" PRId64 ", dead %" PRId64 "\n", s.ready, s.taken, s.dead);
    return 0;
}

int
main(int argc, char **argv)
{
    struct sorrel_queue_options o = {.visibility_ms = 1000, .tries_max = 3};
    struct sorrel_error err = {0};
    int code = 2;

    struct sorrel_client *client = argc > 2 ? sorrel_client_open(argv[1], NULL, &err) : NULL;
    if (client == NULL) {
        fprintf(stderr, "%s\nusage: worker_queue URL put TEXT... | work [die|fail] | show\n", err.text);
        return 2;
    }
    struct sorrel_queue *q = sorrel_queue_new(client, "example:jobs", &o);
    if (strcmp(argv[2], "put") == 0)
        code = put(q, argc - 3, argv + 3);
    else if (strcmp(argv[2], "work") == 0)
        code = work(q, argc > 3 ? argv[3] : "");
    else if (strcmp(argv[2], "show") == 0)
        code = show(q);
    sorrel_queue_free(q);
    sorrel_client_free(client);
    return code;
}
