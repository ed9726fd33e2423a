/* server/title.h - the title that ps shows for the server (set-proc-title, proc-title-template).
 *
 * It takes the place of the program's arguments and environment, which lie one behind the other in memory; the
 * environment is copied elsewhere first.
 */
#ifndef SORREL_SERVER_TITLE_H
#define SORREL_SERVER_TITLE_H

#include "server/config.h"

#include <stdbool.h>
#include <stddef.h>

struct title {
    char *at; /* NULL: there is no place for one */
    size_t room;
    char *program; /* argv[0]; owned */
};

/* Whether every brace in a template begins a variable that there is. */
bool title_valid(struct slice text);
/* From here on title_show() overwrites argv and what it points to. Before any thread starts. */
void title_init(struct title *t, char **argv);
void title_fini(struct title *t);
/* Fills the template in and shows it, cut where there is no more room. */
void title_show(const struct title *t, const struct config *c, const char *config_path);

#endif
