/* train.c - flowmatch train: a model from a table. */
#include "cli/args.h"
#include "cli/fit.h"
#include "cli/note.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_STEPS 4000
#define DEFAULT_BATCH 256
#define DEFAULT_NET "resmlp:256x3"
#define MOST_NOTE 4096 /* bytes that the library keeps of one */
#define AUTOMATIC UINT32_MAX
#define AUTOMATIC_COUNT UINT64_MAX
#define AUTOMATIC_SHARE (-1.0)
#define MISSING_MASK 1 /* the index of its word in the table below */

#define AS_TEXT(x) AS_TEXT_(x)
#define AS_TEXT_(x) #x

typedef struct train_options {
  word_list data;
  const char *model, *labels, *cond;
  const char *val, *val_labels, *val_cond;
  uint32_t missing;
  uint32_t objective; /* FM_OBJECTIVE_..., the index of its word in the table below */
  const char *net, *path, *prior, *time, *coupling;
  uint32_t predict; /* a word of the table below, in the order of FM_VELOCITY, FM_X1 ... */
  bool baseline;
  double condition_weight; /* AUTOMATIC_SHARE: the library's */
  uint32_t normalise;      /* index of the words in the table below */
  double label_dropout, ema, held_out;
  double dropout;
  uint64_t patience;
  bool keep_last;
  uint64_t steps, batch, seed, threads;
  double rate;                  /* 0: the optimiser's */
  uint32_t optimizer, schedule; /* indexes of the words in the table below */
  double weight_decay, clip;
  uint64_t warmup, accumulate;
  const char *checkpoint, *loss_curve;
  double checkpoint_every;
  bool resume, quiet;
} train_options;

