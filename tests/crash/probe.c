/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What test_recorder.sh records: probe MODE, in the current directory. "every" makes each call
 * that the recorder knows; the other modes replace the file "data" in ways that are right or wrong,
 * or write in ways that cannot be recorded. Nothing here cares for the results of calls beyond
 * stopping at a failure: the replayer compares what the recording says with what is on the disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE 6000

static void need(const char *what, long long rc)
{
	if (rc < 0) {
		fprintf(stderr, "probe: %s: %s\n", what, strerror(errno));
		exit(3);
	}
}
#define NEED(call) need(#call, (long long)(call))

static int must_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0644);

	need(path, fd);
	return fd;
}

static void every_data_call(void)
{
	struct iovec iov[] = { { "one", 3 }, { "", 0 }, { "twothree", 8 } };
	int a = must_open("data", O_RDWR), b = must_open("b", O_RDWR | O_CREAT | O_EXCL);
	off_t zero = 0, at = 5000;

	NEED(write(b, "hello world", 11));
	NEED(lseek(b, 4, SEEK_SET));
	NEED(write(b, "O W", 3));
	NEED(writev(b, iov, 3));
	NEED(pwrite(b, "far", 3, 9000));
	NEED(pwritev(b, iov, 3, 100));
	NEED(pwritev2(b, iov, 3, -1, 0));
	NEED(ftruncate(b, 8000));
	NEED(truncate("b", 7000));
	NEED(posix_fallocate(b, 0, 7500));
	NEED(fallocate(b, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2, 5));
	NEED(fallocate(b, FALLOC_FL_KEEP_SIZE, 0, 90000));
	NEED(copy_file_range(a, &zero, b, &at, 100, 0));
	NEED(lseek(b, 10, SEEK_SET));
	NEED(sendfile(b, a, NULL, 50));
	NEED(fsync(b));
	NEED(close(dup(b)));
	NEED(dup2(b, 700));
	NEED(write(700, "through a duplicate", 19));

	NEED(close(a));
	a = must_open("data", O_WRONLY | O_APPEND);
	NEED(write(a, "appended", 8));
	NEED(pwrite(a, "also appended", 13, 3));
	NEED(fdatasync(a));
	NEED(close(a));
	a = must_open("data", O_WRONLY | O_DSYNC);
	NEED(pwrite(a, "synced", 6, 1));
	NEED(close(a));
	NEED(close(b));
}

static void every_name_call(void)
{
	char t1[] = "tmpXXXXXX", t2[] = "sub/tmpXXXXXX.part", t3[] = "dirXXXXXX", proc[64];
	int d, t;

	NEED(mkdir("sub/", 0700));
	d = must_open("sub", O_RDONLY | O_DIRECTORY);
	NEED(mkdirat(d, "deeper", 0755));
	NEED(close(openat(d, "deeper/x", O_CREAT | O_WRONLY, 0600)));
	NEED(close(creat("c", 0644)));
	NEED(write(must_open("b", O_WRONLY | O_TRUNC), "short", 5));
	NEED(write(mkstemp(t1), "t1", 2));
	NEED(write(mkostemps(t2, 5, O_CLOEXEC), "t2", 2));
	NEED(mkdtemp(t3) ? 0 : -1);
	NEED(symlink("../b", "sub/link"));
	NEED(symlinkat("nowhere", d, "dangling"));
	NEED(write(must_open("sub/link", O_WRONLY | O_CREAT), "B", 1));
	NEED(link("b", "sub/hard"));
	NEED(linkat(d, "hard", AT_FDCWD, "hard2", 0));
	NEED(rename("b", "hard2"));
	NEED(rename("c", "sub/c"));
	NEED(renameat(d, "c", d, "c2"));
	NEED(renameat2(d, "c2", AT_FDCWD, "data", RENAME_EXCHANGE));
	NEED(rename("sub/deeper", "moved"));
	NEED(rename(t3, "moved2"));
	NEED(chmod("data", 0640));
	NEED(fchmod(d, 0750));
	NEED(unlink(t1));
	NEED(unlinkat(d, "hard", 0));
	NEED(remove("moved/x"));
	NEED(rmdir("moved"));
	NEED(remove("moved2"));

	t = must_open(".", O_TMPFILE | O_RDWR);
	NEED(write(t, "unnamed", 7));
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", t);
	NEED(linkat(AT_FDCWD, proc, d, "named", AT_SYMLINK_FOLLOW));
	NEED(fsync(d));
	NEED(syncfs(d));
}

