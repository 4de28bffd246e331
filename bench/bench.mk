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
