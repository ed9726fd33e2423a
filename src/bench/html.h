/* bench/html.h - results as one page that needs nothing else: plots as inline SVG, no scripts, nothing fetched. */
#ifndef SORREL_BENCH_HTML_H
#define SORREL_BENCH_HTML_H

#include "bench/report.h"

struct html_page;

/* NULL, having said why on standard error, if the file cannot be written. */
struct html_page *html_open(const struct options *o, const char *path);
/* Adds the plots of a test that ran with a timeline. */
void html_add(struct html_page *page, const struct outcome *r);
/* Ends the page. False if not everything could be written. */
bool html_close(struct html_page *page);

#endif
