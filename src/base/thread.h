/* base/thread.h - threads in a process whose signals are others' affair. */
#ifndef SORREL_BASE_THREAD_H
#define SORREL_BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>

/* Begins a thread in which no signal is handled: the program's handlers run in its own threads. As pthread_create();
 * attr may be NULL. False: there is no room for one. Safe in any thread. */
bool thread_begin(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *arg), void *arg);

#endif
