/* A disk that is full while a file is there: nothing of a database grows any more. Loaded before the
   server's own libraries. What is within a file's size is written, as on a disk that is full, and so
   are the log and whatever else does not lie in base/. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int refuses(int file, off_t end)
{
    struct stat found;
    char link[64], path[4096];
    const char *full = getenv("PERDURE_TEST_DISK_IS_FULL");
    ssize_t length;

    if (full == NULL || access(full, F_OK) != 0)
        return 0;
    if (fstat(file, &found) != 0 || !S_ISREG(found.st_mode) || end <= found.st_size)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = '\0';
    return strstr(path, "/base/") != NULL;
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset)
{
    static ssize_t (*real)(int, const void *, size_t, off_t);
    if (real == NULL)
        real = dlsym(RTLD_NEXT, "pwrite");
    if (refuses(file, offset + (off_t) count)) {
        errno = ENOSPC;
        return -1;
    }
    return real(file, bytes, count, offset);
}

ssize_t pwritev(int file, const struct iovec *parts, int count, off_t offset)
{
    static ssize_t (*real)(int, const struct iovec *, int, off_t);
    off_t end = offset;
    if (real == NULL)
        real = dlsym(RTLD_NEXT, "pwritev");
    for (int part = 0; part < count; part++)
        end += (off_t) parts[part].iov_len;
    if (refuses(file, end)) {
        errno = ENOSPC;
        return -1;
    }
    return real(file, parts, count, offset);
}

int posix_fallocate(int file, off_t offset, off_t length)
{
    static int (*real)(int, off_t, off_t);
    if (real == NULL)
        real = dlsym(RTLD_NEXT, "posix_fallocate");
    return refuses(file, offset + length) ? ENOSPC : real(file, offset, length);
}
