/* info.c - flowmatch info: what a model file holds. */
#include "cli/args.h"
#include "cli/drawing.h"
#include "cli/table.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define MOST_COLUMNS_LISTED 20 /* of more, a summary */
#define LABEL_WIDTH 12

typedef struct info_options {
  const char *model;
  bool tensors;
} info_options;

#define AT(member) offsetof(info_options, member)
static const option options[] = {
    {OPTION_FLAG, 0, "tensors", NULL, AT(tensors), 0, 0, "list the network's tensors and their shapes"},
};

static int run(int argc, char **argv);

const command info_command = {
    .name = "info",
    .synopsis = "MODEL [options]",
    .summary = "say what a model file holds",
    .description = "Prints the network, path, columns, classes, statistics and notes of MODEL.\n\n",
    .examples = "  flowmatch info digits.safetensors\n"
                "  flowmatch info digits.safetensors --tensors\n",
    .operand = "MODEL",
    .operand_offset = AT(model),
    .options = options,
    .n_options = COUNT(options),
    .run = run,
};

static void print_label(const char *label) { printf("  %-*s", LABEL_WIDTH, label); }

static void print_note(const fm_model *model, const char *key, const char *label) {
  const char *text = fm_model_note(model, key);
  if (!text || !*text) return;
  print_label(label);
  puts(text);
}

static void print_network(const fm_model *model) {
  const fm_net *net = fm_model_net(model);
  char count[24];
  print_note(model, "network", "network");
  print_label("parameters");
  puts(cli_count_text(count, (double)fm_net_n_params(net)));
  print_label("path");
  double params[8];
  size_t n_params = fm_path_params(fm_model_path(model), params, COUNT(params));
  fputs(fm_path_name(fm_model_path(model)), stdout);
  for (size_t i = 0; i < n_params && i < COUNT(params); i++) printf(":%.10g", params[i]);
  putchar('\n');
  static const char *const predictions[] = {"velocity", "x1", "noise", "score"}; /* as train has them */
  print_label("predicts");
  printf("%s%s\n", predictions[fm_model_prediction(model)],
         fm_model_baseline(model) ? ", beyond the Gaussian's" : "");
  if (fm_net_n_times(net) == 2) {
    print_label("objective");
    puts("mean flow, to be sampled in one step or two");
  }
  print_label("trained");
  if (fm_model_train_steps(model))
    printf("%llu steps", (unsigned long long)fm_model_train_steps(model));
  else
    fputs("not known", stdout);
  const char *rows = fm_model_note(model, "training_rows");
  if (rows) printf(" on %s rows", rows);
  putchar('\n');
  const char *loss = fm_model_note(model, "training_loss"), *held_out = fm_model_note(model, "held_out_loss");
  if (loss) {
    print_label("loss");
    printf("%.4g on rows trained on", strtod(loss, NULL));
    if (held_out && *held_out) printf(", %.4g on rows held out", strtod(held_out, NULL));
    putchar('\n');
  }
  print_note(model, "straightness", "straight");
  print_note(model, "euler_steps", "Euler steps");
}

static void print_conditions(const fm_model *model) {
  const fm_net *net = fm_model_net(model);
  size_t n = fm_net_n_class_columns(net);
  if (n > 0) {
    print_label("classes");
    for (size_t i = 0; i < n; i++) printf("%s%u", i ? ", " : "", (unsigned)fm_net_n_classes(net, i));
    printf("%s\n", n > 1 ? " (class columns)" : "");
  }
  if (fm_net_cond_dim(net) > 0) {
    print_label("conditions");
    printf("%zu number%s\n", fm_net_cond_dim(net), S(fm_net_cond_dim(net)));
  }
}

/* ---- statistics ------------------------------------------------------------------------------------ */

/* shift, scale [dim + n_masked]: the indicators of the masked columns come behind. */
static void list_columns(const double *shift, const double *scale, size_t dim, const size_t *masked,
                         size_t n_masked, const char *header) {
  int width = 6;
  for (int print = 0; print < 2; print++) { /* once to measure the names, once to print */
    if (print) printf("\n  %-*s  %16s  %16s\n", width, "column", "mean", "deviation");
    for (size_t i = 0; i < dim; i++) {
      char *name = header ? csv_header_name(header, i) : NULL, number[24];
      snprintf(number, sizeof number, "%zu", i);
      const char *shown = name ? name : number;
      if ((int)strlen(shown) > width) width = (int)strlen(shown);
      char remark[48] = "";
      if (scale[i] == 0) strcpy(remark, "  constant");
      for (size_t k = 0; k < n_masked; k++)
        if (masked[k] == i) snprintf(remark, sizeof remark, "  missing in %.3g %%", 100 * shift[dim + k]);
      if (print) printf("  %-*s  %16.10g  %16.10g%s\n", width, shown, shift[i], scale[i], remark);
      free(name);
    }
  }
}