#define AT(member) offsetof(train_options, member)
static const option options[] = {
    {OPTION_TEXT, 'o', "output", "MODEL", AT(model), 0, 0, "where the model goes, a .safetensors file"},
    {OPTION_HEADING, 0, NULL, NULL, 0, 0, 0,
     "What rows depend on, so that it can be asked for when sampling"},
    {OPTION_TEXT, 0, "labels", "FILE", AT(labels), 0, 0,
     "classes, a row for each of DATA: whole numbers from 0, in one or more columns"},
    {OPTION_TEXT, 0, "cond", "FILE", AT(cond), 0, 0,
     "numbers that the rows depend on, a row for each of DATA"},
    {OPTION_REAL, 0, "label-dropout", "X", AT(label_dropout), 0, 1,
     "share of rows trained without their condition, so that the model can also draw without (0.1); 0: none"},
    {OPTION_CHOICE, 0, "missing", "error|mask", AT(missing), 0, 0,
     "cells without a value (nan; empty or NA in a .csv) are an error, or learned and drawn as missing "
     "(error)"},
    {OPTION_HEADING, 0, NULL, NULL, 0, 0, 0, "The model"},
    {OPTION_TEXT, 0, "net", "KIND:WxD", AT(net), 0, 0,
     "resmlp or mlp, its width and depth (" DEFAULT_NET ")"},
    {OPTION_REAL, 0, "dropout", "X", AT(dropout), 0, .999,
     "share of hidden units that a training step leaves out, against learning few rows by heart (0: none)"},
    {OPTION_TEXT, 0, "path", "NAME[:X[:Y]]", AT(path), 0, 0,
     "how noise becomes data: condot, straight (the default); cosine, poly:2, vp:0.1:20, linear-vp, "
     "target-ot:0.0001, or with noise around it icfm:0.1, cosine:0.1, bridge:0.5"},
    {OPTION_TEXT, 0, "prior", "KIND|FILE", AT(prior), 0, 0,
     "where samples start: gaussian (the default), uniform on the box that the rows span, or the rows of "
     "another .npy or .csv"},
    {OPTION_CHOICE, 0, "predict", "velocity|x1|noise|score", AT(predict), 0, 0,
     "what the network says of a row between noise and data: where it goes (velocity), the data or the noise "
     "it is made of, or the score, of which the last is for gaussian noise without --coupling"},
    {OPTION_FLAG, 0, "baseline", NULL, AT(baseline), 0, 0,
     "the network learns what the velocity has beyond that of a Gaussian, which is known"},
    {OPTION_CHOICE, 0, "normalise", "columns|whole|none", AT(normalise), 0, 0,
     "bring each column, or all together, to mean 0 and deviation 1 (columns; whole for 8-bit pictures)"},
    {OPTION_HEADING, 0, NULL, NULL, 0, 0, 0, "Training"},
    {OPTION_CHOICE, 0, "objective", "flow|mean-flow", AT(objective), 0, 0,
     "what the network learns: flow, a velocity, which sampling follows in small steps (the default); or "
     "mean-flow, "
     "the mean velocity from any time to any later one, so that sampling takes one step: more training, "
     "quicker "
     "sampling"},
    {OPTION_COUNT, 0, "steps", "N", AT(steps), 1, INFINITY, "training steps (" AS_TEXT(DEFAULT_STEPS) ")"},
    {OPTION_COUNT, 0, "batch", "N", AT(batch), 1, 1e6, "rows in a step (" AS_TEXT(DEFAULT_BATCH) ")"},
    {OPTION_REAL, 0, "lr", "X", AT(rate), 1e-12, 1e3,
     "learning rate, reached by a warm-up and left along the schedule (0.001; sgd, nesterov 0.01; lion "
     "0.0001)"},
    {OPTION_CHOICE, 0, "optimizer", "adamw|sgd|nesterov|lion|muon", AT(optimizer), 0, 0,
     "how weights follow gradients (adamw)"},
    {OPTION_CHOICE, 0, "schedule", "cosine|constant|linear|plateau", AT(schedule), 0, 0,
     "how the rate goes on after the warm-up (cosine); plateau: halved whenever 5 evaluations in a row, of "
     "about 50, saw no lower loss on rows held out"},
    {OPTION_COUNT, 0, "warmup", "STEPS", AT(warmup), 0, 1e15,
     "steps on which the rate rises from 0 (a tenth, at most 500); 0: none"},
    {OPTION_REAL, 0, "weight-decay", "X", AT(weight_decay), 0, 1e3,
     "share, times the rate, by which weights shrink in a step (0)"},
    {OPTION_REAL, 0, "clip", "X", AT(clip), 0, 1e30, "bound on the gradient's norm (1); 0: none"},
    {OPTION_COUNT, 0, "accumulate", "N", AT(accumulate), 1, 1e6,
     "batches summed for one step, where one of all these rows would not fit memory (1)"},
    {OPTION_TEXT, 0, "time", "NAME[:A[:B]]", AT(time), 0, 0,
     "at which times to look: uniform (the default), logit-normal:0:1, mode:1.29, power:2, u-shape:4, "
     "edm:-1.2:1.2, cosmap"},
    {OPTION_TEXT, 0, "coupling", "NAME[:X[:Y]]", AT(coupling), 0, 0,
     "which row of the source becomes which of DATA, within a batch: independent (the default); ot, the "
     "exact "
     "assignment of least squared distance, for straight paths and few sampling steps; softer sinkhorn:0.05, "
     "entropy's share of the mean cost; unbalanced:0.05, which lets rows far from all others go, the more "
     "the "
     "smaller Y, a squared distance of normalised rows (the mean one); bridge, with --path bridge"},
    {OPTION_REAL, 0, "condition-weight", "X", AT(condition_weight), 0, 1e30,
     "what a pair of different conditions costs: a class, or times a squared distance of --cond (1e6, 100); "
     "0: "
     "nothing, and samples with a condition suffer"},
    {OPTION_REAL, 0, "ema", "X", AT(ema), 0, .9999999,
     "decay of the moving average of the weights, from which samples are drawn (0.999); 0: none"},
    {OPTION_COUNT, 0, "seed", "N", AT(seed), 0, 0, "same seed, same model (0)"},
    {OPTION_REAL, 0, "held-out", "X", AT(held_out), 0, .9,
     "share of rows kept out of training to see when it begins to learn the others by heart (0.1 of 100 rows "
     "or "
     "more, at most 10000)"},
    {OPTION_TEXT, 0, "val", "FILE", AT(val), 0, 0,
     "rows kept out of training in a file of their own, with the columns of DATA; instead of --held-out"},
    {OPTION_TEXT, 0, "val-labels", "FILE", AT(val_labels), 0, 0, "their classes, where there are --labels"},
    {OPTION_TEXT, 0, "val-cond", "FILE", AT(val_cond), 0, 0, "their numbers, where there is --cond"},
    {OPTION_COUNT, 0, "patience", "STEPS", AT(patience), 1, INFINITY,
     "stop when the loss on these rows has not improved for so long (a quarter of the steps)"},
    {OPTION_FLAG, 0, "keep-last", NULL, AT(keep_last), 0, 0,
     "do all steps and keep the last weights, not those with the lowest loss on these rows"},
    {OPTION_COUNT, 0, "threads", "N", AT(threads), 1, 256,
     "processors to use (all, up to 16); the model does not depend on it"},
    {OPTION_HEADING, 0, NULL, NULL, 0, 0, 0, "Long runs, and reports"},
    {OPTION_TEXT, 0, "checkpoint", "FILE", AT(checkpoint), 0, 0,
     "keep the state here: now and then, at the end, and on Ctrl-C"},
    {OPTION_REAL, 0, "checkpoint-every", "SECONDS", AT(checkpoint_every), 0, 1e9, "how often that is (30)"},
    {OPTION_FLAG, 0, "resume", NULL, AT(resume), 0, 0,
     "go on from the checkpoint; the model is the one an unbroken run would have made"},
    {OPTION_TEXT, 0, "loss-curve", "FILE.png", AT(loss_curve), 0, 0, "draw the loss, step by step"},
    {OPTION_FLAG, 'q', "quiet", NULL, AT(quiet), 0, 0, "print errors only"},
};

