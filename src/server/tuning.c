/* server/tuning.c - prctl() and /proc/self/oom_score_adj. */
#include "server/tuning.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/number.h"
#include "proto/words.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static const char score_file[] = "/proc/self/oom_score_adj";
enum { SCORE_MAX = 1000 };
/* The choices of oom-score-adj, in the order of its row; "yes" is another word for relative. */
enum { SCORE_NO, SCORE_YES, SCORE_RELATIVE, SCORE_ABSOLUTE };

void
tuning_huge_pages(const struct config *c)
{
    if (config_on(c, CFG_DISABLE_THP) && prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0)
        log_warning("Can't switch huge pages off for this process (disable-thp): %m");
}

static bool
read_score(int64_t *score)
{
    char text[INT64_TEXT_MAX + 1];
    int fd = open(score_file, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

    if (fd >= 0)
        close(fd);
    if (n > 0 && text[n - 1] == '\n')
        n--;
    return n > 0 && parse_int64(slice_of(text, (size_t)n), score);
}

static bool
write_score(int64_t score)
{
    char text[INT64_TEXT_MAX];
    size_t len = format_int64(text, score);
    int fd = open(score_file, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, text, len) == (ssize_t)len;
    int error = errno;

    if (fd >= 0)
        close(fd);
    errno = error;
    return ok;
}

/* The first of the directive's values is a primary's, the second a replica's; the third is for children, which we have
 * none of. */
static int64_t
score_given(const struct config *c, bool replica)
{
    struct slice_vec v = {0};
    int64_t score = 0;

    (void)words_split(config_text(c, CFG_OOM_SCORE_ADJ_VALUES), NULL, &v);
    if (v.n > (replica ? 1 : 0))
        (void)parse_int64(v.v[replica ? 1 : 0], &score); /* looked at when it was set */
    slice_vec_fini(&v);
    return score;
}

bool
tuning_oom_score(struct oom_score *o, const struct config *c, bool replica)
{
    int64_t mode = config_num(c, CFG_OOM_SCORE_ADJ), score = 0;

    if (mode == SCORE_NO && !o->ours)
        return true;
    if (!o->ours && !read_score(&o->was)) {
        log_warning("Can't read %s (oom-score-adj): %m", score_file);
        return false;
    }
    if (mode == SCORE_NO) {
        score = o->was;
    } else {
        score = score_given(c, replica) + (mode == SCORE_ABSOLUTE ? 0 : o->was);
        score = score > SCORE_MAX ? SCORE_MAX : score < -SCORE_MAX ? -SCORE_MAX : score;
    }
    if (!write_score(score)) {
        log_warning("Can't write %lld to %s (oom-score-adj): %m", (long long)score, score_file);
        return false;
    }
    o->ours = mode != SCORE_NO;
    return true;
}
