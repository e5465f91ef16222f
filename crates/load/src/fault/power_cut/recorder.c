/* Records what a power cut would take away. Loaded into a server by LD_PRELOAD.
 *
 * Before a file under the watched folder is written to or changes its size, what stood there goes into the log; around
 * each fsync and fdatasync goes a record of its beginning and, if it succeeded, of its end. So whoever reads the log can
 * put every file back to what was certainly on disk: all that was written before its last completed sync began.
 *
 * All processes append to one log, each record by one call in append mode, which keeps records whole and in order.
 * Whether a file is watched is asked of the system each time, so that descriptors may be duplicated, inherited and reused.
 *
 * Creating, renaming and deleting count as durable at once. What is written through a memory map, by stdio's own buffers,
 * by splice and their like, or by io_uring, is not seen; redis-server, PostgreSQL and SQLite write their durable files by
 * the calls below. sync_file_range makes nothing durable, and is left alone.
 *
 * POWER_CUT_FOLDER is the watched folder, without links in its path; POWER_CUT_LOG the log, which exists already.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#if !defined(__linux__) || __SIZEOF_POINTER__ != 8
#error "the recorder knows 64-bit Linux only"
#endif

/* Pre-images go into the log in pieces of this size. */
#define PIECE 16384
/* The log's descriptor keeps out of the way of programs that count on low numbers. */
#define HIGH 900

enum kind {
    LOADED = 1, /* a process has the recorder */
    BYTES = 2,  /* what stood at `place`; the bytes follow */
    SIZE = 3,   /* the size was `place` */
    BEGIN = 4,  /* a sync begins */
    END = 5,    /* it has succeeded */
};

struct record {
    char magic[4];
    uint32_t kind;
    uint32_t process;
    uint32_t serial; /* of a sync, within its process */
    uint64_t inode;
    int64_t born; /* nanoseconds; tells a file from a later one with its inode; 0: the file system does not say */
    uint64_t place;
    uint64_t length; /* of what follows */
};

struct file {
    uint64_t inode;
    int64_t born;
    uint64_t size;
};

/* Copies: servers write their titles over their environment. */
static char folder[PATH_MAX];
static size_t folder_length;
static char log_path[PATH_MAX];
static int log_fd = -1;
static uint64_t log_inode;
static uint32_t serials;

/* A record that is missing would make a verdict wrong: no process goes on without it. */
static void give_up(const char *doing)
{
    static const char text[] = "power cut recorder: cannot ";
    syscall(SYS_write, 2, text, sizeof text - 1);
    syscall(SYS_write, 2, doing, strlen(doing));
    syscall(SYS_write, 2, "\n", 1);
    abort();
}

static void open_log(void)
{
    struct stat told;
    int fd = syscall(SYS_openat, AT_FDCWD, log_path, O_WRONLY | O_APPEND | O_CLOEXEC, 0);
    if (fd < 0) give_up("open its log");
    int high = fcntl(fd, F_DUPFD_CLOEXEC, HIGH);
    if (high >= 0) {
        syscall(SYS_close, fd);
        fd = high;
    }
    if (fstat(fd, &told) != 0) give_up("look at its log");
    log_inode = told.st_ino;
    log_fd = fd;
}

/* The program may have closed our descriptor, and given its number to another file. */
static int live_log(void)
{
    struct stat told;
    if (log_fd < 0 || fstat(log_fd, &told) != 0 || told.st_ino != log_inode) open_log();
    return log_fd;
}

static void append(enum kind kind, uint32_t serial, const struct file *file, uint64_t place, const void *bytes,
                   size_t length)
{
    struct record record = {
        .magic = {'P', 'C', 'U', 'T'},
        .kind = kind,
        .process = getpid(),
        .serial = serial,
        .inode = file->inode,
        .born = file->born,
        .place = place,
        .length = length,
    };
    struct iovec parts[2] = {{&record, sizeof record}, {(void *)bytes, length}};
    ssize_t whole = sizeof record + length;
    if (syscall(SYS_writev, live_log(), parts, length > 0 ? 2 : 1) != whole) give_up("write its log");
}

