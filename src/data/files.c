/* files.c - rows in .npy files that are mapped, not read: as many as the disk holds, several files as one. */
#include "core/os.h"
#include "data/data.h"
#include "data/npy.h"

#include <math.h>

typedef struct mapped {
  const void *bytes;
  size_t n_bytes;
  fmi_npy npy;
  size_t begin; /* the number of rows in the files before it */
} mapped;

typedef struct files {
  fm_data data;
  fm_data *beside; /* labels, conditions, weights: arrays of rows without columns */
  mapped *file;    /* [n_files] */
  size_t n_files;
} files;

static void destroy(void *self) {
  files *f = self;
  for (size_t i = 0; f->file && i < f->n_files; i++)
    if (f->file[i].bytes) fmi_os_unmap(f->file[i].bytes, f->file[i].n_bytes);
  fmi_free(f->data.object.memory, f->file);
  fmi_release(f->beside);
  fmi_object_free(f);
}

/* The file that has the row: the last one that begins at it or before it. */
static const mapped *file_of(const files *f, size_t row) {
  size_t low = 0, high = f->n_files;
  while (high - low > 1) {
    size_t middle = low + (high - low) / 2;
    if (f->file[middle].begin <= row)
      low = middle;
    else
      high = middle;
  }
  return &f->file[low];
}

static fm_status gather(const fm_data *data, const uint64_t *row, size_t n, fmi_batch *out, fmi_error *err) {
  const files *f = (const files *)data;
  for (size_t i = 0; i < n; i++) {
    const mapped *m = file_of(f, (size_t)row[i]);
    fmi_npy_row(&m->npy, m->bytes, (size_t)row[i] - m->begin, out->x1 + i * data->dim);
  }
  return f->beside->kind->gather(f->beside, row, n, out, err);
}

static const fmi_data_kind kind = {.gather = gather};

static fm_status open_one(files *f, size_t i, const char *name, fmi_error *err) {
  mapped *m = &f->file[i];
  FMI_TRY(fmi_os_map(name, &m->bytes, &m->n_bytes, err));
  m->begin = f->data.n;
  fm_status status = fmi_npy_parse(m->bytes, m->n_bytes, &m->npy, err);
  if (status != FM_OK) {
    fmi_error_about(err, name);
    return status;
  }
  if (i > 0 && m->npy.n_columns != f->data.dim)
    return fmi_fail(err, FM_E_MISMATCH,
                    "%.300s: expected rows of %zu numbers as in the first file, found %zu", name, f->data.dim,
                    m->npy.n_columns);
  f->data.dim = m->npy.n_columns;
  f->data.n = fmi_add_size(f->data.n, m->npy.n_rows);
  return FM_OK;
}

/* Looks for cells that are not finite. */
typedef struct check_job {
  const files *f;
  const char *const *names;
  bool missing;
} check_job;

static fm_status check_rows(void *job, uint64_t first, size_t n, const fmi_batch *rows, fmi_error *err) {
  const check_job *c = job;
  size_t dim = c->f->data.dim;
  for (size_t i = 0; i < n * dim; i++) {
    if (isfinite(rows->x1[i]) || (c->missing && isnan(rows->x1[i]))) continue;
    size_t row = (size_t)first + i / dim;
    const mapped *m = file_of(c->f, row);
    return fmi_fail(err, FM_E_NONFINITE, "%.300s: expected finite numbers%s, found %g in row %zu, column %zu",
                    c->names[m - c->f->file], c->missing ? " or NaN" : "", rows->x1[i], row - m->begin,
                    i % dim);
  }
  return FM_OK;
}

static fm_status open_all(files *f, const char *const *names, size_t n_files, const fmi_data_arrays *beside,
                          bool no_copy, bool missing, fmi_error *err) {
  fmi_memory *memory = f->data.object.memory;
  bool floats = false;
  f->file = fmi_alloc(memory, n_files, sizeof *f->file, err);
  if (f->file == NULL) return FM_E_NOMEM;
  f->n_files = n_files;
  for (size_t i = 0; i < n_files; i++) {
    FMI_TRY(open_one(f, i, names[i], err));
    floats |= fmi_npy_is_float(&f->file[i].npy);
  }
  if (fmi_mul_size(f->data.n, fmi_mul_size(f->data.dim, sizeof(double))) == SIZE_MAX)
    return fmi_fail(err, FM_E_NOMEM, "files: the rows of all files are more than can be counted");
  if (beside->n != 0 && beside->n != f->data.n)
    return fmi_fail(err, FM_E_MISMATCH, "n: expected the %zu rows of the files, found %zu", f->data.n,
                    beside->n);
  fmi_data_arrays rows = *beside;
  rows.n = f->data.n;
  f->beside = fmi_data_new_arrays(memory, &rows, no_copy, false, err);
  if (f->beside == NULL) return err->status;
  f->data.n_class_columns = f->beside->n_class_columns;
  f->data.cond_dim = f->beside->cond_dim;
  check_job job = {f, names, missing};
  return floats ? fmi_data_scan(&f->data, 0, f->data.n, check_rows, &job, err) : FM_OK;
}

fm_data *fmi_data_new_npy(fmi_memory *memory, const char *const *names, size_t n_files,
                          const fmi_data_arrays *beside, bool no_copy, bool missing, fmi_error *err) {
  files *f = fmi_object_create(memory, sizeof *f, destroy, err);
  if (f == NULL) return NULL;
  f->data.kind = &kind;
  if (open_all(f, names, n_files, beside, no_copy, missing, err) == FM_OK) return &f->data;
  fmi_release(f);
  return NULL;
}