static int run(int argc, char **argv);

const command train_command = {
    .name = "train",
    .synopsis = "DATA... -o MODEL [options]",
    .summary = "learn a model from a table of numbers",
    .description = "Learns to draw rows like those of DATA, and writes the model to one file.\n"
                   "\n"
                   "DATA is a .npy array whose first index counts rows ([n], [n][columns], pictures\n"
                   "[n][height][width] ...), or a .csv with or without column names; - is standard\n"
                   "input. Several files are one table. A .npy is mapped, not read, and may be larger\n"
                   "than memory. The columns' scales don't matter: they are learned and kept in the\n"
                   "model.\n"
                   "\n",
    .examples = "  flowmatch train rows.csv -o rows.safetensors\n"
                "  flowmatch train digits.npy --labels classes.npy -o digits.safetensors \\\n"
                "      --loss-curve loss.png\n"
                "  flowmatch train outcomes.npy --cond settings.csv -o outcomes.safetensors\n"
                "  flowmatch train big.npy -o big.safetensors --net resmlp:512x6 --steps 100000 \\\n"
                "      --checkpoint big.checkpoint\n"
                "After Ctrl-C, or a power cut, the same command with --resume goes on.\n",
    .operand = "DATA",
    .operand_offset = AT(data),
    .several = true,
    .options = options,
    .n_options = COUNT(options),
    .run = run,
};

/* ---- options --------------------------------------------------------------------------------------- */

/* "resmlp:256x3". Whether the numbers make sense is the library's to say. */
static bool parse_net(const char *text, fm_net_options *net) {
  size_t length = strcspn(text, ":"), factors[2];
  fm_net_options_init(net);
  if (strncmp(text, "resmlp:", length + 1) == 0) net->kind = FM_NET_RESMLP;
  if (strncmp(text, "mlp:", length + 1) == 0) net->kind = FM_NET_MLP;
  if (net->kind == 0 || cli_parse_shape(text + length + 1, factors, 2) != 2) return false;
  net->width = (uint32_t)factors[0];
  net->depth = (uint32_t)factors[1];
  return true;
}

