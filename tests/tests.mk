# The tests. A file tests/unit/NAME_test.c is a Check program; it may include internal headers.
CHECK_CFLAGS = $(shell $(PKG_CONFIG) --cflags check)
CHECK_LIBS = $(shell $(PKG_CONFIG) --libs check)
UNIT := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*_test.c))

$(BUILD)/tests/unit/%.o: FM_CFLAGS += $(CHECK_CFLAGS) -Itests/unit
$(BUILD)/tests/unit/%_test: $(BUILD)/tests/unit/%_test.o $(STATIC)
	$(call say,LINK,$@)
	$(Q)$(CC) $(FM_LDFLAGS) $(LDFLAGS) -o $@ $^ $(BLAS_LIBS) $(CHECK_LIBS) $(LIBS)
-include $(wildcard $(BUILD)/tests/unit/*.d)
.SECONDARY: $(UNIT:%=$(BUILD)/tests/unit/%.o)