/* Each thread and the child extend one file; only a total order replays to the same end. */
static void *extend(void *arg)
{
	char c = *(char *)arg;

	for (int i = 0; i < 200; i++) {
		int fd = must_open("many", O_WRONLY | O_CREAT | O_APPEND);

		NEED(write(fd, &c, 1));
		NEED(close(fd));
		if (i % 20 == 0 && unlink("many") < 0 && errno != ENOENT)
			need("unlink", -1);
	}
	return NULL;
}

static void every_order(void)
{
	static char names[] = "abcd";
	pthread_t th[3];
	int status = 0;
	pid_t pid = fork();

	need("fork", pid);
	for (int i = 0; i < 3 && pid > 0; i++)
		pthread_create(&th[i], NULL, extend, &names[i]);
	if (pid == 0) {
		extend(&names[3]);
		exit(0);
	}
	for (int i = 0; i < 3; i++)
		pthread_join(th[i], NULL);
	NEED(waitpid(pid, &status, 0));
	NEED(status ? -1 : 0);
}

/* Replaces "data", which holds only 'o', by as many 'n'; the flags say which syncs to make. */
static void publish(int sync_file, int sync_dir)
{
	char buf[SIZE];
	int dir = must_open(".", O_RDONLY | O_DIRECTORY);
	int fd = must_open("data.tmp", O_WRONLY | O_CREAT | O_TRUNC);

	memset(buf, 'n', sizeof(buf));
	NEED(write(fd, buf, sizeof(buf) / 2));
	NEED(write(fd, buf, sizeof(buf) / 2));
	if (sync_file)
		NEED(fsync(fd));
	NEED(close(fd));
	NEED(rename("data.tmp", "data"));
	if (sync_dir)
		NEED(fsync(dir));
	NEED(close(dir));
}

static void overwrite(void)
{
	char buf[SIZE];
	int fd = must_open("data", O_WRONLY);

	memset(buf, 'n', sizeof(buf));
	NEED(write(fd, buf, sizeof(buf)));
	NEED(fsync(fd));
	NEED(close(fd));
}

static void map(int prot, int flags, const char *path)
{
	int fd = must_open(path, O_RDWR | O_CREAT);
	char *p;

	NEED(ftruncate(fd, SIZE));
	p = mmap(NULL, SIZE, prot, flags, fd, 0);
	NEED(p == MAP_FAILED ? -1 : 0);
	if (prot & PROT_WRITE)
		p[0] = 'm';
	NEED(munmap(p, SIZE));
	NEED(close(fd));
}

static void stdio(const char *mode)
{
	FILE *f = fopen("data", mode);

	NEED(f ? 0 : -1);
	if (mode[0] != 'r')
		fputs("text", f);
	NEED(fclose(f));
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	if (strcmp(mode, "every") == 0) {
		every_data_call();
		every_name_call();
		every_order();
	} else if (strcmp(mode, "safe") == 0) {
		publish(1, 1);
	} else if (strcmp(mode, "no-fsync") == 0) {
		publish(0, 1);
	} else if (strcmp(mode, "no-dir-fsync") == 0) {
		publish(1, 0);
	} else if (strcmp(mode, "overwrite") == 0) {
		overwrite();
	} else if (strcmp(mode, "mmap-write") == 0) {
		map(PROT_READ | PROT_WRITE, MAP_SHARED, "data");
	} else if (strcmp(mode, "mmap-harmless") == 0) {
		map(PROT_READ, MAP_SHARED, "data");
		map(PROT_READ | PROT_WRITE, MAP_PRIVATE, "data");
		map(PROT_READ | PROT_WRITE, MAP_SHARED, "x-shm");
	} else if (strcmp(mode, "stdio-write") == 0) {
		stdio("a");
	} else if (strcmp(mode, "stdio-read") == 0) {
		stdio("r");
	} else if (strcmp(mode, "dprintf") == 0) {
		NEED(dprintf(must_open("data", O_WRONLY), "%d", 5));
	} else if (strcmp(mode, "raw-syscall") == 0) {
		NEED(syscall(SYS_mkdirat, AT_FDCWD, "raw", 0755));
	} else if (strcmp(mode, "leave-root") == 0) {
		NEED(rename("data", "../data-moved"));
	} else {
		return 2;
	}
	return 0;
}
