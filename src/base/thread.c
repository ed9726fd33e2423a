/* base/thread.c - see thread.h. A thread begins with its maker's mask, which is why that one changes for a moment. */
#include "base/thread.h"

#include <signal.h>

bool
thread_begin(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *arg), void *arg)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(thread, attr, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error == 0;
}
