/* rng.h - counter-based noise: a number is a pure function of (seed, stream, row, column). Philox4x32-10
   (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), from Random123. */
#ifndef FMI_RNG_H
#define FMI_RNG_H

#include "core/core.h"

/* Streams keep uses of one seed apart. Values are frozen: they are part of "same seed, same samples". */
#define FMI_STREAM_PRIOR 1u
#define FMI_STREAM_TIME 2u
#define FMI_STREAM_DROPOUT 3u
#define FMI_STREAM_INIT 4u
#define FMI_STREAM_SHUFFLE 5u
#define FMI_STREAM_PATH 6u
#define FMI_STREAM_ROWS 7u
#define FMI_STREAM_UNITS 8u
#define FMI_STREAM_PAIRS 9u
#define FMI_STREAM_PROBE 10u
#define FMI_STREAM_DIFFUSION 11u
#define FMI_STREAM_EVAL 32u

/* Four words for block `block` of `row`. */
void fmi_rng_words(uint64_t seed, uint32_t stream, uint64_t row, uint32_t block, uint32_t out[4]);
/* Words 0 .. n of a row: out [n]. */
void fmi_rng_row(uint64_t seed, uint32_t stream, uint64_t row, size_t n, uint32_t *out);
/* The n words from block `block` on. */
void fmi_rng_row_from(uint64_t seed, uint32_t stream, uint64_t row, uint32_t block, size_t n, uint32_t *out);
/* In (0, 1), never 0 or 1: 53 bits. */
double fmi_rng_uniform(uint64_t seed, uint32_t stream, uint64_t row, uint32_t block);
/* In 0 .. bound - 1, without bias beyond 2^-64 * bound. */
uint64_t fmi_rng_below(uint64_t seed, uint32_t stream, uint64_t row, uint32_t block, uint64_t bound);
/* Row i of epoch `epoch` of a shuffled table of n rows: a permutation of 0 .. n - 1 without a table
   (balanced Feistel network with cycle walking). */
uint64_t fmi_rng_shuffled(uint64_t seed, uint64_t epoch, uint64_t n, uint64_t i);
#endif
