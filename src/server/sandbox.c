/* server/sandbox.c - Landlock rules from the configuration.
 *
 * The numbers are those of the kernel's interface (linux/landlock.h); they stand here because headers as old as Debian
 * 12's lack the later ones. What a kernel does not know yet is left out, but for the files, without which there is no
 * sandbox at all.
 */
#include "server/sandbox.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SYS_CREATE_RULESET = 444, SYS_ADD_RULE = 445, SYS_RESTRICT_SELF = 446, VERSION_FLAG = 1 };
enum { RULE_PATH = 1, RULE_PORT = 2, BIND_TCP = 1, SCOPE_SIGNAL = 2 };
enum { ABI_REFER = 2, ABI_TRUNCATE = 3, ABI_NET = 4, ABI_IOCTL = 5, ABI_SCOPE = 6, CLUSTER_PORT = 10000 };

enum right {
    EXECUTE = 1 << 0,
    WRITE_FILE = 1 << 1,
    READ_FILE = 1 << 2,
    READ_DIR = 1 << 3,
    REMOVE_DIR = 1 << 4,
    REMOVE_FILE = 1 << 5,
    MAKE_CHAR = 1 << 6,
    MAKE_DIR = 1 << 7,
    MAKE_REG = 1 << 8,
    MAKE_SOCK = 1 << 9,
    MAKE_FIFO = 1 << 10,
    MAKE_BLOCK = 1 << 11,
    MAKE_SYM = 1 << 12,
    REFER = 1 << 13,
    TRUNCATE = 1 << 14,
    IOCTL_DEV = 1 << 15,

    ON_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV,
    LOOK = READ_FILE | READ_DIR,
    /* To replace a file by a new one beside it, and sync the folder. */
    REPLACE = LOOK | WRITE_FILE | TRUNCATE | MAKE_REG | REMOVE_FILE,
    OWN = REPLACE | MAKE_DIR | REMOVE_DIR | MAKE_SOCK | REFER,
};

struct ruleset_attr {
    uint64_t fs, net, scoped;
};
struct path_rule {
    uint64_t rights;
    int32_t fd;
} __attribute__((packed));
struct port_rule {
    uint64_t rights, port;
};

struct sandbox {
    int fd;
    uint64_t handled; /* what the kernel knows of enum right */
    struct buf *why;
};

static bool
fail(struct sandbox *b, const char *what, const char *object)
{
    buf_printf(b->why, "%s%s: %m", what, object);
    return false;
}