typedef struct named_kind {
  const char *name;
  uint32_t kind;
} named_kind;

/* "logit-normal:0:1". Whether the numbers make sense is the library's to say. */
static bool parse_named(const char *text, const named_kind *known, size_t n, uint32_t *kind,
                        double params[2]) {
  size_t length = strcspn(text, ":");
  *kind = 0;
  for (size_t i = 0; i < n; i++)
    if (strlen(known[i].name) == length && strncmp(known[i].name, text, length) == 0) *kind = known[i].kind;
  text += length;
  for (size_t i = 0; i < 2 && *text == ':'; i++) {
    char number[32];
    length = strcspn(++text, ":");
    if (length >= sizeof number) return false;
    memcpy(number, text, length);
    number[length] = '\0';
    if (!cli_parse_number(number, &params[i])) return false;
    text += length;
  }
  return *kind != 0 && *text == '\0';
}

static bool parse_time(const char *text, uint32_t *kind, double params[2]) {
  static const named_kind known[] = {{"uniform", FM_TIME_UNIFORM}, {"logit-normal", FM_TIME_LOGIT_NORMAL},
                                     {"mode", FM_TIME_MODE},       {"power", FM_TIME_POWER},
                                     {"u-shape", FM_TIME_U_SHAPE}, {"edm", FM_TIME_EDM},
                                     {"cosmap", FM_TIME_COSMAP}};
  return parse_named(text, known, COUNT(known), kind, params);
}

static bool parse_coupling(const char *text, uint32_t *kind, double params[2]) {
  static const named_kind known[] = {{"independent", FM_COUPLING_INDEPENDENT},
                                     {"ot", FM_COUPLING_OT},
                                     {"sinkhorn", FM_COUPLING_SINKHORN},
                                     {"unbalanced", FM_COUPLING_UNBALANCED},
                                     {"bridge", FM_COUPLING_BRIDGE}};
  return parse_named(text, known, COUNT(known), kind, params);
}

static uint32_t schedule_of(const train_options *o) {
  static const uint32_t kinds[] = {FM_SCHEDULE_COSINE, FM_SCHEDULE_CONSTANT, FM_SCHEDULE_LINEAR,
                                   FM_SCHEDULE_PLATEAU};
  return kinds[o->schedule];
}

/* Zero, which says "none" here, is the default there. */
static fm_optimizer_options optimizer_options_of(const train_options *o) {
  static const uint32_t kinds[] = {FM_OPTIMIZER_ADAMW, FM_OPTIMIZER_SGD, FM_OPTIMIZER_NESTEROV,
                                   FM_OPTIMIZER_LION, FM_OPTIMIZER_MUON};
  fm_optimizer_options update;
  fm_optimizer_options_init(&update);
  update.kind = kinds[o->optimizer];
  update.schedule = schedule_of(o);
  update.learning_rate = o->rate;
  update.weight_decay = o->weight_decay;
  update.clip_norm = o->clip > 0 ? o->clip : -1;
  update.n_steps = o->steps;
  if (o->warmup != AUTOMATIC_COUNT) update.warmup_steps = o->warmup > 0 ? (int64_t)o->warmup : -1;
  return update;
}

/* The words for a file that only one of both kinds of rows has. */
static int check_pair(const char *name, const char *trained, const char *held_out) {
  if (trained && !held_out)
    return args_wrong(&train_command, "--val needs --val-%s FILE too, since there is --%s", name, name);
  if (held_out && !trained)
    return args_wrong(&train_command, "--val-%s is for --%s, which is missing", name, name);
  return -1;
}

static int check_validation(const train_options *o) {
  const command *c = &train_command;
  if (!o->val) {
    if (!o->val_labels && !o->val_cond) return -1;
    return args_wrong(c, "--val-%s is for the rows of --val FILE, which is missing",
                      o->val_labels ? "labels" : "cond");
  }
  if (o->held_out != AUTOMATIC_SHARE)
    return args_wrong(c, "--held-out or --val: rows are held out of DATA, or have a file of their own");
  /* Which columns have indicators, the cells missing in DATA say: those of another file may be others. */
  if (o->missing == MISSING_MASK)
    return args_wrong(c, "--val can't be used with --missing mask; --held-out can");
  int code = check_pair("labels", o->labels, o->val_labels);
  return code < 0 ? check_pair("cond", o->cond, o->val_cond) : code;
}

