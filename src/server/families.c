/* server/families.c - the command tables of a server. */
#include "server/families.h"

#include "base/mem.h"
#include "cmd/families.h"

/* As in cmd/families.c: tables live beside their handlers. */
#define FAMILIES(X)           \
    X(cmd_config_family)      \
    X(cmd_info_family)        \
    X(cmd_persist_family)     \
    X(cmd_persist_aof_family) \
    X(store_dump_family)      \
    X(repl_family)            \
    X(repl_wait_family)       \
    X(repl_migrate_family)

#define DECLARE(name) extern const struct cmd name[];
FAMILIES(DECLARE)
#undef DECLARE

const struct cmd **
server_families(void)
{
    static const struct cmd *const own[] = {
#define LIST(name) name,
        FAMILIES(LIST)
#undef LIST
    };
    enum { OWN = sizeof(own) / sizeof(own[0]) };
    size_t n = 0;

    while (cmd_families[n] != NULL)
        n++;
    const struct cmd **all = mem_get_array(n + OWN + 1, sizeof(struct cmd *));
    memcpy(all, cmd_families, n * sizeof(struct cmd *));
    memcpy(all + n, own, sizeof(own));
    all[n + OWN] = NULL;
    return all;
}
