#include "base/build.h"

const char *
bp_build_info(void)
{
	return "compiler " __VERSION__ ", " BP_FLAGS;
}
