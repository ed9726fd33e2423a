/* base/check.h - assertions for our own mistakes, never for a client's.
 *
 * CHECK stays on in production: it reports where it failed and aborts. DEBUG_VERIFY walks a whole structure and exists
 * only in debug and fuzz builds (-DSORREL_VERIFY). Neither may have side effects.
 */
#ifndef SORREL_BASE_CHECK_H
#define SORREL_BASE_CHECK_H

#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

_Noreturn void check_failed(const char *file, int line, const char *what);

#define CHECK(cond) (LIKELY(cond) ? (void)0 : check_failed(__FILE__, __LINE__, #cond))

#ifdef SORREL_VERIFY
#define DEBUG_VERIFY(call) ((call) ? (void)0 : check_failed(__FILE__, __LINE__, #call))
#else
#define DEBUG_VERIFY(call) ((void)0)
#endif

#endif
