/* ds/hll.h - HyperLogLog sketches, in the bytes that Redis keeps them in.
 *
 * A sketch is a string: "HYLL", one byte for the encoding, three zeros, eight bytes with the last cardinality (little
 * endian, its highest bit set when it is out of date), then 16,384 registers of six bits. Dense: 12,288 bytes, lowest
 * bits first. Sparse: runs. 00xxxxxx is x+1 zeros; 01xxxxxx yyyyyyyy is xy+1 zeros; 1vvvvvxx is x+1 registers of value
 * v+1.
 *
 * Strings come from anywhere, so one is looked at as a whole by hll_valid() before any other function may be used on
 * it. The hash is MurmurHash64A (Appleby, public domain), the estimate that of Ertl ("New cardinality estimation
 * algorithms for HyperLogLog sketches", 2017).
 */
#ifndef SORREL_DS_HLL_H
#define SORREL_DS_HLL_H

#include "base/buf.h"

enum { HLL_REGISTERS = 16384, HLL_HEADER_BYTES = 16, HLL_DENSE_BYTES = HLL_HEADER_BYTES + HLL_REGISTERS * 6 / 8 };

/* Begins like a sketch and has a length that one may have. */
bool hll_looks_right(struct slice s);
/* Is one: sparse runs cover all registers and nothing else. Only after hll_looks_right(). */
bool hll_valid(struct slice s);
bool hll_is_dense(struct slice s);

/* A run of a sparse sketch: where it and the one before it begin (for the first: itself), in bytes behind the header,
 * and its first register. All zero: the first. */
struct hll_place {
    uint32_t at, previous, first;
};
/* The same as hll_valid(), and a run at or before that of the register, so that it need not be looked for from the
 * front a second time. */
bool hll_valid_near(struct slice s, uint32_t index, struct hll_place *near);
/* Replaces the buffer's content by the empty sketch. */
void hll_empty(struct buf *sketch);
void hll_to_dense(struct buf *sketch);

/* Which register an element goes to, and with what value. */
struct hll_item {
    uint32_t index;
    uint8_t value;
};
struct hll_item hll_item_of(struct slice element);
uint8_t hll_get(struct slice sketch, uint32_t index);
/* Raises a register of a dense sketch in place; false if it was as high already. */
bool hll_dense_raise(char *sketch, struct hll_item item);
/* The same for any sketch; a sparse one that grows beyond sparse_max bytes, or a value above 32, makes it dense. */
bool hll_raise(struct buf *sketch, struct hll_item item, size_t sparse_max);
/* As long as the sketch is as it was when `near` was found. */
bool hll_raise_near(struct buf *sketch, struct hll_item item, size_t sparse_max, struct hll_place near);

/* Raises each of the HLL_REGISTERS registers to the sketch's. */
void hll_merge(uint8_t *registers, struct slice sketch);
uint64_t hll_count_registers(const uint8_t *registers);
uint64_t hll_count(struct slice sketch);

/* The cardinality kept in the header; false when it is out of date. */
bool hll_cached(struct slice sketch, uint64_t *count);
void hll_cache(char *sketch, uint64_t count);
void hll_cache_drop(char *sketch);

/* Appends the runs of a sparse sketch as PFDEBUG DECODE prints them. */
void hll_runs_text(struct slice sketch, struct buf *out);

#endif