/* Whether the descriptor is a file under the watched folder. */
static int watched(int fd, struct file *file)
{
    struct statx told;
    char link[32], path[PATH_MAX];
    if (folder_length == 0) return 0;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &told) != 0 || !S_ISREG(told.stx_mode)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path);
    if (length <= (ssize_t)folder_length || path[folder_length] != '/' || memcmp(path, folder, folder_length) != 0) {
        return 0;
    }
    file->inode = told.stx_ino;
    file->born = told.stx_mask & STATX_BTIME ? told.stx_btime.tv_sec * 1000000000LL + told.stx_btime.tv_nsec : 0;
    file->size = told.stx_size;
    return 1;
}

/* Keeps what stands between two places of the file. */
static void keep(int fd, const struct file *file, uint64_t from, uint64_t to)
{
    char bytes[PIECE], link[32];
    int own = -1;
    while (from < to) {
        size_t wanted = to - from < PIECE ? to - from : PIECE;
        ssize_t got = syscall(SYS_pread64, own < 0 ? fd : own, bytes, wanted, from);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && own < 0) {
            /* Open for writing alone, or for aligned reads alone. */
            snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
            own = syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC, 0);
            if (own < 0) give_up("read what is overwritten");
            continue;
        }
        if (got < 0) give_up("read what is overwritten");
        /* Shorter than it was a moment ago. */
        if (got == 0) break;
        append(BYTES, 0, file, from, bytes, got);
        from += got;
    }
    if (own >= 0) syscall(SYS_close, own);
}

static void before_write(int fd, const struct file *file, uint64_t place, uint64_t length)
{
    uint64_t end = place + length;
    keep(fd, file, place, end < file->size ? end : file->size);
    if (end > file->size) append(SIZE, 0, file, file->size, NULL, 0);
}

static void before_resize(int fd, const struct file *file, uint64_t size)
{
    keep(fd, file, size, file->size);
    if (size != file->size) append(SIZE, 0, file, file->size, NULL, 0);
}

/* A descriptor opened for synchronous writing needs no sync. */
static void after_write(int fd, const struct file *file, ssize_t written)
{
    int flags = written > 0 ? fcntl(fd, F_GETFL) : -1;
    if (flags < 0 || (flags & O_DSYNC) == 0) return;
    uint32_t serial = __atomic_add_fetch(&serials, 1, __ATOMIC_RELAXED);
    append(BEGIN, serial, file, 0, NULL, 0);
    append(END, serial, file, 0, NULL, 0);
}

/* Where a plain write goes. */
static uint64_t position(int fd, const struct file *file)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0 && flags & O_APPEND) return file->size;
    off_t at = lseek(fd, 0, SEEK_CUR);
    return at < 0 ? file->size : (uint64_t)at;
}

static uint64_t total(const struct iovec *parts, int count)
{
    uint64_t sum = 0;
    for (int i = 0; i < count; i++) sum += parts[i].iov_len;
    return sum;
}

ssize_t write(int fd, const void *bytes, size_t length)
{
    struct file file;
    int is_watched = length > 0 && watched(fd, &file);
    if (is_watched) before_write(fd, &file, position(fd, &file), length);
    ssize_t written = syscall(SYS_write, fd, bytes, length);
    if (is_watched) after_write(fd, &file, written);
    return written;
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    struct file file;
    int is_watched = count > 0 && watched(fd, &file);
    if (is_watched) before_write(fd, &file, position(fd, &file), total(parts, count));
    ssize_t written = syscall(SYS_writev, fd, parts, count);
    if (is_watched) after_write(fd, &file, written);
    return written;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t place)
{
    struct file file;
    int is_watched = length > 0 && watched(fd, &file);
    if (is_watched) before_write(fd, &file, place, length);
    ssize_t written = syscall(SYS_pwrite64, fd, bytes, length, place);
    if (is_watched) after_write(fd, &file, written);
    return written;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t place)
{
    return pwrite(fd, bytes, length, place);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t place)
{
    struct file file;
    int is_watched = count > 0 && watched(fd, &file);
    if (is_watched) before_write(fd, &file, place, total(parts, count));
    ssize_t written = syscall(SYS_pwritev, fd, parts, count, place, 0);
    if (is_watched) after_write(fd, &file, written);
    return written;
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t place)
{
    return pwritev(fd, parts, count, place);
}

