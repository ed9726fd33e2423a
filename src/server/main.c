/* server/main.c - sorrel-server: from the command line to a running server. */
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/version.h"
#include "proto/words.h"
#include "server/config_load.h"
#include "server/config_rewrite.h"
#include "server/crash.h"
#include "server/dump_commands.h"
#include "server/persist.h"
#include "server/persist_aof.h"
#include "server/process.h"
#include "server/replication.h"
#include "server/sandbox.h"
#include "server/server.h"
#include "server/supervise.h"
#include "server/title.h"
#include "server/tuning.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int
usage(FILE *to)
{
    fputs("sorrel-server " SORREL_VERSION ": an in-memory data store for clients of Redis\n"
          "\n"
          "usage: sorrel-server [FILE | -] [--NAME VALUE...]...\n"
          "       sorrel-server --version | --help\n"
          "\n"
          "FILE is a configuration file as redis.conf, - reads it from standard input. Every directive of such a\n"
          "file is also an option; options count after the file.\n"
          "\n"
          "  --port 6379              TCP port, 0 for none\n"
          "  --bind '* -::*'          addresses to listen on\n"
          "  --unixsocket PATH        a Unix socket; --unixsocketperm 770 its mode\n"
          "  --requirepass PASSWORD   what clients must AUTH with\n"
          "  --dir PATH               where files go\n"
          "  --maxclients 10000       connections at most\n"
          "  --databases 16           databases, numbered from 0\n"
          "  --daemonize yes          run in the background; --pidfile PATH, --logfile PATH\n"
          "  --loglevel notice        debug, verbose, notice, warning or nothing\n"
          "\n"
          "examples:\n"
          "  sorrel-server\n"
          "  sorrel-server --port 7000 --save '' --appendonly no\n"
          "  sorrel-server /etc/redis/redis.conf --port 7000\n"
          "  echo 'port 7000' | sorrel-server -\n",
          to);
    return to == stdout ? 0 : 1;
}

static int
version(void)
{
    printf("Sorrel server v=%s redis=%s malloc=%s bits=%d\n", SORREL_VERSION, SORREL_REDIS_VERSION,
           mem_allocator_name(), (int)sizeof(long) * 8);
    return 0;
}

/* Files are found from where we were started, also after a chdir. "" for none. */
static const char *
absolute(const char *path, char out[PATH_MAX])
{
    if (path == NULL || strcmp(path, "-") == 0 || realpath(path, out) == NULL)
        out[0] = '\0';
    return out;
}

/* The file, then the overlay if there is one, then the command line. */
static bool
read_all(struct config_loader *l, const char *file, const char *overlay, int argc, char **argv)
{
    if (file != NULL &&
        !(strcmp(file, "-") == 0 ? config_load_fd(l, STDIN_FILENO, "standard input") : config_load_file(l, file)))
        return false;
    if (overlay != NULL) {
        size_t lines = config_line_count(l->config);
        memset(l->given, 0, sizeof(l->given)); /* what it says replaces what the file said */
        if (!config_load_file(l, overlay))
            return false;
        config_supersede_lines(l->config, CFG_USER, lines);
    }
    return config_load_args(l, argc, argv);
}

/* In the directory that all of it leads to. */
static bool
has_overlay(const struct config *c, char path[PATH_MAX])
{
    int n = snprintf(path, PATH_MAX, "%s/%s", config_text(c, CFG_DIR).ptr, CONFIG_OVERLAY);

    return n > 0 && n < PATH_MAX && access(path, F_OK) == 0;
}

static struct config *
read_configuration(int argc, char **argv, const char **file)
{
    struct config_loader l = {.config = config_new()};
    char overlay[PATH_MAX];
    int at = 1;

    *file = NULL;
    if (argc > 1 && (argv[1][0] != '-' || argv[1][1] == '\0'))
        *file = argv[at++];
    bool ok = read_all(&l, *file, NULL, argc - at, argv + at);
    if (ok && *file != NULL && strcmp(*file, "-") != 0 && has_overlay(l.config, overlay)) {
        config_free(l.config);
        l = (struct config_loader){.config = config_new(), .error = l.error};
        ok = read_all(&l, *file, overlay, argc - at, argv + at);
    }
    if (!ok) {
        fprintf(stderr, "sorrel-server: the configuration is not right\n%.*s\n", (int)l.error.len, l.error.ptr);
        config_free(l.config);
        l.config = NULL;
    }
    buf_fini(&l.error);
    return l.config;
}

