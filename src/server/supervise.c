/* server/supervise.c - systemd's readiness protocol. */
#include "server/supervise.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

bool
supervise_wanted(const struct config *c)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct buf how = {0};

    config_format(c, CFG_SUPERVISED, &how);
    bool yes = slice_eq(buf_slice(&how), LIT("systemd")) || slice_eq(buf_slice(&how), LIT("auto"));
    buf_fini(&how);
    return yes && path != NULL && (path[0] == '/' || path[0] == '@') && path[1] != '\0';
}

void
supervise_tell(const struct config *c, const char *lines)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");

    if (!supervise_wanted(c) || strlen(path) >= sizeof(to.sun_path))
        return;
    size_t len = strlen(path);
    memcpy(to.sun_path, path, len);
    if (to.sun_path[0] == '@') /* a name that is in no file system */
        to.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (sendto(fd, lines, strlen(lines), MSG_NOSIGNAL, (const struct sockaddr *)&to,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
        log_warning("Can't tell systemd: errno %d", errno);
    close(fd);
}
