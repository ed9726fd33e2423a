/* Preloaded into a server: names that end with .example take NAME_DELAY_MS to be found. They are 127.0.0.1, and
 * several.example is first of all 127.0.0.2, where nobody listens. */
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int resolver(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **res)
{
    resolver *real = (resolver *)dlsym(RTLD_NEXT, "getaddrinfo");
    const char *end = node != NULL ? strrchr(node, '.') : NULL, *delay = getenv("NAME_DELAY_MS");
    struct addrinfo *first = NULL;

    if (end == NULL || strcmp(end, ".example") != 0 || (hints != NULL && (hints->ai_flags & AI_NUMERICHOST)))
        return real(node, service, hints, res);
    usleep(delay != NULL ? (useconds_t)atoi(delay) * 1000 : 0);
    if (strcmp(node, "several.example") == 0 && real("127.0.0.2", service, hints, &first) != 0)
        return EAI_FAIL;
    int rc = real("127.0.0.1", service, hints, res);
    if (rc == 0 && first != NULL) {
        first->ai_next = *res;
        *res = first;
    }
    return rc;
}
