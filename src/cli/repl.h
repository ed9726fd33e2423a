/* cli/repl.h - commands line by line, from a terminal or a file. */
#ifndef SORREL_CLI_REPL_H
#define SORREL_CLI_REPL_H

#include "cli/session.h"

/* Runs until the end of input, exit or quit. Returns the program's exit status. */
int repl(struct session *s);

#endif
