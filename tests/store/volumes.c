/* A file system that lacks something, as the exporter sees it: shared memory maps (9p, virtiofs,
 * CIFS, Azure Files) with LACKS=maps, locks (NFS without a lock daemon) with LACKS=locks. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

static int lacks(const char *what) {
    const char *all = getenv("LACKS");
    return all && strstr(all, what);
}

static int is_of_store(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, "history.db") || strstr(path, ".lock");
}

void *mmap64(void *at, size_t size, int protection, int flags, int fd, off_t offset) {
    static void *(*real)(void *, size_t, int, int, int, off_t);
    if (!real) real = dlsym(RTLD_NEXT, "mmap64");
    if (fd >= 0 && (flags & MAP_SHARED) && lacks("maps") && is_of_store(fd)) {
        errno = ENODEV;
        return MAP_FAILED;
    }
    return real(at, size, protection, flags, fd, offset);
}

void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset) {
    return mmap64(at, size, protection, flags, fd, offset);
}

static int locks(int fd, int command, va_list more, const char *name) {
    void *argument = va_arg(more, void *);
    int (*real)(int, int, ...) = dlsym(RTLD_NEXT, name);
    if ((command == F_SETLK || command == F_SETLKW || command == F_GETLK) && lacks("locks")
        && is_of_store(fd)) {
        errno = ENOLCK;
        return -1;
    }
    return real(fd, command, argument);
}

int fcntl(int fd, int command, ...) {
    va_list more;
    va_start(more, command);
    int result = locks(fd, command, more, "fcntl");
    va_end(more);
    return result;
}

int fcntl64(int fd, int command, ...) {
    va_list more;
    va_start(more, command);
    int result = locks(fd, command, more, "fcntl64");
    va_end(more);
    return result;
}

int flock(int fd, int operation) {
    static int (*real)(int, int);
    if (!real) real = dlsym(RTLD_NEXT, "flock");
    if (lacks("flock") && is_of_store(fd)) {
        errno = ENOLCK;
        return -1;
    }
    return real(fd, operation);
}
