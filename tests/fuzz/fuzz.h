/* fuzz.h - what the fuzz targets share. */
#ifndef FM_TESTS_FUZZ_H
#define FM_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

/* The first byte of an input says how to use the rest, the file. */
#define FUZZ_KEEP_CHECKSUM 1u /* else it is put right: only then are the checks behind it reached */
#define FUZZ_MISALIGN 2u      /* the file is at an odd address */

/* A copy of the file that an input holds, in a block of its exact size, so that a sanitizer sees every read
   beyond it. *file is to be read, *block to be freed. Returns 0, or -1 if there is nothing to do. */
int fuzz_file(const uint8_t *input, size_t size, void **block, void **file, size_t *n_bytes);

#endif
