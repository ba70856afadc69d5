/* lib/base/build.h: how this program was built. */
#ifndef BP_BUILD_H
#define BP_BUILD_H

/* "compiler ..., flags ...": one line, for --version and `boltzpipe env`. */
const char *bp_build_info(void);

#endif
