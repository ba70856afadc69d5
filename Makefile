# boltzpipe: make, make demo, make check, make bench, make install PREFIX=...
# A .c file in lib/SUBJECT belongs to the library, the .c files of a folder in tools/ are a program, tests/SUBJECT/test_X.c a test program.
# V=1 shows the commands; asan=1 builds with address and undefined-behaviour sanitizers, beside the ordinary build.
include config.mk

comma   := ,
PERCENT := %
CFG     := $(if $(asan),asan,release)
B       := build/$(CFG)
CPPFLAGS += -Ilib -D_GNU_SOURCE -DBP_VERSION='"$(VERSION)"' -DBP_PREFIX='"$(PREFIX)"' $(if $(asan),-DBP_DEBUG_ARENA)
CFLAGS  += -std=c11 -O2 -g -Wall -Wextra $(WERROR) -fno-math-errno -fopenmp -MMD -MP $(SAN)
CXXFLAGS += -std=c++17 -O2 -g -Wall -Wextra $(WERROR) -MMD -MP $(SAN)
SAN     := $(if $(asan),-fsanitize=address$(comma)undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
say      = $(if $(V),,@echo '  $@';)
LDLIBS  += -lmsgpackc -lyaml -ljansson -lxxhash -lz $(BLAS) -lstdc++ -lm -fopenmp $(SAN)
VERSION := 0.1.0

LIBSRC  := $(wildcard lib/*/*.c) $(wildcard lib/*/*.cpp)
LIBOBJ  := $(patsubst %,$(B)/%.o,$(basename $(LIBSRC)))
LIB     := $(B)/libboltzpipe.a
TOOLS   := $(patsubst tools/%/main.c,$(B)/bin/%,$(wildcard tools/*/main.c))
TESTS   := $(patsubst tests/%.c,$(B)/tests/%,$(wildcard tests/*/test_*.c))

.PHONY: all clean unit
.SECONDARY:
all: $(TOOLS)

$(B)/lib/base/build.o: CPPFLAGS += -DBP_FLAGS='"$(filter-out -M%,$(CFLAGS)) $(BLAS)"'
$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(say)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
$(B)/%.o: %.cpp
	@mkdir -p $(@D)
	$(say)$(CXX) $(CPPFLAGS) $(CXXFLAGS) -c -o $@ $<
$(LIB): $(LIBOBJ)
	@rm -f $@
	$(say)ar rcs $@ $^
.SECONDEXPANSION:
$(B)/bin/%: $$(patsubst $$(PERCENT).c,$(B)/$$(PERCENT).o,$$(wildcard tools/%/*.c)) $(LIB)
	@mkdir -p $(@D)
	$(say)$(CC) -o $@ $^ $(LDLIBS)
$(B)/tests/%: $(B)/tests/%.o $(LIB)
	$(say)$(CC) -o $@ $(filter %.o,$^) $(LIB) -lcmocka $(LDLIBS)
$(B)/tests/ops/test_check: $(patsubst %.c,$(B)/%.o,$(wildcard tests/ops/cases_*.c))

unit: $(TESTS)
	@for t in $(TESTS); do echo "== $$t"; $$t || exit 1; done

clean:
	rm -rf build

-include $(shell find $(B) -name '*.d' 2>/dev/null)
