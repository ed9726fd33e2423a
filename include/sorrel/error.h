/* sorrel/error.h - how libsorrel says what went wrong.
 *
 * Functions that can fail return an enum sorrel_rc and, where they take one, fill a struct sorrel_error with a sentence
 * for people. Texts never contain a password. They are cut to the size of the array and always end in a NUL.
 *
 * Structs that a program fills or has filled begin all-zero ({0}, or designated initializers). Their last member,
 * `reserved`, stays zero: fields of later versions will take its place, so that programs go on working with a newer
 * library as long as it is libsorrel.so.0.
 */
#ifndef SORREL_ERROR_H
#define SORREL_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SORREL_API __attribute__((visibility("default")))
#else
#define SORREL_API
#endif

enum sorrel_rc {
    SORREL_OK = 0,
    SORREL_ERR_USAGE,    /* an argument, a URL or an environment variable is malformed */
    SORREL_ERR_CONNECT,  /* no connection could be made */
    SORREL_ERR_TIMEOUT,  /* a connect or socket time-out passed */
    SORREL_ERR_IO,       /* the connection broke while reading or writing */
    SORREL_ERR_CLOSED,   /* the server closed the connection */
    SORREL_ERR_PROTOCOL, /* the peer sent something that is not RESP */
    SORREL_ERR_AUTH,     /* the server refused the credentials */
    SORREL_ERR_SERVER,   /* the server answered with an error; the text is its line */
    SORREL_ERR_BUSY,     /* nothing free now: a full pool, a lock that is held, a limit that is reached */
    SORREL_ERR_LOST,     /* something held is held no more: a lock, a leadership */
};

struct sorrel_error {
    enum sorrel_rc code;
    int sys_errno; /* of the system call that failed, or 0 */
    char text[256];
};

/* A short name for a code ("timeout"). A literal; never NULL. Thread-safe. */
SORREL_API const char *sorrel_rc_name(enum sorrel_rc rc);

#ifdef __cplusplus
}
#endif

#endif
