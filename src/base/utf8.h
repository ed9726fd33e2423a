/* base/utf8.h - where a UTF-8 sequence ends, if it is one. */
#ifndef SORREL_BASE_UTF8_H
#define SORREL_BASE_UTF8_H

/* The length of the well-formed sequence at p (p < end), 1 to 4; 0 if there is none. */
unsigned utf8_length(const unsigned char *p, const unsigned char *end);

#endif