static bool
random_options(struct server_options *opt)
{
    unsigned char id[RUN_ID_LEN / 2];

    if (!rng_system_bytes(&opt->rng_seed, sizeof(opt->rng_seed)) ||
        !rng_system_bytes(&opt->hash_seed, sizeof(opt->hash_seed)) || !rng_system_bytes(id, sizeof(id)))
        return false;
    for (size_t i = 0; i < sizeof(id); i++)
        snprintf(opt->run_id + 2 * i, 3, "%02x", id[i]);
    return true;
}

static void
set_up_log(const struct config *c, struct log_target *target)
{
    *target = (struct log_target){.path = config_text(c, CFG_LOGFILE).ptr,
                                  .clock = clock_system(),
                                  .format = (enum log_format)config_num(c, CFG_LOG_FORMAT)};
    if (config_on(c, CFG_SYSLOG_ENABLED)) {
        target->ident = config_text(c, CFG_SYSLOG_IDENT).ptr;
        target->local = (int)config_num(c, CFG_SYSLOG_FACILITY) - 1;
    }
    log_set_level((enum log_level)config_num(c, CFG_LOGLEVEL));
    log_to(target);
}

/* What shutdown-on-sigint and shutdown-on-sigterm say. */
static unsigned
signal_flags(const struct server *s, int sig)
{
    static const struct {
        struct slice word;
        unsigned flag;
    } words[] = {{LIT_INIT("save"), SHUTDOWN_SAVE},
                 {LIT_INIT("nosave"), SHUTDOWN_NOSAVE},
                 {LIT_INIT("now"), SHUTDOWN_NOW},
                 {LIT_INIT("force"), SHUTDOWN_FORCE}};
    struct slice text = config_text(s->config, sig == SIGINT ? CFG_SHUTDOWN_ON_SIGINT : CFG_SHUTDOWN_ON_SIGTERM);
    struct slice_vec v = {0};
    unsigned flags = 0;

    (void)words_split(text, NULL, &v);
    for (size_t i = 0; i < v.n; i++) {
        for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++)
            flags |= slice_eq_nocase(v.v[i], words[k].word) ? words[k].flag : 0;
    }
    slice_vec_fini(&v);
    return flags;
}

static bool
on_stop_signal(void *ctx, int sig)
{
    struct server *s = ctx;

    log_warning("Received %s, shutting down", sig == SIGINT ? "SIGINT" : "SIGTERM");
    if (!server_shutdown(s, signal_flags(s, sig)))
        log_warning("The server goes on, because its data could not be saved");
    return s->stopping;
}

/* Directives that are accepted so that people's files start, but ask for something that is not done. One line each,
 * where they are not at their default. */
static void
warn_of_unserved(const struct config *c)
{
    static const struct {
        enum config_id id;
        const char *instead;
    } unserved[] = {
        {CFG_ACTIVEDEFRAG, "memory is not defragmented in the background"},
        {CFG_CLIENT_DEFAULT_RESP, "connections begin with RESP2"},
        {CFG_CLUSTER_ENABLED, "this is no node of a cluster: it serves all keys by itself"},
        {CFG_IO_THREADS, "one thread serves all connections"},
        {CFG_LOCALE_COLLATE, "texts are compared byte by byte"},
        {CFG_PROPAGATION_ERROR_BEHAVIOR, "a command that fails on a replica is logged and left out"},
        {CFG_REPLICA_IGNORE_DISK_WRITE_ERRORS, "a replica that can't write its log goes on"},
        {CFG_SOCKET_MARK_ID, "sockets are not marked"},
        {CFG_WATCHDOG_PERIOD, "there is no watchdog"},
    };
    struct config *defaults = config_new();

    for (size_t i = 0; i < sizeof(unserved) / sizeof(unserved[0]); i++) {
        if (!config_same(c, defaults, unserved[i].id))
            log_warning("%s has no effect: %s", config_name(unserved[i].id), unserved[i].instead);
    }
    config_free(defaults);
    for (size_t i = 0; i < config_line_count(c); i++) {
        const struct config_line *line = config_line_at(c, i);
        if (line->id == CFG_LOADMODULE)
            log_warning("loadmodule has no effect: no modules are loaded (%s, %.*s)", line->where,
                        (int)line->argv[0].len, line->argv[0].ptr);
    }
}