static int check_coupling(const train_options *o) {
  const command *c = &train_command;
  uint32_t kind;
  double params[2] = {0};
  if (!parse_coupling(o->coupling, &kind, params))
    return args_wrong(c,
                      "--coupling: '%s' is not one of independent, ot, sinkhorn, unbalanced, bridge, with "
                      "numbers after colons",
                      o->coupling);
  if (kind == FM_COUPLING_BRIDGE && (strncmp(o->path, "bridge", 6) != 0 || params[0] != 0))
    return args_wrong(c, "--coupling bridge takes its width from --path bridge:WIDTH");
  if (kind == FM_COUPLING_INDEPENDENT && o->condition_weight != AUTOMATIC_SHARE)
    return args_wrong(c, "--condition-weight is for a --coupling, which is missing");
  return -1;
}

static int check_options(const train_options *o, fm_net_options *net) {
  const command *c = &train_command;
  if (!o->model) return args_wrong(c, "where should the model go? -o MODEL is missing");
  if (!parse_net(o->net, net))
    return args_wrong(c, "--net: '%s' is not like resmlp:256x3 or mlp:256x4: kind, width, depth", o->net);
  uint32_t time;
  double params[2];
  if (!parse_time(o->time, &time, params))
    return args_wrong(
        c,
        "--time: '%s' is not one of uniform, logit-normal, mode, power, u-shape, edm, cosmap, with "
        "numbers after colons",
        o->time);
  int code = check_coupling(o);
  if (code >= 0) return code;
  if (schedule_of(o) == FM_SCHEDULE_PLATEAU && (o->held_out == 0 || o->keep_last))
    return args_wrong(c, "--schedule plateau watches rows held out: leave %s out",
                      o->keep_last ? "--keep-last" : "--held-out 0");
  if (o->baseline && o->predict != FM_VELOCITY)
    return args_wrong(c, "--baseline is a velocity: it goes with --predict velocity");
  if (o->objective == FM_OBJECTIVE_MEAN_FLOW && (o->baseline || o->predict != FM_VELOCITY))
    return args_wrong(c, "--%s is for --objective flow: mean-flow predicts a mean velocity",
                      o->baseline ? "baseline" : "predict");
  net->dropout = o->dropout;
  net->n_times = o->objective == FM_OBJECTIVE_MEAN_FLOW ? 2 : 1;
  code = check_validation(o);
  if (code >= 0) return code;
  if (o->resume && !o->checkpoint) return args_wrong(c, "--resume needs --checkpoint FILE to go on from");
  if (o->checkpoint && strcmp(o->checkpoint, o->model) == 0)
    return args_wrong(c, "the model and the checkpoint need files of their own");
  return -1;
}

/* A folder that doesn't exist is better found before the training than after it. */
static bool check_outputs(const train_options *o) {
  return output_check(o->model) && (!o->checkpoint || output_check(o->checkpoint)) &&
         (!o->loss_curve || canvas_check(o->loss_curve));
}

static bool is_picture(const table *t) {
  return t->n_trailing == 2 || (t->n_trailing == 3 && (t->trailing[2] == 1 || t->trailing[2] == 3));
}

static uint32_t normalisation(const train_options *o, const table *rows) {
  static const uint32_t kinds[] = {FM_NORMALISE_COLUMNS, FM_NORMALISE_WHOLE, FM_NORMALISE_IDENTITY};
  if (o->normalise != AUTOMATIC) return kinds[o->normalise];
  /* Pixels have one scale already, and borders that never change would be blown up. */
  bool pixels = strcmp(rows->dtype, "u1") == 0 && is_picture(rows);
  return pixels ? FM_NORMALISE_WHOLE : FM_NORMALISE_COLUMNS;
}

