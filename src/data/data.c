/* data.c - reading any kind of source: in shuffled epochs, or through. */
#include "data/data.h"

#include "core/rng.h"

#define BLOCK 64u /* row indexes at a time */
#define SCAN 256u /* rows at a time */

fmi_batch fmi_batch_from(const fm_data *d, const fmi_batch *b, size_t i) {
  return (fmi_batch){.x1 = b->x1 + i * d->dim,
                     .x0 = b->x0 ? b->x0 + i * d->dim : NULL,
                     .labels = b->labels ? b->labels + i * d->n_class_columns : NULL,
                     .cond = b->cond ? b->cond + i * d->cond_dim : NULL,
                     .weights = b->weights + i};
}

fm_status fmi_data_fetch(const fm_data *d, uint64_t seed, bool shuffle, uint64_t first, size_t n,
                         fmi_batch *batch, fmi_error *err) {
  if (d->n == 0) return d->kind->read_on(d, first, n, batch, err);
  uint64_t rows[BLOCK];
  for (size_t done = 0; done < n; done += BLOCK) {
    size_t now = fmi_min(BLOCK, n - done);
    for (size_t i = 0; i < now; i++) {
      uint64_t at = first + done + i;
      rows[i] = shuffle ? fmi_rng_shuffled(seed, at / d->n, d->n, at % d->n) : at % d->n;
    }
    fmi_batch part = fmi_batch_from(d, batch, done);
    FMI_TRY(d->kind->gather(d, rows, now, &part, err));
  }
  return FM_OK;
}

static void carve(const fm_data *d, fmi_arena *arena, fmi_batch *b) {
  b->x1 = fmi_arena_take(arena, fmi_mul_size(SCAN, d->dim), sizeof(double));
  b->x0 = d->pairs ? fmi_arena_take(arena, fmi_mul_size(SCAN, d->dim), sizeof(double)) : NULL;
  b->labels = fmi_arena_take(arena, fmi_mul_size(SCAN, d->n_class_columns), sizeof(int32_t));
  b->cond = fmi_arena_take(arena, fmi_mul_size(SCAN, d->cond_dim), sizeof(float));
  b->weights = fmi_arena_take(arena, SCAN, sizeof(float));
}

fm_status fmi_data_scan(const fm_data *d, uint64_t first, uint64_t n, fmi_scan_fn fn, void *job,
                        fmi_error *err) {
  fmi_batch rows;
  fmi_arena arena = {NULL, 0};
  carve(d, &arena, &rows);
  void *block = fmi_alloc(d->object.memory, 1, arena.used, err);
  if (block == NULL) return FM_E_NOMEM;
  arena = (fmi_arena){block, 0};
  carve(d, &arena, &rows);
  fm_status status = FM_OK;
  for (uint64_t done = 0; done < n && status == FM_OK; done += SCAN) {
    size_t now = n - done < SCAN ? (size_t)(n - done) : SCAN;
    status = fmi_data_fetch(d, 0, false, first + done, now, &rows, err);
    if (status == FM_OK) status = fn(job, first + done, now, &rows, err);
  }
  fmi_free(d->object.memory, block);
  return status;
}
