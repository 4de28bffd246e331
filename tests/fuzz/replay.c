/* replay.c - runs a fuzz target where no fuzzer is installed.

     replay [-mutate N SEED] FILE-OR-FOLDER...

   gives the target every file, and N changed versions of each, the same ones for the same seed. Fails only
   if there is no input; what the target finds ends the program. */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct input {
  char *name;
  uint8_t *bytes;
  size_t size;
} input;

static input *inputs;
static size_t n_inputs;

static void *need(void *block) {
  if (block == NULL) {
    fputs("replay: out of memory\n", stderr);
    exit(2);
  }
  return block;
}

/* ---- the corpus --------------------------------------------------------------------------------- */

static void add_file(const char *name) {
  FILE *stream = fopen(name, "rb");
  if (stream == NULL) {
    fprintf(stderr, "replay: %s: %s\n", name, strerror(errno));
    exit(2);
  }
  inputs = need(realloc(inputs, (n_inputs + 1) * sizeof *inputs));
  input *in = &inputs[n_inputs++];
  *in = (input){.name = need(malloc(strlen(name) + 1))};
  strcpy(in->name, name);
  for (size_t capacity = 4096, n;; capacity *= 2) {
    in->bytes = need(realloc(in->bytes, capacity));
    in->size += n = fread(in->bytes + in->size, 1, capacity - in->size, stream);
    if (in->size < capacity) break;
  }
  fclose(stream);
}

static void add(const char *name) {
  struct stat info;
  if (stat(name, &info) != 0 || !S_ISDIR(info.st_mode)) {
    add_file(name);
    return;
  }
  DIR *folder = opendir(name);
  if (folder == NULL) {
    fprintf(stderr, "replay: %s: %s\n", name, strerror(errno));
    exit(2);
  }
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    size_t size = strlen(name) + strlen(entry->d_name) + 2;
    char *path = need(malloc(size));
    snprintf(path, size, "%s/%s", name, entry->d_name);
    add(path);
    free(path);
  }
  closedir(folder);
}

/* A folder lists its files in no order that two machines share. */
static int by_name(const void *a, const void *b) {
  return strcmp(((const input *)a)->name, ((const input *)b)->name);
}

/* ---- mutations ---------------------------------------------------------------------------------- */

static uint64_t random_state;

static uint64_t next_random(void) { /* splitmix64 */
  uint64_t z = random_state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static size_t below(size_t n) { return n == 0 ? 0 : (size_t)(next_random() % n); }

typedef struct buffer {
  uint8_t *bytes;
  size_t size, capacity;
} buffer;

/* Replaces n_out bytes at `at` by n_in others. */
static void replace(buffer *b, size_t at, size_t n_out, const void *in, size_t n_in) {
  size_t size = b->size - n_out + n_in;
  if (size > b->capacity) b->bytes = need(realloc(b->bytes, b->capacity = 2 * size));
  memmove(b->bytes + at + n_in, b->bytes + at + n_out, b->size - at - n_out);
  if (n_in > 0) memcpy(b->bytes + at, in, n_in);
  b->size = size;
}

static void flip_bit(buffer *b) {
  if (b->size > 0) b->bytes[below(b->size)] ^= (uint8_t)(1u << below(8));
}

static void set_byte(buffer *b) {
  static const uint8_t telling[] = "\0\x01\x7f\x80\xff\"\\{}[],: 019-eun";
  if (b->size > 0) b->bytes[below(b->size)] = telling[below(sizeof telling - 1)];
}

static void truncate_end(buffer *b) { b->size = below(b->size + 1); }

static void drop_piece(buffer *b) {
  size_t at = below(b->size), n = below(b->size - at < 32 ? b->size - at + 1 : 32);
  replace(b, at, n, NULL, 0);
}

static void insert_text(buffer *b) {
  static const char *const texts[] = {"0",
                                      "9",
                                      "18446744073709551615",
                                      "4294967296",
                                      "\"",
                                      "\\u0000",
                                      "\\ud83d",
                                      "{",
                                      "}",
                                      "[",
                                      "]",
                                      ",",
                                      ":",
                                      " ",
                                      "null",
                                      "\"a\":",
                                      "\"dtype\":\"F64\"",
                                      "[0,0]",
                                      "\xc3",
                                      "-1",
                                      "1e9",
                                      "\"\",",
                                      "{}",
                                      "\"__metadata__\":{}"};
  const char *text = texts[below(sizeof texts / sizeof *texts)];
  replace(b, below(b->size + 1), 0, text, strlen(text));
}

/* A piece of some file of the corpus, over or between the bytes here. */
static void splice(buffer *b) {
  const input *other = &inputs[below(n_inputs)];
  size_t from = below(other->size), n = below(other->size - from < 64 ? other->size - from + 1 : 64);
  size_t at = below(b->size + 1), left = b->size - at;
  replace(b, at, below(2) != 0 ? 0 : n < left ? n : left, other->bytes + from, n);
}

/* The header's length, 8 bytes after the one that steers the target, follows a changed header. */
static void shift_length(buffer *b) {
  if (b->size > 1) b->bytes[1] = (uint8_t)(b->bytes[1] + below(17) - 8);
}

static void mutate(buffer *b) {
  static void (*const kinds[])(buffer * b) = {flip_bit,    set_byte,    set_byte, truncate_end, drop_piece,
                                              insert_text, insert_text, splice,   shift_length};
  for (size_t n = 1 + below(4); n > 0; n--) {
    size_t before = b->size;
    kinds[below(sizeof kinds / sizeof *kinds)](b);
    if (b->size != before && b->size > 2 && below(2) != 0) { /* keep the length true half of the time */
      size_t length = (size_t)b->bytes[1] + ((size_t)b->bytes[2] << 8) + b->size - before;
      b->bytes[1] = (uint8_t)length;
      b->bytes[2] = (uint8_t)(length >> 8);
    }
  }
}

/* ---- the run ------------------------------------------------------------------------------------ */

/* Every file has a sequence of its own, from the seed and its place in the order. */
static void run_mutations(size_t which, size_t n_mutations, uint64_t seed) {
  buffer b = {0};
  random_state = seed + which * 0x632be59bd9b4e019u;
  for (size_t i = 0; i < n_mutations; i++) {
    replace(&b, 0, b.size, inputs[which].bytes, inputs[which].size);
    mutate(&b);
    LLVMFuzzerTestOneInput(b.bytes, b.size);
  }
  free(b.bytes);
}

int main(int argc, char **argv) {
  size_t n_mutations = 0, n_run = 0;
  uint64_t seed = 0;
  int first = 1;
  if (argc > 3 && strcmp(argv[1], "-mutate") == 0) {
    n_mutations = strtoul(argv[2], NULL, 10);
    seed = strtoull(argv[3], NULL, 10);
    first = 4;
  }
  for (int i = first; i < argc; i++) add(argv[i]);
  if (n_inputs == 0) {
    fputs("usage: replay [-mutate N SEED] FILE-OR-FOLDER...\n", stderr);
    return 2;
  }
  qsort(inputs, n_inputs, sizeof *inputs, by_name);
  for (size_t i = 0; i < n_inputs; i++) {
    LLVMFuzzerTestOneInput(inputs[i].bytes, inputs[i].size);
    run_mutations(i, n_mutations, seed);
    n_run += 1 + n_mutations;
  }
  printf("replay: %zu inputs from %zu files\n", n_run, n_inputs);
  for (size_t i = 0; i < n_inputs; i++) {
    free(inputs[i].name);
    free(inputs[i].bytes);
  }
  free(inputs);
  return 0;
}