static void summarise_columns(const double *shift, const double *scale, size_t dim) {
  double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
  size_t n_constant = 0;
  for (size_t i = 0; i < dim; i++) {
    const double both[2] = {shift[i], scale[i]};
    n_constant += scale[i] == 0;
    for (size_t k = 0; k < 2; k++) {
      low[k] = fmin(low[k], both[k]);
      high[k] = fmax(high[k], both[k]);
    }
  }
  static const char *const titles[2] = {"means", "deviations"};
  for (size_t k = 0; k < 2; k++) {
    print_label(titles[k]);
    if (low[k] == high[k])
      printf("%.7g in all columns\n", low[k]);
    else
      printf("%.7g .. %.7g\n", low[k], high[k]);
  }
  if (n_constant == 0) return;
  print_label("constant");
  printf("%zu column%s\n", n_constant, S(n_constant));
}

static bool print_statistics(fm_ctx *ctx, const fm_model *model, const size_t *masked, size_t n_masked) {
  size_t dim = fm_net_dim(fm_model_net(model));
  const fm_normaliser *normaliser = fm_model_normaliser(model);
  if (!normaliser) return true;
  double *shift = cli_alloc(dim, sizeof *shift), *scale = cli_alloc(dim, sizeof *scale);
  bool ok = cli_check(ctx, fm_normaliser_get(ctx, normaliser, shift, scale), "statistics", NULL);
  if (ok && dim <= MOST_COLUMNS_LISTED)
    list_columns(shift, scale, dim - n_masked, masked, n_masked, fm_model_note(model, "columns"));
  else if (ok)
    summarise_columns(shift, scale, dim - n_masked);
  free(shift);
  free(scale);
  return ok;
}

/* ---- all of it ------------------------------------------------------------------------------------- */

static void print_tensors(fm_ctx *ctx, const fm_net *net) {
  const char *name;
  uint64_t shape[3];
  putchar('\n');
  for (size_t i = 0; fm_net_tensor(ctx, net, i, &name, NULL, shape) == FM_OK; i++) {
    char text[80];
    int n = 0;
    for (size_t k = 0; k < 3 && shape[k] > 0; k++)
      n +=
          snprintf(text + n, sizeof text - (size_t)n, "%s%llu", k ? " x " : "", (unsigned long long)shape[k]);
    printf("  %-32s  %s\n", name, n ? text : "1");
  }
}

static bool print_model(fm_ctx *ctx, const fm_model *model, const info_options *o) {
  const char *dtype = fm_model_note(model, "dtype");
  size_t *masked, n_masked;
  if (!masked_columns(model, o->model, &masked, &n_masked)) return false;
  puts(o->model);
  print_network(model);
  print_label("columns");
  printf("%zu%s%s\n", fm_net_dim(fm_model_net(model)) - n_masked, dtype ? ", written as " : "",
         dtype ? dtype : "");
  const char *shape = fm_model_note(model, "shape");
  if (shape && strchr(shape, 'x')) print_note(model, "shape", "shape");
  print_note(model, "range", "range");
  print_conditions(model);
  print_note(model, "conditions", "condition");
  bool ok = print_statistics(ctx, model, masked, n_masked);
  free(masked);
  if (o->tensors) print_tensors(ctx, fm_model_net(model));
  return ok;
}

static int run(int argc, char **argv) {
  info_options o = {0};
  fm_model *model = NULL;
  int code = args_parse(&info_command, argc, argv, &o);
  if (code >= 0) return code;
  fm_ctx *ctx = cli_context(1);
  if (!ctx) return EXIT_FAILURE;
  bool ok = cli_check(ctx, fm_model_load(ctx, o.model, &model), o.model, NULL) && print_model(ctx, model, &o);
  fm_model_destroy(model);
  fm_ctx_destroy(ctx);
  return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
