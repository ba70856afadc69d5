# boltzpipe: make, make demo, make check, make bench, make install PREFIX=...
# A .c file in lib/SUBJECT belongs to the library, the .c files of a folder in tools/ are a program, tests/SUBJECT/test_X.c a test program.
# V=1 shows the commands; asan=1 builds with address and undefined-behaviour sanitizers, beside the ordinary build.
include config.mk

comma   := ,
PERCENT := %
# CUDA rows are built where nvcc is found, into build/cuda (CUDA=0: not; their tests say "skipped" without a card)
NVCC    ?= $(firstword $(shell command -v nvcc 2>/dev/null) $(wildcard /usr/local/cuda/bin/nvcc))
CUDA    ?= $(if $(NVCC),1,0)
CFG     := $(if $(asan),asan,$(if $(filter 1,$(CUDA)),cuda,release))
B       := build/$(CFG)
CPPFLAGS += -Ilib -D_GNU_SOURCE -DBP_VERSION='"$(VERSION)"' -DBP_PREFIX='"$(PREFIX)"' $(if $(asan),-DBP_DEBUG_ARENA)
CFLAGS  += -std=c11 -O2 -g -Wall -Wextra $(WERROR) -fno-math-errno -fopenmp -MMD -MP $(SAN)
# the C++ files are mostly other people's templates, which all the sanitizers together compile for minutes
CXXFLAGS += -std=c++17 $(if $(asan),-O1 -fsanitize=address -fno-omit-frame-pointer,-O2) -g -Wall -Wextra $(WERROR) -MMD -MP
SAN     := $(if $(asan),-fsanitize=address$(comma)undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
say      = $(if $(V),,@echo '  $@';)
# optional: RDKit derives the tables of potentials (only programs that use it are linked with it)
RDKIT   := $(patsubst %/GraphMol/GraphMol.h,%,$(firstword $(wildcard /usr/include/rdkit/GraphMol/GraphMol.h \
	/usr/local/include/rdkit/GraphMol/GraphMol.h)))
RDKIT_LIBS := $(if $(RDKIT),$(addprefix -lRDKit,DistGeomHelpers DistGeometry SmilesParse \
	SubstructMatch GraphMol RDGeometryLib RDGeneral))
$(if $(RDKIT),,$(info no RDKit (librdkit-dev): `ccd build` will derive no tables))
LDLIBS  += $(RDKIT_LIBS) -lmsgpackc -lyaml -ljansson -lxxhash -lzmq -lz -lstdc++ -lm -fopenmp $(SAN)
VERSION := 0.1.0
# optional: libmicrohttpd serves the counters (--metrics)
MHD     := $(wildcard /usr/include/microhttpd.h /usr/local/include/microhttpd.h)
$(if $(MHD),,$(info no libmicrohttpd (libmicrohttpd-dev): no --metrics))
LDLIBS  += $(if $(MHD),-lmicrohttpd)

ifeq ($(CUDA)$(asan),1)
$(if $(NVCC),,$(error CUDA=1 needs nvcc: put it on the PATH, or give NVCC=...))
NVCC_LIB := $(dir $(lastword $(realpath $(NVCC))))../lib64
CPPFLAGS += -DBP_HAVE_CUDA -Ikernels
CUDASRC := $(wildcard kernels/*.cu)
LDLIBS  += -L$(NVCC_LIB) -lcudart_static -ldl -lrt -lpthread
else ifndef asan
$(info boltzpipe: $(if $(NVCC),CUDA=0,no nvcc): building the CPU tools only)
endif

LIBSRC  := $(wildcard lib/*/*.c) $(wildcard lib/*/*.cpp)
LIBOBJ  := $(patsubst %,$(B)/%.o,$(basename $(LIBSRC) $(CUDASRC)))
LIB     := $(B)/libboltzpipe.a
TOOLS   := $(patsubst tools/%/main.c,$(B)/bin/%,$(wildcard tools/*/main.c))
TESTS   := $(patsubst tests/%.c,$(B)/tests/%,$(wildcard tests/*/test_*.c))

.PHONY: all bundle bundle-here setup demo demo-all demo-saxs check check-large fuzz unit pipe chaos slurm bench bench-guide bench-ops bench-wire install uninstall clean
.SECONDARY:
all: $(TOOLS)
	@ln -sfn $(CFG)/bin build/bin

$(B)/lib/base/build.o: CPPFLAGS += -DBP_FLAGS='"$(filter-out -M%,$(CFLAGS))"'
$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(say)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
$(B)/%.o: %.cpp
	@mkdir -p $(@D)
	$(say)$(CXX) $(CPPFLAGS) $(CXXFLAGS) -c -o $@ $<
$(B)/lib/stream/metrics.o: CPPFLAGS += $(if $(MHD),-DBP_HAVE_MICROHTTPD)
$(B)/lib/chem/rdkit.o: CXXFLAGS += $(if $(RDKIT),-isystem $(RDKIT) -DBP_HAVE_RDKIT)
$(B)/%.o: %.cu
	@mkdir -p $(@D)
	$(say)$(NVCC) $(CPPFLAGS) -std=c++17 -O2 -g -lineinfo $(CUDA_ARCH) -Xcompiler -Wall,-Wextra,-Wno-unknown-pragmas$(addprefix $(comma),$(WERROR)) -MMD -MP -c -o $@ $<
# the vector code: multiply-add in one rounding where the machine has it
$(patsubst %,$(B)/lib/ops/%.o,gemm vec exposed_fraction pair_histogram pair_force pair_sinc pair_sinc_force pair_move \
	sinc_sum sinc_force wave_sum wave_force): CFLAGS += -ffp-contract=fast
$(LIB): $(LIBOBJ)
	@rm -f $@
	$(say)ar rcs $@ $^
.SECONDEXPANSION:
$(B)/bin/%: $$(patsubst $$(PERCENT).c,$(B)/$$(PERCENT).o,$$(wildcard tools/%/*.c)) $(LIB)
	@mkdir -p $(@D)
	$(say)$(CC) -o $@ $^ $(LDLIBS)
$(B)/tests/%: $(B)/tests/%.o $(LIB)
	$(say)$(CC) -o $@ $(filter %.o,$^) $(LIB) -lcmocka $(LDLIBS)
$(B)/tests/ops/test_check: $(patsubst %.c,$(B)/%.o,$(wildcard tests/ops/cases_*.c tests/ops/check_*.c))

# ---- the README's two commands ----
setup:
	@./setup.sh build
demo: setup
	@$(MAKE) --no-print-directory all
	@share/demo/demo.sh $(B)/bin out/demo ubiquitin
demo-all: all
	@share/demo/demo.sh $(B)/bin out/demo
demo-saxs: all
	@share/demo/demo-saxs.sh $(B)/bin out/demo-saxs
check:
	@./setup.sh build test
	@$(MAKE) --no-print-directory all unit pipe
	@$(MAKE) --no-print-directory asan=1 unit
	@if command -v clang >/dev/null; then $(MAKE) --no-print-directory fuzz SECONDS=5; else echo "skipped: fuzzers: no clang"; fi

unit: $(TESTS)
	@tests/run.sh $(B) $(TESTS)
pipe: all $(B)/tests/wire/fake $(B)/bench/guide # so that no change breaks `make bench` unseen
	@tests/pipe/run.sh $(B)/bin
# ten thousand targets, a stage killed each second; then with cut links and a full disk (as root)
slurm: all # boltzpipe submit on a real Slurm of this machine (Debian: slurm-wlm munge; root)
	@tests/slurm/run.sh $(B)/bin || [ $$? = 77 ]
chaos: $(B)/bin/write $(B)/tests/wire/fake
	TARGETS=10000 TRUNKS=8 DIFFUSES=2 EVERY=1 MS=200 LIMIT=1200 tests/wire/chaos.sh $(B)/bin $(B)/tests/wire/fake
	TARGETS=1000 EVERY=1 NET=1 LIMIT=600 tests/wire/chaos.sh $(B)/bin $(B)/tests/wire/fake
	TARGETS=500 EVERY=1 DISK=1 LIMIT=600 tests/wire/chaos.sh $(B)/bin $(B)/tests/wire/fake

# ---- not in `make check`: long fuzzing (make fuzz SECONDS=600), and the full-size checkpoint (ORACLE=.../oracle/mkckpt.py PYTHON=...) ----
SECONDS  = 60
FUZZ     := build/fuzz
FUZZERS  := $(patsubst tests/fuzz/%.c,$(FUZZ)/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZLIB  := $(patsubst %,$(FUZZ)/%.o,$(basename $(filter-out lib/ops/% lib/model/% lib/chem/rdkit.cpp,$(LIBSRC))))
FUZZCC   := -g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined -DBP_DEBUG_ARENA \
	-DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION -DBP_FLAGS='"fuzzing"' -MMD -MP
fuzz: $(FUZZERS)
	@tests/fuzz/run.sh $(SECONDS) $(FUZZERS)
$(FUZZ)/lib/%.o: lib/%.c
	@mkdir -p $(@D)
	$(say)clang $(CPPFLAGS) -std=c11 $(FUZZCC) -fsanitize=fuzzer-no-link -c -o $@ $<
$(FUZZ)/lib/%.o: lib/%.cpp
	@mkdir -p $(@D)
	$(say)clang++ $(CPPFLAGS) -std=c++17 $(FUZZCC) -fno-sanitize=vptr -fsanitize=fuzzer-no-link -c -o $@ $<
$(FUZZ)/lib.a: $(FUZZLIB)
	@rm -f $@
	$(say)ar rcs $@ $^
$(FUZZ)/fuzz_%: tests/fuzz/fuzz_%.c $(FUZZ)/lib.a
	$(say)clang $(CPPFLAGS) -std=c11 $(FUZZCC) -fsanitize=fuzzer -o $@ $< $(FUZZ)/lib.a -lmsgpackc -lyaml -ljansson -lxxhash -lzmq -lz -lstdc++ -lm
check-large: $(B)/bin/weights
	@tests/large.sh $(B)/bin "$(ORACLE)"

# ---- speed: whole stages beside PyTorch (PYTHON=..., see bench/cpu.sh), and single ops ----
bench: all bench-guide
	@bench/cpu.sh $(B)/bin
bench-guide: $(B)/bin/guide-saxs $(B)/bench/guide
	@bench/guide.sh $(B)/bin $(B)/bench/guide
$(B)/bench/guide: $(B)/bench/guide.o $(LIB)
	$(say)$(CC) -o $@ $^ $(LDLIBS)
bench-wire: $(B)/bin/write $(B)/tests/wire/fake
	@bench/wire.sh $(B)/bin $(B)/tests/wire/fake
bench-ops: $(B)/tests/ops/test_check
	@$< bench

# ---- a folder that runs anywhere (small=1: to carry; see bundle.sh) ----
BUNDLED  := $(patsubst %,$(B)/bundled/%,$(notdir $(TOOLS)) test_check)
ARCHS     = -t 2 --compress-mode=size $(foreach n,$(CARDS),-gencode arch=compute_$n,code=sm_$n) \
	$(foreach n,$(PTX),-gencode arch=compute_$n,code=compute_$n)
RPATH    := -s -Wl,--disable-new-dtags,-rpath,'$$ORIGIN/../lib'
bundle:
	@$(MAKE) --no-print-directory bundle-here $(if $(CUDASRC),$(if $(filter file,$(origin CUDA_ARCH)),CFG=cards-$(subst $() $(),-,$(CARDS)) CUDA_ARCH="$(ARCHS)"))
bundle-here: $(BUNDLED)
	@CUDA_LIB=$(if $(CUDASRC),$(NVCC_LIB)) ./bundle.sh $(B)/bundled $(B)/boltzpipe$(if $(small),-small) $(small)
$(B)/bundled/test_check: $(patsubst %.c,$(B)/%.o,tests/ops/test_check.c $(wildcard tests/ops/cases_*.c tests/ops/check_*.c)) $(LIB)
	@mkdir -p $(@D)
	$(say)$(CC) $(RPATH) -o $@ $^ -lcmocka $(LDLIBS)
$(B)/bundled/%: $$(patsubst $$(PERCENT).c,$(B)/$$(PERCENT).o,$$(wildcard tools/%/*.c)) $(LIB)
	@mkdir -p $(@D)
	$(say)$(CC) $(RPATH) -o $@ $^ $(LDLIBS)

# ---- installing ----
NAMES    := $(filter-out boltzpipe,$(notdir $(TOOLS)))
LIBEXEC  := $(DESTDIR)$(PREFIX)/libexec/boltzpipe
SHARE    := $(DESTDIR)$(PREFIX)/share
MAN      := $(SHARE)/man/man1
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(LIBEXEC) $(SHARE)/boltzpipe $(MAN) $(SHARE)/bash-completion/completions
	install $(B)/bin/boltzpipe $(DESTDIR)$(PREFIX)/bin
	install $(addprefix $(B)/bin/,$(NAMES)) $(LIBEXEC)
	cp -r share/demo share/ccd share/slurm $(SHARE)/boltzpipe
	install -d $(SHARE)/doc/boltzpipe
	install -m 644 doc/*.md $(SHARE)/doc/boltzpipe
	install -m 644 share/completion/boltzpipe.bash $(SHARE)/bash-completion/completions/boltzpipe
	for t in $(NAMES); do $(B)/bin/$$t --help-man >$(MAN)/boltzpipe-$$t.1 || exit 1; done
	for t in predict submit show rmsd sweep env keygen top; do $(B)/bin/boltzpipe $$t --help-man >$(MAN)/boltzpipe-$$t.1 || exit 1; done
	$(B)/bin/boltzpipe --help-man >$(MAN)/boltzpipe.1
uninstall:
	rm -rf $(DESTDIR)$(PREFIX)/bin/boltzpipe $(LIBEXEC) $(SHARE)/boltzpipe $(SHARE)/doc/boltzpipe $(MAN)/boltzpipe.1 $(MAN)/boltzpipe-*.1 \
	    $(SHARE)/bash-completion/completions/boltzpipe

clean:
	rm -rf build

-include $(shell find $(B) $(FUZZ) -name '*.d' 2>/dev/null)
