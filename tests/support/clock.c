/* Preloaded into a program, sets its clock off by CLOCK_OFFSET_SECONDS. faketime does not know C11's cnd_timedwait,
 * by which librdkafka waits: with a clock ahead it would wait for just that long. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>

#define REAL(name) ((__typeof__(&name)) dlsym(RTLD_NEXT, #name))

static time_t offset(void) {
    const char *text = getenv("CLOCK_OFFSET_SECONDS");
    return text ? atol(text) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = REAL(clock_gettime)(clock, now);
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) now->tv_sec += offset();
    return result;
}

int gettimeofday(struct timeval *now, void *zone) {
    int result = REAL(gettimeofday)(now, zone);
    now->tv_sec += offset();
    return result;
}

int timespec_get(struct timespec *now, int base) {
    int result = REAL(timespec_get)(now, base);
    now->tv_sec += offset();
    return result;
}

time_t time(time_t *now) {
    time_t result = REAL(time)(NULL) + offset();
    if (now) *now = result;
    return result;
}

/* Seconds since 1970, and not since the machine's start. */
static struct timespec real(const struct timespec *until) {
    struct timespec result = *until;
    if (result.tv_sec > 1000000000) result.tv_sec -= offset();
    return result;
}

int cnd_timedwait(cnd_t *condition, mtx_t *mutex, const struct timespec *until) {
    struct timespec then = real(until);
    return REAL(cnd_timedwait)(condition, mutex, &then);
}

/* Not by dlsym, which would find the oldest of its versions, made for other conditions. */
int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until) {
    struct timespec then = real(until);
    clockid_t clock = until->tv_sec > 1000000000 ? CLOCK_REALTIME : CLOCK_MONOTONIC;
    return pthread_cond_clockwait(condition, mutex, clock, &then);
}