int ftruncate(int fd, off_t size)
{
    struct file file;
    if (size >= 0 && watched(fd, &file)) before_resize(fd, &file, size);
    return syscall(SYS_ftruncate, fd, size);
}

int ftruncate64(int fd, off64_t size)
{
    return ftruncate(fd, size);
}

/* Grows a file without a write. Modes that dig holes or keep the size leave the contents that we know of alone. */
int fallocate(int fd, int mode, off_t place, off_t length)
{
    struct file file;
    if (mode == 0 && place >= 0 && length > 0 && watched(fd, &file) && (uint64_t)(place + length) > file.size) {
        append(SIZE, 0, &file, file.size, NULL, 0);
    }
    return syscall(SYS_fallocate, fd, mode, place, length);
}

int fallocate64(int fd, int mode, off64_t place, off64_t length)
{
    return fallocate(fd, mode, place, length);
}

int posix_fallocate(int fd, off_t place, off_t length)
{
    return fallocate(fd, 0, place, length) == 0 ? 0 : errno;
}

int posix_fallocate64(int fd, off64_t place, off64_t length)
{
    return posix_fallocate(fd, place, length);
}

static int sync_by(long call, int fd)
{
    struct file file;
    if (!watched(fd, &file)) return syscall(call, fd);
    uint32_t serial = __atomic_add_fetch(&serials, 1, __ATOMIC_RELAXED);
    append(BEGIN, serial, &file, 0, NULL, 0);
    int result = syscall(call, fd);
    if (result == 0) append(END, serial, &file, 0, NULL, 0);
    return result;
}

int fsync(int fd)
{
    return sync_by(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return sync_by(SYS_fdatasync, fd);
}

/* A file may be emptied as it is opened. */
static void before_open(int at, const char *path, int flags)
{
    struct file file;
    if ((flags & O_TRUNC) == 0 || folder_length == 0) return;
    int fd = syscall(SYS_openat, at, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
    if (fd < 0) return;
    if (watched(fd, &file)) before_resize(fd, &file, 0);
    syscall(SYS_close, fd);
}

static int open_at(int at, const char *path, int flags, mode_t mode)
{
    before_open(at, path, flags);
    return syscall(SYS_openat, at, path, flags, mode);
}

static int takes_mode(int flags)
{
    return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

#define MODE(flags, mode) \
    if (takes_mode(flags)) { \
        va_list more; \
        va_start(more, flags); \
        mode = va_arg(more, mode_t); \
        va_end(more); \
    }

int open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    MODE(flags, mode)
    return open_at(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    mode_t mode = 0;
    MODE(flags, mode)
    return open_at(AT_FDCWD, path, flags, mode);
}

int openat(int at, const char *path, int flags, ...)
{
    mode_t mode = 0;
    MODE(flags, mode)
    return open_at(at, path, flags, mode);
}

int openat64(int at, const char *path, int flags, ...)
{
    mode_t mode = 0;
    MODE(flags, mode)
    return open_at(at, path, flags, mode);
}

int creat(const char *path, mode_t mode)
{
    return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int creat64(const char *path, mode_t mode)
{
    return creat(path, mode);
}

int truncate(const char *path, off_t size)
{
    struct file file;
    int fd = size < 0 ? -1 : syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
    if (fd >= 0) {
        if (watched(fd, &file)) before_resize(fd, &file, size);
        syscall(SYS_close, fd);
    }
    return syscall(SYS_truncate, path, size);
}

int truncate64(const char *path, off64_t size)
{
    return truncate(path, size);
}

__attribute__((constructor)) static void begin(void)
{
    struct file nothing = {0, 0, 0};
    const char *told_folder = getenv("POWER_CUT_FOLDER"), *told_log = getenv("POWER_CUT_LOG");
    if (told_folder == NULL || told_log == NULL || told_folder[0] != '/') return;
    if (strlen(told_folder) >= sizeof folder || strlen(told_log) >= sizeof log_path) give_up("keep paths this long");
    strcpy(log_path, told_log);
    strcpy(folder, told_folder);
    open_log();
    append(LOADED, 0, &nothing, 0, NULL, 0);
    folder_length = strlen(folder);
}
