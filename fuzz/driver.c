/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target on the files named, as ordinary tests in TAP. libFuzzer brings a main of its
 * own; this one is linked in its absence, so that every compiler can run the corpora.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * The input gets a block of its own, which ends where the input does so that a sanitizer sees one
 * byte too many, and which starts one byte before it so that no alignment can be relied upon.
 */
static int run_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *block = NULL;
	long size = -1;
	int rc = -1;

	if (!f)
		return -1;
	if (fseek(f, 0, SEEK_END) == 0)
		size = ftell(f);
	if (size >= 0 && fseek(f, 0, SEEK_SET) == 0)
		block = malloc((size_t)size + 1);
	if (block && fread(block + 1, 1, (size_t)size, f) == (size_t)size)
		rc = LLVMFuzzerTestOneInput(block + 1, (size_t)size);
	free(block);
	fclose(f);
	return rc;
}

int main(int argc, char **argv)
{
	int failed = 0;

	/* Plan first, unbuffered: inputs after one that kills the program count as failed. */
	setvbuf(stdout, NULL, _IONBF, 0);
	printf("1..%d\n", argc - 1);
	for (int i = 1; i < argc; i++) {
		printf("# running %s\n", argv[i]);
		if (run_file(argv[i]) == 0) {
			printf("ok %d - %s\n", i, argv[i]);
		} else {
			printf("not ok %d - %s\n", i, argv[i]);
			failed = 1;
		}
	}
	return failed;
}
