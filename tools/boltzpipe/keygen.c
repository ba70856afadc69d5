/* boltzpipe keygen [NAME]: a CURVE key for stages on other machines */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "stream/keys.h"
#include "subcommands.h"

static const struct bp_optdef no_options[] = { { 0 } };
static const struct bp_program program = { "boltzpipe keygen", "make a key for stages that talk over a network",
	"[NAME]",
	"Writes NAME.key, the secret half, which only you can read: for --key of the stages on one machine (or of one "
	"person); and NAME.pub, which goes into the --peer-keys folder of all others. NAME is this machine's name when "
	"none "
	"is given, and may have folders in front. A stage that connects to tcp://HOST:PORT expects the key HOST.pub "
	"there, "
	"or the only one.",
	no_options };

int
bp_keygen_main(int argc, char **argv)
{
	struct bp_arena *mem = NULL;
	struct bp_strlist args = { 0 };
	struct bp_err err = { 0 };
	struct bp_key key;
	char host[BP_PEER_NAME] = "";
	const char *name;
	int st = bp_main_start(&program, NULL, NULL, &args, argc, argv, &mem);

	if (st >= 0)
		return st;
	if (args.n == 0 && gethostname(host, sizeof host - 1) != 0)
		host[0] = 0;
	name = args.n ? args.v[0] : host;
	if (args.n > 1 || !*name || name[strlen(name) - 1] == '/')
		st = BP_FAIL(&err, BP_EUSAGE, "boltzpipe keygen NAME", "one name wanted");
	else if ((st = bp_key_make(&key, &err)) == BP_OK && (st = bp_key_write(name, &key, mem, &err)) == BP_OK) {
		printf("%s.key %s.pub\n", name, name);
		st = bp_stdout_flush(&err);
	}
	memset(&key, 0, sizeof key);
	if (st != BP_OK)
		st = bp_main_fail(&err);
	bp_arena_close(mem);
	return st;
}