static fit_options fit_options_of(const train_options *o, const fm_net_options *net, const fm_path *path,
                                  const table *rows) {
  fit_options f = {
      .net = *net,
      .path = path,
      .prior = o->prior,
      .prediction = o->predict,
      .baseline = o->baseline,
      .normalise = normalisation(o, rows),
      .steps = o->steps,
      .batch = o->batch,
      .seed = o->seed,
      .optimizer = optimizer_options_of(o),
      .accumulate = o->accumulate,
      .objective = o->objective,
      .ema = o->ema,
      .keep_last = o->keep_last,
      .patience = o->patience,
      .label_dropout = o->label_dropout,
      .checkpoint = o->checkpoint,
      .checkpoint_seconds = o->checkpoint_every,
      .resume = o->resume,
      .keep_curve = o->loss_curve != NULL,
  };
  parse_time(o->time, &f.time_sampling, f.time);
  parse_coupling(o->coupling, &f.coupling, f.coupling_params);
  f.condition_weight = o->condition_weight == AUTOMATIC_SHARE ? 0
                       : o->condition_weight > 0              ? o->condition_weight
                                                              : -1;
  return f;
}

/* ---- the model file -------------------------------------------------------------------------------- */

static bool add_picture_notes(fm_ctx *ctx, fm_model **model, const dataset *d, const char *shape) {
  char range[80];
  size_t dim = fm_data_dim(d->train);
  double *low = cli_alloc(2 * dim, sizeof *low), *high = low + dim;
  bool ok = dataset_column_ranges(ctx, d, low, high);
  for (size_t j = 1; j < d->rows.n_columns; j++) {
    low[0] = fmin(low[0], low[j]);
    high[0] = fmax(high[0], high[j]);
  }
  snprintf(range, sizeof range, "%.17g %.17g", low[0], high[0]);
  free(low);
  return ok && add_note(ctx, model, "image", shape) && add_note(ctx, model, "range", range);
}

/* The columns that have an indicator behind all columns: "3 7". */
static bool add_missing_note(fm_ctx *ctx, fm_model **model, const dataset *d) {
  size_t n_masks = fm_data_dim(d->train) - d->rows.n_columns, length = 0, room = 24 * n_masks + 1;
  if (n_masks == 0) return true;
  char *text = cli_alloc(room, 1);
  for (size_t i = 0; i < d->rows.n_columns; i++)
    if (fm_data_mask_column(d->train, i))
      length += (size_t)snprintf(text + length, room - length, "%s%zu", length ? " " : "", i);
  bool ok = length <= MOST_NOTE || cli_fail(d->rows.name, "Train on fewer of these columns.",
                                            "%zu columns with missing values are too many to note", n_masks);
  ok = ok && add_note(ctx, model, "missing", text);
  free(text);
  return ok;
}

/* What sampling needs to write rows as they came: the type, the shape, the columns' names. */
static bool add_data_notes(fm_ctx *ctx, fm_model **model, const dataset *d) {
  const table *rows = &d->rows;
  /* Float holds integers of 16 bits and less; the others need double. */
  bool single = strcmp(rows->dtype, "f4") == 0 || (rows->dtype[0] != 'f' && rows->dtype[1] <= '2');
  char shape[MOST_TRAILING * 24] = "";
  int n = 0;
  for (size_t i = 0; i < rows->n_trailing; i++)
    n += snprintf(shape + n, sizeof shape - (size_t)n, "%s%zu", i ? "x" : "", rows->trailing[i]);
  if (!add_note(ctx, model, "dtype", single ? "f4" : "f8")) return false;
  if (rows->n_trailing > 0 && !add_note(ctx, model, "shape", shape)) return false;
  if (is_picture(rows) && !add_picture_notes(ctx, model, d, shape)) return false;
  if (!add_missing_note(ctx, model, d)) return false;
  if (rows->header && strlen(rows->header) > MOST_NOTE)
    cli_warn("%s: the column names take more than %d bytes together and are not kept", rows->name, MOST_NOTE);
  else if (rows->header)
    return add_note(ctx, model, "columns", rows->header);
  return true;
}

