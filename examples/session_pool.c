/* examples/session_pool.c - the session pool of a web application with several server processes, as Open WebUI has one.
 *
 * usage: session_pool URL NAME SECONDS
 *
 * Each process (NAME) adds sessions to a shared dictionary and touches them as long as their users are there. One of
 * the processes, elected, removes the sessions that nobody has touched for a second: those of users that have gone, and
 * those of processes that have died. A setting, shared and cached, says how long that is.
 */
#include <sorrel/config.h>
#include <sorrel/dict.h>
#include <sorrel/json.h>
#include <sorrel/leader.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct application {
    const char *name;
    struct sorrel_client *client;
    struct sorrel_dict *sessions;
    struct sorrel_config *config;
    int removed;
};

static int64_t
now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
pause_ms(int ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000L};

    nanosleep(&t, NULL);
}

/* {"user": ..., "process": ..., "seen": ...} */
static void
touch(struct application *app, const char *sid, const char *user)
{
    char json[512], *quoted_user = sorrel_json_quote(user, strlen(user)),
                    *quoted_name = sorrel_json_quote(app->name, strlen(app->name));
    struct sorrel_error err;

    snprintf(json, sizeof(json), "{\"user\": %s, \"process\": %s, \"seen\": %" PRId64 "}", quoted_user, quoted_name,
             now_ms());
    if (sorrel_dict_set(app->sessions, sid, json, &err) != SORREL_OK)
        fprintf(stderr, "%s: %s\n", app->name, err.text);
    sorrel_free(quoted_user);
    sorrel_free(quoted_name);
}

/* One session, as the leader looks through them. Removing while walking is fine. */
static bool
remove_if_stale(void *ctx, const char *sid, const char *json)
{
    struct application *app = ctx;
    int64_t seen = 0, limit = sorrel_config_get_int(app->config, "session_timeout_ms", 1000);
    char *text = sorrel_json_member(json, "seen");
    bool removed = false;

    if (text == NULL || !sorrel_json_int(text, &seen) || now_ms() - seen > limit)
        (void)sorrel_dict_delete(app->sessions, sid, &removed, NULL);
    app->removed += removed;
    sorrel_free(text);
    return true;
}

static void
clean_up(void *ctx, struct sorrel_leader *l, int64_t fence)
{
    struct application *app = ctx;

    (void)fence;
    if (sorrel_leader_is(l))
        (void)sorrel_dict_each(app->sessions, remove_if_stale, app, NULL);
}

static void
say_who_leads(void *ctx, bool leading)
{
    struct application *app = ctx;

    printf("%s %s\n", app->name, leading ? "cleans up" : "does not clean up any more");
    fflush(stdout);
}

int
main(int argc, char **argv)
{
    struct application app = {0};
    struct sorrel_error err;
    char sid[64];
    size_t left = 0;

    if (argc < 4) {
        fprintf(stderr, "usage: session_pool URL NAME SECONDS\n");
        return 2;
    }
    app.name = argv[2];
    app.client = sorrel_client_open(argv[1], NULL, &err);
    if (app.client == NULL) {
        fprintf(stderr, "%s\n", err.text);
        return 2;
    }
    app.sessions = sorrel_dict_new(app.client, "example:session_pool");
    app.config = sorrel_config_new(app.client, "example:config");
    if (sorrel_config_declare(app.config, "session_timeout_ms", "1000", NULL, NULL, &err) != SORREL_OK)
        return 2;
    struct sorrel_leader_options o = {
        .ttl_ms = 2000, .period_ms = 200, .job = clean_up, .on_change = say_who_leads, .ctx = &app};
    struct sorrel_leader *leader = sorrel_leader_new(app.client, "example:cleanup_lock", &o);

    /* Ten users come; five of them stay until the end. */
    int64_t end = now_ms() + strtol(argv[3], NULL, 10) * 1000;
    for (int i = 0; i < 10; i++) {
        snprintf(sid, sizeof(sid), "%s-%d", app.name, i);
        touch(&app, sid, "somebody");
    }
    while (now_ms() < end) {
        for (int i = 0; i < 5; i++) {
            snprintf(sid, sizeof(sid), "%s-%d", app.name, i);
            touch(&app, sid, "somebody");
        }
        pause_ms(100);
    }
    if (sorrel_dict_len(app.sessions, &left, &err) != SORREL_OK)
        fprintf(stderr, "%s: %s\n", app.name, err.text);
    sorrel_leader_free(leader);
    printf("%s removed %d, sees %zu sessions\n", app.name, app.removed, left);
    sorrel_config_free(app.config);
    sorrel_dict_free(app.sessions);
    sorrel_client_free(app.client);
    return 0;
}
