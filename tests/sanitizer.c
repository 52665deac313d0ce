/* AddressSanitizer knows nothing of system calls that a program makes by itself. To be preloaded into one that is built
 * with it (scripts/check-unsafe): asks it whether the memory that the kernel is to read or write is all there. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <time.h>

/* Of the kernel's sigset_t and sigaction (asm/signal.h), which aren't the C library's. */
enum { SIGNALS = 8, ACTION = 24 + SIGNALS };

static void check(long call, const void *address, size_t length)
{
    static void *(*first_poisoned)(const void *, size_t);
    if (!first_poisoned)
        first_poisoned = (void *(*)(const void *, size_t))dlsym(RTLD_DEFAULT, "__asan_region_is_poisoned");
    if (!first_poisoned) {
        fprintf(stderr, "this program isn't built with AddressSanitizer\n");
        abort();
    }
    const char *place = first_poisoned(address, length);
    if (place) {
        fprintf(stderr, "system call %ld: byte %td of %zu isn't there\n", call, place - (const char *)address, length);
        abort();
    }
}

/* What the program makes all its system calls by. */
long syscall(long call, ...)
{
    long a[6];
    va_list list;
    va_start(list, call);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);

    switch (call) {
    case SYS_uname: check(call, (void *)a[0], sizeof(struct utsname)); break;
    case SYS_nanosleep: check(call, (void *)a[0], sizeof(struct timespec)); break;
    case SYS_rt_sigtimedwait: check(call, (void *)a[0], SIGNALS); break;
    case SYS_rt_sigaction: check(call, (void *)a[1], ACTION); break;
    case SYS_rt_sigprocmask: check(call, (void *)a[1], SIGNALS); break;
    case SYS_setitimer: check(call, (void *)a[1], sizeof(struct itimerval)); break;
    case SYS_read:
    case SYS_write:
    case SYS_recvfrom: check(call, (void *)a[1], a[2]); break;
    case SYS_renameat: check(call, (void *)a[3], strlen((char *)a[3]) + 1); /* fall through */
    case SYS_openat:
    case SYS_unlinkat: check(call, (void *)a[1], strlen((char *)a[1]) + 1); break;
    case SYS_newfstatat:
        check(call, (void *)a[1], strlen((char *)a[1]) + 1);
        check(call, (void *)a[2], sizeof(struct stat));
        break;
    case SYS_readlinkat:
        check(call, (void *)a[1], strlen((char *)a[1]) + 1);
        check(call, (void *)a[2], a[3]);
        break;
    /* They are given no memory. */
    case SYS_close:
    case SYS_flock:
    case SYS_getpid:
    case SYS_socket:
    case SYS_umask: break;
    default: fprintf(stderr, "system call %ld: unknown\n", call); abort();
    }
    long (*next)(long, ...) = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    return next(call, a[0], a[1], a[2], a[3], a[4], a[5]);
}
