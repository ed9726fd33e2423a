/* bench/html.c - the page of --html. A plot is 720 by 240 units with room for the axes at the left and below. */
#include "bench/html.h"

#include "base/mem.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

enum { PLOT_LEFT = 64, PLOT_TOP = 12, PLOT_WIDTH = 640, PLOT_HEIGHT = 190, GRID_LINES = 4, CURVE_POINTS = 200 };

struct html_page {
    FILE *file;
    const struct options *options;
};

/* One line of a plot: y of each point, x evenly from 0. */
struct curve {
    const char *name, *colour;
    double y[MOMENTS_MAX];
};

static void
put_text(FILE *f, const char *s)
{
    for (; *s != '\0'; s++) {
        switch (*s) {
        case '<': fputs("&lt;", f); break;
        case '>': fputs("&gt;", f); break;
        case '&': fputs("&amp;", f); break;
        case '"': fputs("&quot;", f); break;
        default: putc(*s, f);
        }
    }
}

struct html_page *
html_open(const struct options *o, const char *path)
{
    FILE *f = fopen(path, "w");

    if (f == NULL) {
        fprintf(stderr, "--html: can't write %s: %s\n", path, strerror(errno));
        return NULL;
    }
    struct html_page *page = mem_get(sizeof(*page));
    *page = (struct html_page){f, o};
    fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>sorrel-benchmark</title>\n<style>\n"
          "body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 760px; color: #222; background: "
          "#fff }\n"
          "h2 { margin: 2em 0 .2em } p { margin: .2em 0 } svg { width: 100%; height: auto }\n"
          "table { border-collapse: collapse } td, th { padding: .1em .9em .1em 0; text-align: right; font-weight: "
          "normal }\n"
          "th { color: #666 } text { font-size: 11px; fill: #666 } .grid { stroke: #ddd } figcaption { color: #666 }\n"
          "figure { margin: 1em 0 }\n"
          "@media (prefers-color-scheme: dark) { body { color: #ddd; background: #181818 } .grid { stroke: #333 } }\n"
          "</style></head><body>\n<h1>sorrel-benchmark</h1>\n",
          f);
    fprintf(f, "<p>%d connections, %d thread%s, pipeline %d, ", o->load.connections, o->load.threads,
            o->load.threads == 1 ? "" : "s", o->load.pipeline);
    put_text(f, o->sizes.text);
    fputs(" bytes payload", f);
    if (o->load.rate > 0)
        fprintf(f, ", %.0f requests a second wanted", o->load.rate);
    fputs("</p>\n", f);
    return page;
}

/* The next of 1, 2, 5, 10, 20, ... that is not below v. */
static double
round_up(double v)
{
    double step = pow(10, floor(log10(v > 0 ? v : 1)));

    for (int i = 0; i < 4; i++) {
        static const double parts[] = {1, 2, 5, 10};
        if (v <= parts[i] * step)
            return parts[i] * step;
    }
    return v;
}

static double
highest(const struct curve *curves, int curve_count, int points)
{
    double top = 0;

    for (int c = 0; c < curve_count; c++)
        for (int i = 0; i < points; i++)
            top = curves[c].y[i] > top ? curves[c].y[i] : top;
    return round_up(top);
}

/* A place on the x axis, from 0 to 1. */
struct tick {
    double at;
    const char *label;
};

static void
put_axes(FILE *f, double top, const struct tick *ticks, size_t tick_count)
{
    for (int i = 0; i <= GRID_LINES; i++) {
        double y = PLOT_TOP + PLOT_HEIGHT - (double)PLOT_HEIGHT * i / GRID_LINES;
        fprintf(f,
                "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/><text x=\"%d\" y=\"%.1f\" "
                "text-anchor=\"end\">%.6g</text>\n",
                PLOT_LEFT, PLOT_LEFT + PLOT_WIDTH, y, y, PLOT_LEFT - 6, y + 4, top * i / GRID_LINES);
    }
    for (size_t i = 0; i < tick_count; i++) {
        double x = PLOT_LEFT + PLOT_WIDTH * ticks[i].at;
        bool inside = ticks[i].at > 0 && ticks[i].at < 1;
        if (inside)
            fprintf(f, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>", x, x, PLOT_TOP,
                    PLOT_TOP + PLOT_HEIGHT);
        fprintf(f, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">%s</text>\n", x, PLOT_TOP + PLOT_HEIGHT + 16,
                inside            ? "middle"
                : ticks[i].at > 0 ? "end"
                                  : "start",
                ticks[i].label);
    }
}

