/* A library to preload into a program that is built with AddressSanitizer
 * (scripts/test/unsafe). Each function here asks the sanitizer whether the
 * program may access all memory that the kernel is about to read or write.
 * The sanitizer itself checks other functions, such as read and write. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

static void check(const char *function, const void *address, size_t length)
{
    static void *(*first_poisoned)(const void *, size_t);
    if (!first_poisoned)
        first_poisoned = (void *(*)(const void *, size_t))dlsym(RTLD_DEFAULT, "__asan_region_is_poisoned");
    if (!first_poisoned) {
        fprintf(stderr, "expected a program that is built with AddressSanitizer\n");
        abort();
    }
    const char *poisoned = first_poisoned((void *)address, length);
    if (poisoned) {
        fprintf(stderr, "%s: expected %zu accessible bytes, but byte %td is poisoned\n", function, length,
                poisoned - (const char *)address);
        abort();
    }
}

static void check_path(const char *function, const char *path)
{
    check(function, path, strlen(path) + 1);
}

#define NEXT(function) ((__typeof__(&function))dlsym(RTLD_NEXT, #function))

int openat(int directory, const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = va_arg(list, mode_t);
    va_end(list);
    check_path("openat", path);
    return NEXT(openat)(directory, path, flags, mode);
}

int unlinkat(int directory, const char *path, int flags)
{
    check_path("unlinkat", path);
    return NEXT(unlinkat)(directory, path, flags);
}

int renameat(int from_directory, const char *from, int to_directory, const char *to)
{
    check_path("renameat", from);
    check_path("renameat", to);
    return NEXT(renameat)(from_directory, from, to_directory, to);
}

int fstatat64(int directory, const char *restrict path, struct stat64 *restrict stat, int flags)
{
    check_path("fstatat64", path);
    check("fstatat64", stat, sizeof *stat);
    return NEXT(fstatat64)(directory, path, stat, flags);
}

ssize_t readlinkat(int directory, const char *restrict path, char *restrict buffer, size_t length)
{
    check_path("readlinkat", path);
    check("readlinkat", buffer, length);
    return NEXT(readlinkat)(directory, path, buffer, length);
}

int signalfd(int descriptor, const sigset_t *signals, int flags)
{
    check("signalfd", signals, sizeof *signals);
    return NEXT(signalfd)(descriptor, signals, flags);
}
