/* bench/options.h - the command line of sorrel-benchmark, and what comes of it for a whole run. */
#ifndef SORREL_BENCH_OPTIONS_H
#define SORREL_BENCH_OPTIONS_H

#include "bench/load.h"
#include "bench/sizes.h"

struct html_page;

enum report { REPORT_FULL, REPORT_QUIET, REPORT_CSV, REPORT_JSON };

struct options {
    struct sorrel_url url, other; /* other: --compare */
    bool compare, cluster, idle, forever, error_exit, stdin_last, help, version;
    struct load_nodes nodes; /* --cluster */
    struct load load;        /* without url and commands */
    struct value_sizes sizes;
    enum report report;
    int precision, rounds;
    const char *tests;      /* -t; NULL: all */
    const char *html;       /* --html; NULL: not asked for */
    struct html_page *page; /* while tests run with it */
    const char *data;       /* as many bytes as the longest value has */
    int64_t gets, sets;     /* --ratio; both 0: not asked for */
    char **argv;            /* a command of one's own */
    int argc;
};

/* Fills *o or says on standard error what is wrong. The caller calls options_fini(). */
bool options_parse(struct options *o, int argc, char **argv);
void options_fini(struct options *o);
void options_print_help(void);

#endif
