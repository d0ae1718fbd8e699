/* The wall clock of a program, moved on by whoever wrote a number into a file: LD_PRELOAD.
 *
 * The file of SHIFTED_CLOCK holds nanoseconds, as eight bytes of this machine; all processes that
 * have it mapped see a new number at once. The monotonic clock and every sleep are the real ones. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL

static const volatile int64_t *shift;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("SHIFTED_CLOCK");
    int handle = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (handle < 0) abort();
    void *seen = mmap(NULL, sizeof *shift, PROT_READ, MAP_SHARED, handle, 0);
    if (seen == MAP_FAILED) abort();
    shift = seen;
    close(handle);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    long failed = syscall(SYS_clock_gettime, clock, now);
    if (failed == 0 && shift != NULL && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        int64_t at = now->tv_sec * SECOND + now->tv_nsec + *shift;
        now->tv_sec = at / SECOND;
        now->tv_nsec = at % SECOND;
    }
    return (int)failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    (void)zone;
    struct timespec seen;
    int failed = clock_gettime(CLOCK_REALTIME, &seen);
    now->tv_sec = seen.tv_sec;
    now->tv_usec = seen.tv_nsec / 1000;
    return failed;
}

time_t time(time_t *kept) {
    struct timespec seen;
    clock_gettime(CLOCK_REALTIME, &seen);
    if (kept != NULL) *kept = seen.tv_sec;
    return seen.tv_sec;
}