/* A place that is not there needs no permission. */
static bool
allow(struct sandbox *b, const char *path, unsigned rights)
{
    struct stat st;
    int fd = open(path, O_PATH | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == EACCES || fail(b, "can't open ", path);
    bool ok = fstat(fd, &st) == 0;
    struct path_rule rule = {rights & b->handled & (ok && !S_ISDIR(st.st_mode) ? (uint64_t)ON_FILES : UINT64_MAX), fd};
    ok = ok && (rule.rights == 0 || syscall(SYS_ADD_RULE, b->fd, RULE_PATH, &rule, 0) == 0);
    if (!ok)
        fail(b, "can't allow ", path);
    close(fd);
    return ok;
}

/* The folder that a file is, or will be, in. */
static bool
allow_around(struct sandbox *b, struct slice file, unsigned rights)
{
    char folder[PATH_MAX] = ".";

    if (file.len == 0)
        return true;
    const char *slash = memrchr(file.ptr, '/', file.len);
    if (slash != NULL) {
        size_t n = slash == file.ptr ? 1 : (size_t)(slash - file.ptr);
        if (n >= sizeof(folder))
            return true; /* nobody can open that either */
        memcpy(folder, file.ptr, n);
        folder[n] = '\0';
    }
    return allow(b, folder, rights);
}

static bool
allow_system(struct sandbox *b)
{
    /* Libraries, time zones, host names, certificates of others, what the kernel says of us. Nothing can be started. */
    /* clang-format off */
    static const char *const looked_at[] = {"/usr", "/lib", "/lib64", "/etc", "/proc", "/sys/kernel/mm", "/sys/devices/system",
                                            "/run/systemd/resolve", "/dev/urandom", "/dev/random"};
    /* clang-format on */

    for (size_t i = 0; i < sizeof(looked_at) / sizeof(looked_at[0]); i++)
        if (!allow(b, looked_at[i], LOOK))
            return false;
    return allow(b, "/dev/null", READ_FILE | WRITE_FILE);
}

static bool
allow_configured(struct sandbox *b, const struct config *c, const char *config_path)
{
    static const enum config_id read[] = {CFG_TLS_CERT_FILE,       CFG_TLS_KEY_FILE,     CFG_TLS_CLIENT_CERT_FILE,
                                          CFG_TLS_CLIENT_KEY_FILE, CFG_TLS_CA_CERT_FILE, CFG_TLS_DH_PARAMS_FILE};
    struct slice dir = config_text(c, CFG_DIR), ca_dir = config_text(c, CFG_TLS_CA_CERT_DIR);
    bool ok = allow(b, dir.ptr, OWN) && allow_around(b, config_text(c, CFG_LOGFILE), WRITE_FILE | MAKE_REG) &&
              allow_around(b, config_text(c, CFG_PIDFILE), REPLACE) &&
              allow_around(b, config_text(c, CFG_UNIXSOCKET), MAKE_SOCK | REMOVE_FILE) &&
              allow_around(b, config_text(c, CFG_ACLFILE), REPLACE) &&
              allow_around(b, slice_cstr(config_path), REPLACE) && (ca_dir.len == 0 || allow(b, ca_dir.ptr, LOOK));

    for (size_t i = 0; ok && i < sizeof(read) / sizeof(read[0]); i++)
        ok = allow_around(b, config_text(c, read[i]), READ_FILE);
    return ok;
}

static bool
allow_port(struct sandbox *b, int64_t port)
{
    struct port_rule rule = {BIND_TCP, (uint64_t)port};

    return port <= 0 || port > UINT16_MAX || syscall(SYS_ADD_RULE, b->fd, RULE_PORT, &rule, 0) == 0 ||
           fail(b, "can't allow the port", "");
}

static bool
allow_ports(struct sandbox *b, const struct config *c)
{
    int64_t port = config_num(c, CFG_PORT), tls = config_num(c, CFG_TLS_PORT);

    return allow_port(b, port) && allow_port(b, tls) && allow_port(b, port > 0 ? port + CLUSTER_PORT : 0) &&
           allow_port(b, tls > 0 ? tls + CLUSTER_PORT : 0);
}

bool
sandbox_enter(const struct config *c, const char *config_path, struct buf *why)
{
    struct sandbox b = {.why = why};
    long abi = syscall(SYS_CREATE_RULESET, NULL, 0, VERSION_FLAG);

    if (abi < 1)
        return fail(&b, "this kernel has no Landlock, or does not use it", "");
    b.handled = (uint64_t)(MAKE_SYM * 2 - 1) | (abi >= ABI_REFER ? (uint64_t)REFER : 0) |
                (abi >= ABI_TRUNCATE ? (uint64_t)TRUNCATE : 0) | (abi >= ABI_IOCTL ? (uint64_t)IOCTL_DEV : 0);
    struct ruleset_attr attr = {b.handled, abi >= ABI_NET ? BIND_TCP : 0, abi >= ABI_SCOPE ? SCOPE_SIGNAL : 0};
    b.fd = (int)syscall(SYS_CREATE_RULESET, &attr, sizeof(attr), 0);
    if (b.fd < 0 && (errno == E2BIG || errno == EINVAL)) /* an old kernel knows a shorter structure */
        b.fd = (int)syscall(SYS_CREATE_RULESET, &attr, abi >= ABI_NET ? 2 * sizeof(uint64_t) : sizeof(uint64_t), 0);
    if (b.fd < 0)
        return fail(&b, "can't make a set of rules", "");
    bool ok = allow_system(&b) && allow_configured(&b, c, config_path) && (abi < ABI_NET || allow_ports(&b, c));
    if (ok && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || syscall(SYS_RESTRICT_SELF, b.fd, 0) != 0))
        ok = fail(&b, "can't enter", "");
    close(b.fd);
    if (ok)
        log_notice("Confined by Landlock (version %ld) to %s and the configured files%s", abi,
                   config_text(c, CFG_DIR).ptr, abi >= ABI_NET ? " and ports" : "");
    return ok;
}