static void
put_plot(FILE *f, const char *caption, const struct curve *curves, int curve_count, int points,
         const struct tick *ticks, size_t tick_count)
{
    double top = highest(curves, curve_count, points);

    fprintf(f, "<figure><figcaption>%s", caption);
    for (int c = 0; c < curve_count && curve_count > 1; c++)
        fprintf(f, "%s<b style=\"color:%s\">%s</b>", c > 0 ? ", " : ": ", curves[c].colour, curves[c].name);
    fprintf(f, "</figcaption>\n<svg viewBox=\"0 0 720 230\" role=\"img\" aria-label=\"%s\">\n", caption);
    put_axes(f, top, ticks, tick_count);
    for (int c = 0; c < curve_count; c++) {
        fprintf(f, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\" points=\"", curves[c].colour);
        for (int i = 0; i < points; i++)
            fprintf(f, "%.1f,%.1f ", PLOT_LEFT + (points > 1 ? (double)PLOT_WIDTH * i / (points - 1) : 0),
                    PLOT_TOP + PLOT_HEIGHT * (1 - curves[c].y[i] / top));
        fputs("\"/>\n", f);
    }
    fputs("</svg></figure>\n", f);
}

static void
put_summary(FILE *f, const struct outcome *o)
{
    static const double percents[] = {50, 90, 99, 99.9, 99.99};
    const struct load_result *r = &o->result;

    fputs("<h2>", f);
    put_text(f, o->title);
    fputs("</h2>\n<table><tr><th>requests</th><th>a second</th>", f);
    for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++)
        fprintf(f, "<th>p%g ms</th>", percents[i]);
    fputs("<th>most ms</th><th>server CPU us</th></tr>\n", f);
    fprintf(f, "<tr><td>%llu</td><td>%.0f</td>", (unsigned long long)r->requests,
            r->seconds > 0 ? (double)r->requests / r->seconds : 0);
    for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++)
        fprintf(f, "<td>%.3f</td>", (double)histogram_percentile(&r->latency, percents[i]) / 1e6);
    fprintf(f, "<td>%.3f</td>", (double)r->latency.max / 1e6);
    if (o->server_cpu_us >= 0)
        fprintf(f, "<td>%.3f</td>", o->server_cpu_us);
    else
        fputs("<td>not known</td>", f);
    fputs("</tr></table>\n", f);
}

/* The last moment is rarely whole, so its throughput would look like a fall. */
static int
whole_moments(const struct timeline *t)
{
    return t->count > 1 ? t->count - 1 : t->count;
}

static void
put_over_time(FILE *f, const struct timeline *t, struct curve *curves)
{
    static const double percents[] = {50, 99, 100};
    int points = whole_moments(t);
    double moment_s = (double)t->moment_ns / 1e9;
    char end[32];

    snprintf(end, sizeof(end), "%.1f s", moment_s * points);
    const struct tick ticks[] = {{0, "0 s"}, {1, end}};
    curves[0] = (struct curve){.name = "requests", .colour = "#2a6fdb"};
    for (int i = 0; i < points; i++)
        curves[0].y[i] = (double)t->moments[i].requests / moment_s;
    put_plot(f, "Requests a second over time", curves, 1, points, ticks, 2);
    static const char *const names[] = {"p50", "p99", "most"}, *const colours[] = {"#2a9d5c", "#d98a00", "#d04040"};
    for (int c = 0; c < 3; c++) {
        curves[c] = (struct curve){.name = names[c], .colour = colours[c]};
        for (int i = 0; i < points; i++)
            curves[c].y[i] = (double)timeline_percentile(t, i, percents[c]) / 1e6;
    }
    put_plot(f, "Latency in ms over time", curves, 3, points, ticks, 2);
}

/* From the median to p99.99: as much of the axis for each further nine. */
static void
put_percentiles(FILE *f, const struct histogram *h, struct curve *curves)
{
    const double width = log(5000); /* from 50 per cent above to 0.01 */
    const struct tick ticks[] = {
        {0, "p50"}, {log(5) / width, "p90"}, {log(50) / width, "p99"}, {log(500) / width, "p99.9"}, {1, "p99.99"}};

    curves[0] = (struct curve){.name = "latency", .colour = "#7a4fd0"};
    for (int i = 0; i < CURVE_POINTS; i++) {
        double above = 50 * pow(5000, -(double)i / (CURVE_POINTS - 1)); /* percent of all: 50 to 0.01 */
        curves[0].y[i] = (double)histogram_percentile(h, 100 - above) / 1e6;
    }
    put_plot(f, "Latency in ms by percentile", curves, 1, CURVE_POINTS, ticks, sizeof(ticks) / sizeof(ticks[0]));
}

void
html_add(struct html_page *page, const struct outcome *r)
{
    struct curve *curves = mem_get_array(3, sizeof(*curves));

    put_summary(page->file, r);
    if (r->result.timeline.count > 0)
        put_over_time(page->file, &r->result.timeline, curves);
    if (r->result.latency.count > 0)
        put_percentiles(page->file, &r->result.latency, curves);
    mem_free(curves);
}

bool
html_close(struct html_page *page)
{
    fputs("</body></html>\n", page->file);
    bool ok = ferror(page->file) == 0;
    ok &= fclose(page->file) == 0;
    if (!ok)
        fprintf(stderr, "--html: the page could not be written whole.\n");
    mem_free(page);
    return ok;
}
