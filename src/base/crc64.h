/* base/crc64.h - the checksum of snapshots and dumped values.
 *
 * CRC-64 with the polynomial of Jones, 0xad93d23594c935a9, bits reflected, starting at 0: "123456789" gives
 * 0xe9c6d914c4b8d9ca.
 */
#ifndef SORREL_BASE_CRC64_H
#define SORREL_BASE_CRC64_H

#include "base/slice.h"

/* Continues crc (0 at the start) over more bytes. */
uint64_t crc64(uint64_t crc, struct slice bytes);

#endif