static bool save_model(fit *f, const dataset *d, const train_options *o) {
  fm_model **model = &f->model;
  fm_ctx *ctx = f->ctx;
  bool ok = add_data_notes(ctx, model, d) && add_note(ctx, model, "network", o->net) &&
            add_number(ctx, model, "training_rows", (double)d->n_train) &&
            add_number(ctx, model, "training_loss", f->train_loss);
  if (ok && f->held_out) ok = add_number(ctx, model, "held_out_loss", f->held_out_loss);
  char curve[CURVE_TEXT];
  curve_note_write(&f->history, curve);
  if (ok && f->history.n_loss > 0) ok = add_note(ctx, model, CURVE_KEY, curve);
  /* Without dropout the null class was never trained, and sampling must not fall back on it. */
  if (ok && o->label_dropout == 0 && (d->labels.n_columns || d->cond.n_columns))
    ok = add_note(ctx, model, "conditions", "required");
  return ok && cli_check(ctx, fm_model_save(ctx, *model, o->model), o->model, NULL);
}

static bool draw_loss(const fit *f, const dataset *d, const char *file) {
  char title[120] = "Training loss: every step, and a moving average";
  if (f->curve.n == 0) {
    cli_warn("no steps were made, so there is no loss to draw: %s is not written", file);
    return true;
  }
  /* These rows lift the loss; the one on held-out rows is without them. */
  if (f->options->label_dropout > 0 && (d->labels.n_columns || d->cond.n_columns))
    snprintf(title, sizeof title,
             "Training loss, %.3g %% of rows without their condition: every step, and a moving average",
             100 * f->options->label_dropout);
  canvas c = plot_loss(&f->curve, title);
  bool ok = canvas_write(&c, file);
  canvas_free(&c);
  return ok;
}

/* ---- what is said ---------------------------------------------------------------------------------- */

static void describe(const fit *f, const dataset *d, const train_options *o) {
  char parameters[24];
  size_t n_masks = fm_data_dim(d->train) - d->rows.n_columns;
  char masks[64] = "";
  if (n_masks) snprintf(masks, sizeof masks, " (%zu with missing values)", n_masks);
  cli_note("%zu row%s of %zu column%s%s, %zu%s held out; %s, %s parameters", d->rows.n_rows,
           S(d->rows.n_rows), d->rows.n_columns, S(d->rows.n_columns), masks, d->n_held_out,
           o->val ? " more" : "", o->net, cli_count_text(parameters, (double)fm_net_n_params(f->net)));
}

static void report(const fit *f, const dataset *d, const train_options *o) {
  char time[32];
  const unsigned long long misses = fm_trainer_coupling_misses(f->trainer);
  if (misses)
    cli_warn("the plans of %llu batches were not exact; a larger number in --coupling NAME:X would help",
             misses);
  unsigned long long steps = fm_trainer_steps(f->trainer), kept = fm_model_train_steps(f->model);
  printf("trained   %llu step%s on %zu row%s in %s", steps, S(steps), d->n_train, S(d->n_train),
         progress_time_text(time, f->seconds));
  if (kept != steps) printf("; kept step %llu, the best on rows held out", kept);
  printf("\n");
  printf("loss      %.4g on rows trained on", f->train_loss);
  if (f->held_out) printf(", %.4g on %zu held out", f->held_out_loss, d->n_held_out);
  printf("\nwrote     %s%s%s\n", o->model, o->loss_curve ? ", " : "", o->loss_curve ? o->loss_curve : "");
}

/* A word as a shell takes it. */
static void print_word(const char *word) {
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+./,:@%";
  if (*word && word[strspn(word, plain)] == '\0') {
    fprintf(stderr, " %s", word);
    return;
  }
  fputs(" '", stderr);
  for (; *word; word++) {
    if (*word == '\'')
      fputs("'\\''", stderr);
    else
      fputc(*word, stderr);
  }
  fputc('\'', stderr);
}