static void
announce(const struct server *s)
{
    struct slice path = config_text(s->config, CFG_UNIXSOCKET);
    long long port = (long long)config_num(s->config, CFG_PORT), tls = (long long)config_num(s->config, CFG_TLS_PORT);

    log_notice("Sorrel " SORREL_VERSION ", pid %d, configuration %s", (int)getpid(),
               s->config_path[0] != '\0' ? s->config_path : "from defaults and the command line");
    warn_of_unserved(s->config);
    if (tls != 0)
        log_notice("Ready to accept connections tls on port %lld", tls);
    if (port != 0 && path.len > 0)
        log_notice("Ready to accept connections tcp on port %lld and on %s", port, path.ptr);
    else if (port != 0)
        log_notice("Ready to accept connections tcp on port %lld", port);
    else if (tls == 0 || path.len > 0)
        log_notice("Ready to accept connections unix on %s", path.len > 0 ? path.ptr : "(nothing)");
}

static int
serve(struct server *s, struct signals *signals)
{
    struct slice pidfile = config_text(s->config, CFG_PIDFILE);
    bool daemon = config_on(s->config, CFG_DAEMONIZE);
    const char *pid_path = pidfile.len > 0 ? pidfile.ptr : daemon ? "/var/run/sorrel.pid" : NULL;
    struct buf why = {0};

    if (!server_listen(s, &why)) {
        log_warning("Failed listening: %.*s", (int)why.len, why.ptr);
        fprintf(stderr, "sorrel-server: %.*s\n", (int)why.len, why.ptr);
        buf_fini(&why);
        return 1;
    }
    if (s->title != NULL)
        title_show(s->title, s->config, s->config_path);
    if (!signals_watch(signals, net_loop(s->net)))
        return 1;
    if (pid_path != NULL && !pidfile_write(pid_path))
        log_warning("Can't write the pid file %s: %m", pid_path);
    persist_tidy(s->persist);
    bool loaded = config_on(s->config, CFG_APPENDONLY) ? persist_aof_load(s, &why) : persist_load(s->persist, &why);
    persist_aof_ready(s);
    if (!loaded) {
        log_warning("Fatal error loading the DB: %.*s. Exiting.", (int)why.len, why.ptr);
        buf_fini(&why);
        return 1;
    }
    server_replication_start(s);
    announce(s);
    s->ready = true;
    supervise_tell(s->config, "READY=1\nSTATUS=Ready to accept connections");
    server_run(s);
    supervise_tell(s->config, "STOPPING=1\nSTATUS=Stopping");
    if (pid_path != NULL)
        (void)unlink(pid_path);
    log_warning("Sorrel is now ready to exit, bye bye...");
    return 0;
}

static int
start(struct config *config, const char *file, struct log_target *log, const struct title *title)
{
    struct server_options opt = {.config = config, .clock = clock_system(), .log = log, .title = title};
    struct signals signals = {0};
    char config_path[PATH_MAX], executable[PATH_MAX];
    struct buf why = {0};
    int code = 1;

    if (!random_options(&opt) || !signals_block(&signals)) {
        fprintf(stderr, "sorrel-server: %m\n");
        config_free(config);
        return 1;
    }
    opt.config_path = absolute(file, config_path);
    if (config_on(config, CFG_SANDBOX) && !sandbox_enter(config, opt.config_path, &why)) {
        fprintf(stderr, "sorrel-server: sandbox: %.*s\n", (int)why.len, why.ptr);
        log_warning("sandbox: %.*s", (int)why.len, why.ptr);
        buf_fini(&why);
        config_free(config);
        return 1;
    }
    opt.executable = absolute("/proc/self/exe", executable);
    struct server *s = server_new(&opt, &why);
    if (s == NULL) {
        fprintf(stderr, "sorrel-server: %.*s\n", (int)why.len, why.ptr);
    } else {
        signals.stop = on_stop_signal;
        signals.ctx = s;
        code = serve(s, &signals);
        crash_ignore();
        server_free(s);
    }
    buf_fini(&why);
    return code;
}

int
main(int argc, char **argv)
{
    struct log_target log;
    struct title title;
    const char *file;

    tzset();
    if (argc == 2 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-v") == 0))
        return version();
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return usage(stdout);
    if (argc == 2 && strcmp(argv[1], "--dump-commands") == 0) { /* for `make docs` */
        dump_commands();
        return 0;
    }
    struct config *config = read_configuration(argc, argv, &file);
    if (config == NULL)
        return 1;
    process_hide_secrets(argc, argv);
    mem_thread_attach();
    title_init(&title, argv);
    set_up_log(config, &log);
    tuning_huge_pages(config);
    if (config_on(config, CFG_DAEMONIZE) && !daemonize()) {
        fprintf(stderr, "sorrel-server: can't go into the background: %m\n");
        config_free(config);
        return 1;
    }
    int code = start(config, file, &log, &title);
    title_fini(&title);
    log_to(NULL);
    return code;
}
