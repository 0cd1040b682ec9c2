/* SPDX-License-Identifier: Apache-2.0 */
#include "zipnn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct zipnn {
	pid_t pid;
	FILE *ask, *answer;
};

static void become(const char *python, const char *script, int in, int out)
{
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	execl(python, python, script, (char *)NULL);
	_exit(127);
}

struct zipnn *zipnn_start(const char *python, const char *script)
{
	int to[2], from[2];
	char line[64];
	struct zipnn *z;

	if (!python || !script || access(python, X_OK) != 0 || pipe(to) != 0 || pipe(from) != 0)
		return NULL;
	z = calloc(1, sizeof(*z));
	if (!z)
		return NULL;
	z->pid = fork();
	if (z->pid == 0)
		become(python, script, to[0], from[1]);
	close(to[0]);
	close(from[1]);
	z->ask = fdopen(to[1], "w");
	z->answer = fdopen(from[0], "r");
	if (z->pid > 0 && z->ask && z->answer && fgets(line, sizeof(line), z->answer) &&
	    strcmp(line, "ready\n") == 0)
		return z;
	zipnn_stop(z);
	return NULL;
}

void zipnn_stop(struct zipnn *z)
{
	if (!z)
		return;
	if (z->ask)
		fclose(z->ask);
	if (z->answer)
		fclose(z->answer);
	if (z->pid > 0)
		waitpid(z->pid, NULL, 0);
	free(z);
}

static const char *name_of(enum st_num number)
{
	return number == ST_NUM_BF16 ? "bfloat16" :
	       number == ST_NUM_F16  ? "float16" :
	       number == ST_NUM_F32  ? "float32" :
				       NULL;
}

bool zipnn_takes(const struct zipnn *z, enum st_num number)
{
	return z && name_of(number);
}

size_t zipnn_run(struct zipnn *z, enum st_num number, const char *path, double *enc, double *dec)
{
	char line[128];
	size_t len;

	fprintf(z->ask, "%s %s\n", name_of(number), path);
	fflush(z->ask);
	if (!fgets(line, sizeof(line), z->answer) ||
	    sscanf(line, "%zu %lf %lf", &len, enc, dec) != 3) {
		fprintf(stderr, "codec_bench: zipnn failed on %s\n", path);
		exit(1);
	}
	return len;
}
