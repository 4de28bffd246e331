# Speed, and the promises that are measured. bench/peers compares with other frameworks (run.sh there).
BENCH_SHARED := $(BUILD)/bench/bench.o $(BUILD)/bench/floor.o
BENCH_PROGRAMS := $(patsubst bench/%.c,$(BUILD)/bench/%,$(wildcard bench/*_bench.c))
GATES_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard bench/gate*.c))

.PHONY: bench bench-programs gates
bench: bench-programs
	@for program in $(BENCH_PROGRAMS); do echo; $$program || exit 1; done

bench-programs: $(BENCH_PROGRAMS) $(BUILD)/bench/gates

gates: $(BUILD)/bench/gates
	$<

# The floor is measured with the same BLAS that the library is built with.
$(BUILD)/bench/%.o: FM_CFLAGS += $(BLAS_CFLAGS)
$(BUILD)/bench/%_bench: $(BUILD)/bench/%_bench.o $(BENCH_SHARED) $(STATIC)
	$(CC) $(FM_LDFLAGS) $(LDFLAGS) -o $@ $^ $(BLAS_LIBS) $(LIBS)
$(BUILD)/bench/gates: $(GATES_OBJECTS) $(BENCH_SHARED) $(STATIC)
	$(CC) $(FM_LDFLAGS) $(LDFLAGS) -o $@ $^ $(BLAS_LIBS) $(LIBS)
.SECONDARY: $(BENCH_PROGRAMS:%=%.o) $(BENCH_SHARED) $(GATES_OBJECTS)
-include $(wildcard $(BUILD)/bench/*.d)

# The field's published results on two-dimensional data (docs/tables.md): bench/tables/NAME_table.c prints ours beside
# theirs and ends with 1 if a line of acceptance is missed; bench/tables/run.sh runs them in turn and draws the
# pictures. TABLES names some of them, TABLES_OPTIONS gives them words (--seeds 3).
TABLES ?= solvers checkerboard reflow few_steps minibatch_ot conditions
TABLE_PROGRAMS := $(patsubst bench/%.c,$(BUILD)/bench/%,$(wildcard bench/tables/*_table.c))
TABLE_SHARED := $(patsubst %,$(BUILD)/bench/tables/%.o,run rows models)
CURVES := $(BUILD)/bench/tables/curves

.PHONY: tables tables-quick table-programs
# Hours: five seeds, all steps, 10000 test rows.
tables: table-programs $(PROGRAM)
	sh bench/tables/run.sh $(BUILD) $(BUILD)/tables "$(TABLES)" $(TABLES_OPTIONS)
# Minutes, bounded: two seeds, fewer steps and test rows, OT within 256 rows.
tables-quick: table-programs $(PROGRAM)
	sh bench/tables/run.sh $(BUILD) $(BUILD)/tables-quick "$(TABLES)" --quick $(TABLES_OPTIONS)

table-programs: $(TABLE_PROGRAMS) $(CURVES)

$(TABLE_PROGRAMS): $(BUILD)/%: $(BUILD)/%.o $(TABLE_SHARED) $(STATIC)
	$(call say,LINK,$@)
	$(Q)$(CC) $(FM_LDFLAGS) $(LDFLAGS) -o $@ $^ $(BLAS_LIBS) $(LIBS)
# Curves are drawn with what flowmatch plot draws with.
CURVES_PARTS := $(patsubst %,$(BUILD)/src/cli/%.o,axes canvas cli colour_map font output $(if $(filter none,$(PNG)),png_none,png))
$(CURVES): $(CURVES).o $(CURVES_PARTS) $(STATIC)
	$(call say,LINK,$@)
	$(Q)$(CC) $(FM_LDFLAGS) $(LDFLAGS) -o $@ $^ $(BLAS_LIBS) $(PNG_LIBS) $(LIBS)
.SECONDARY: $(TABLE_PROGRAMS:%=%.o) $(TABLE_SHARED) $(CURVES).o
-include $(wildcard $(BUILD)/bench/tables/*.d)