static void say_how_to_resume(const fit *f, const train_options *o, int argc, char **argv) {
  unsigned long long step = fm_trainer_steps(f->trainer);
  if (!o->checkpoint) {
    fprintf(stderr, "flowmatch: interrupted after step %llu; only --checkpoint FILE would have saved it\n",
            step);
    return;
  }
  fprintf(stderr, "flowmatch: interrupted after step %llu, which is saved; to go on:\n  flowmatch", step);
  for (int i = 0; i < argc; i++) print_word(argv[i]);
  fputs(o->resume ? "\n" : " --resume\n", stderr);
}

/* ---- the command ----------------------------------------------------------------------------------- */

static int finish(fit *f, fit_result result, const dataset *d, const train_options *o, int argc,
                  char **argv) {
  if (result == FIT_FAILED) return EXIT_FAILURE;
  if (result == FIT_INTERRUPTED) {
    say_how_to_resume(f, o, argc, argv);
    return EXIT_INTERRUPTED;
  }
  if (!save_model(f, d, o) || (o->loss_curve && !draw_loss(f, d, o->loss_curve))) return EXIT_FAILURE;
  if (!cli_quiet) report(f, d, o);
  return EXIT_SUCCESS;
}

static bool hold_out(fm_ctx *ctx, dataset *d, const train_options *o) {
  if (o->val) return dataset_hold_out_file(ctx, d, o->val, o->val_labels, o->val_cond);
  return dataset_hold_out(ctx, d, o->held_out, o->seed);
}

static int train(fm_ctx *ctx, const train_options *o, const fm_net_options *net, const fm_path *path,
                 int argc, char **argv) {
  dataset d;
  fit f;
  int code = EXIT_FAILURE;
  if (!dataset_read(ctx, &o->data, o->labels, o->cond, o->missing == MISSING_MASK, &d)) return code;
  if (hold_out(ctx, &d, o)) {
    if (schedule_of(o) == FM_SCHEDULE_PLATEAU && d.n_held_out == 0)
      cli_warn("of so few rows none are held out, and the rate will not fall: give --held-out a share");
    fit_options options_of_fit = fit_options_of(o, net, path, &d.rows);
    if (fit_create(&f, ctx, &d, &options_of_fit)) {
      describe(&f, &d, o);
      cli_stop_on_signals(ctx);
      code = finish(&f, fit_run(&f, &d), &d, o, argc, argv);
      fit_free(&f);
    }
  }
  dataset_free(&d);
  return code;
}

static int start(const train_options *o, const fm_net_options *net, int argc, char **argv) {
  cli_quiet = o->quiet;
  if (!check_outputs(o)) return EXIT_FAILURE;
  fm_ctx *ctx = cli_context(o->threads);
  if (!ctx) return EXIT_FAILURE;
  fm_path *path = NULL;
  int code;
  if (fm_path_create_named(ctx, o->path, &path) == FM_OK)
    code = train(ctx, o, net, path, argc, argv);
  else
    code = args_wrong(&train_command, "--path: %s", fm_ctx_message(ctx));
  fm_path_destroy(path);
  fm_ctx_destroy(ctx);
  return code;
}

static int run(int argc, char **argv) {
  train_options o = {
      .net = DEFAULT_NET,
      .path = "condot",
      .time = "uniform",
      .coupling = "independent",
      .condition_weight = AUTOMATIC_SHARE,
      .normalise = AUTOMATIC,
      .label_dropout = .1,
      .ema = .999,
      .held_out = AUTOMATIC_SHARE,
      .steps = DEFAULT_STEPS,
      .batch = DEFAULT_BATCH,
      .clip = 1,
      .warmup = AUTOMATIC_COUNT,
      .accumulate = 1,
      .checkpoint_every = 30,
  };
  fm_net_options net;
  int code = args_parse(&train_command, argc, argv, &o);
  if (code < 0) code = check_options(&o, &net);
  if (code < 0) code = start(&o, &net, argc, argv);
  free(o.data.word);
  return code;
}
