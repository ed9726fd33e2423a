/* server/dump_commands.h - docs/commands.md, made from the command rows. */
#ifndef SORREL_SERVER_DUMP_COMMANDS_H
#define SORREL_SERVER_DUMP_COMMANDS_H

/* Prints the page to standard output. */
void dump_commands(void);

#endif
