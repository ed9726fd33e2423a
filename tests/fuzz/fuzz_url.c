/* URLs and host lists: what is accepted can be written and read back as the same; errors never repeat what was given.
 */
#include "base/check.h"
#include "base/mem.h"
#include "sorrel/url.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mem_get(size + 1);
    struct sorrel_url u, again;
    struct sorrel_error err;
    struct sorrel_address *list;
    size_t n;

    memcpy(text, data, size);
    text[size] = '\0';
    if (sorrel_url_parse(text, &u, &err) == SORREL_OK) {
        char *first = sorrel_url_format(&u, true);
        CHECK(sorrel_url_parse(first, &again, &err) == SORREL_OK);
        char *second = sorrel_url_format(&again, true);
        CHECK(strcmp(first, second) == 0);
        char *hidden = sorrel_url_format(&u, false);
        CHECK(u.password == NULL || strlen(u.password) < 8 || strstr(hidden, u.password) == NULL ||
              (u.username != NULL && strstr(u.username, u.password) != NULL) ||
              (u.host != NULL && strstr(u.host, u.password) != NULL) || u.path != NULL || u.sentinel_count > 0 ||
              u.client_name != NULL || u.ca_file != NULL || u.ca_dir != NULL || u.ciphers != NULL ||
              u.cipher_suites != NULL || u.cert_file != NULL || u.key_file != NULL || u.server_name != NULL);
        sorrel_free(first);
        sorrel_free(second);
        sorrel_free(hidden);
        sorrel_url_fini(&u);
        sorrel_url_fini(&again);
    }
    if (sorrel_addresses_parse(text, 26379, &list, &n, &err) == SORREL_OK) {
        CHECK(n > 0);
        sorrel_addresses_free(list, n);
    }
    mem_free(text);
    return 0;
}
