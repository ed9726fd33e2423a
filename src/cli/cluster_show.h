/* cli/cluster_show.h - what --cluster says: nodes, the checks of a cluster, questions. For cluster_*.c.
 *
 * The texts are redis-cli's, which people's scripts read. */
#ifndef SORREL_CLI_CLUSTER_SHOW_H
#define SORREL_CLI_CLUSTER_SHOW_H

#include "cli/cluster.h"

enum tone { TONE_PLAIN, TONE_STEP, TONE_GOOD, TONE_WARNING, TONE_BAD };

/* printf in a colour, on a terminal. */
void cluster_say(enum tone tone, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* True if the answer on standard input is "yes", or --cluster-yes has given it. */
bool cluster_confirm(const struct options *o, const char *question);
/* A line of standard input without its end, in `line`. False at its end. */
bool cluster_prompt(const char *question, char *line, size_t cap);

void cluster_show_node(const struct cluster_node *n, const char *indent);
void cluster_show_summary(const struct cluster *c);
/* "[0-5],[7]": the slots for which `marks` is `mark`. */
void cluster_show_slots(const uint8_t *marks, uint8_t mark);

/* The parts of a check. Each says what it looks at and what it finds, and returns true if all is well. */
bool cluster_check_views(const struct cluster *c, bool with_nodes);
bool cluster_check_open(const struct cluster *c, bool *open); /* open[slot]: it is on its way somewhere */
bool cluster_check_coverage(const struct cluster *c);
bool cluster_check_owners(const struct cluster *c, bool *doubled); /* doubled[slot]: it has several owners */
/* All of them; the last if it was asked for. */
bool cluster_check(const struct cluster *c, const struct options *o, bool with_nodes);

#endif
