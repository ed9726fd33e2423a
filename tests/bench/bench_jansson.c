/* tests/bench/bench_jansson.c - what jansson's tree of the text on standard input takes.
 *
 *   gcc -O2 -o bench_jansson tests/bench/bench_jansson.c -ljansson
 */
#include <jansson.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

static size_t held;

static void *
counted(size_t n)
{
    void *p = malloc(n);

    held += malloc_usable_size(p) + sizeof(size_t); /* with the allocator's own word */
    return p;
}

static void
uncounted(void *p)
{
    if (p != NULL)
        held -= malloc_usable_size(p) + sizeof(size_t);
    free(p);
}

int
main(void)
{
    json_set_alloc_funcs(counted, uncounted);
    json_t *tree = json_loadf(stdin, 0, NULL);

    if (tree == NULL)
        return 1;
    printf("jansson: %zu bytes\n", held);
    json_decref(tree);
    return 0;
}
