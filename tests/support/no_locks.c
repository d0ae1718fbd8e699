/* A file system without locks, as some mounts of NFS or SMB are: LD_PRELOAD.
 *
 * What lies below the folder of NO_LOCKS_BELOW cannot be locked: NO_LOCKS_WHY is the errno. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int refused(int handle) {
    const char *below = getenv("NO_LOCKS_BELOW"), *why = getenv("NO_LOCKS_WHY");
    char link[64], found[4096];
    if (below == NULL || why == NULL) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
    ssize_t size = readlink(link, found, sizeof found - 1);
    if (size < 0) return 0;
    found[size] = 0;
    if (strncmp(found, below, strlen(below)) != 0) return 0;
    errno = atoi(why);
    return 1;
}

int flock(int handle, int how) {
    return refused(handle) ? -1 : (int)syscall(SYS_flock, handle, how);
}

static int locks(int what) {
    return what == F_SETLK || what == F_SETLKW || what == F_GETLK || what == F_OFD_SETLK ||
           what == F_OFD_SETLKW || what == F_OFD_GETLK;
}

int fcntl64(int handle, int what, ...) {
    va_list more;
    va_start(more, what);
    void *with = va_arg(more, void *);
    va_end(more);
    return locks(what) && refused(handle) ? -1 : (int)syscall(SYS_fcntl, handle, what, with);
}

int fcntl(int handle, int what, ...) {
    va_list more;
    va_start(more, what);
    void *with = va_arg(more, void *);
    va_end(more);
    return fcntl64(handle, what, with);
}
