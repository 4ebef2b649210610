/* Lets system calls fail below a directory, as a poor file system has them fail.
 *
 * Loaded before a program (LD_PRELOAD). POOR_DISK says which calls, with which error: `rename`, `lock`, `link`, `reflink`, `full` (after so many bytes),
 * `readonly`, then the number of the error and, for `full`, the number of bytes; POOR_DISK_BELOW says where; each hit adds a byte to the file POOR_DISK_HITS.
 *
 * Functions of the C library could be replaced, but not every program calls the system by way of them. So the kernel is asked (seccomp) to raise SIGSYS
 * at each of these calls, and the handler decides: it lets the call fail, or makes it once more with a word in its sixth place, which none of them reads. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <ucontext.h>
#include <unistd.h>

#define AGAIN 0x616c6163u
#define FICLONE_REQUEST 0x40049409u
#define WRITES (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)

static char fault[16], below[4096], hits[4096];
static long error, room;

static long call(long number, long a, long b, long c, long d, long e, long f) {
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

/* Appends a number to a text. */
static void number(char *text, long value) {
    char digits[24];
    int at = 23;
    digits[at] = 0;
    do {
        digits[--at] = '0' + value % 10;
        value /= 10;
    } while (value > 0);
    strcat(text, digits + at);
}

static int is_below(const char *path) {
    size_t length = strlen(below);
    return strncmp(path, below, length) == 0 && (path[length] == '/' || path[length] == 0);
}

/* The path of what a descriptor has open; its length, or nothing. */
static long path_of(int descriptor, char *path) {
    char link[64] = "/proc/self/fd/";
    if (descriptor == AT_FDCWD) {
        strcpy(link, "/proc/self/cwd");
    } else {
        number(link, descriptor);
    }
    long length = call(SYS_readlink, (long)link, (long)path, 4096, 0, 0, AGAIN);
    path[length > 0 ? length : 0] = 0;
    return length;
}

static int open_below(int descriptor) {
    char path[4097];
    return path_of(descriptor, path) > 0 && is_below(path);
}

static int named_below(int descriptor, long name) {
    const char *path = (const char *)name;
    if (path == NULL || path[0] == 0) {
        return 0;
    }
    if (path[0] == '/') {
        return is_below(path);
    }
    char full[8200];
    long length = path_of(descriptor, full);
    if (length <= 0) {
        return 0;
    }
    strcpy(full + length, "/");
    strncat(full, strncmp(path, "./", 2) == 0 ? path + 2 : path, 4000);
    return is_below(full);
}

static int concerns(long number, const long *a) {
    switch (number) {
    case SYS_rename:
    case SYS_link:
        return named_below(AT_FDCWD, a[1]);
    case SYS_renameat:
    case SYS_renameat2:
    case SYS_linkat:
        return named_below(a[2], a[3]);
    case SYS_symlink:
        return named_below(AT_FDCWD, a[1]);
    case SYS_symlinkat:
        return named_below(a[1], a[2]);
    case SYS_mkdir:
    case SYS_unlink:
    case SYS_rmdir:
    case SYS_chmod:
    case SYS_statfs:
    case SYS_open:
    case SYS_creat:
    case SYS_truncate:
        return named_below(AT_FDCWD, a[0]);
    case SYS_mkdirat:
    case SYS_unlinkat:
    case SYS_fchmodat:
    case SYS_openat:
        return named_below(a[0], a[1]);
    case SYS_utimensat:
        return a[1] == 0 ? open_below(a[0]) : named_below(a[0], a[1]);
    case SYS_copy_file_range:
        return open_below(a[2]);
    default:
        return open_below(a[0]);
    }
}

/* How much is to be written. */
static long size(long which, const long *a) {
    if (which != SYS_writev) {
        return a[2];
    }
    const struct iovec *parts = (const struct iovec *)a[1];
    long sum = 0;
    for (long part = 0; part < a[2]; part++) {
        sum += parts[part].iov_len;
    }
    return sum;
}

static void handle(int signal, siginfo_t *information, void *context) {
    (void)signal;
    int saved = errno;
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    long which = information->si_syscall;
    long a[6] = {registers[REG_RDI], registers[REG_RSI], registers[REG_RDX],
                 registers[REG_R10], registers[REG_R8],  registers[REG_R9]};
    int fails = concerns(which, a);
    if (fails && which == SYS_statfs) {
        /* Who asks how much room there is, is told that there is none. */
        registers[REG_RAX] = call(which, a[0], a[1], 0, 0, 0, AGAIN);
        ((struct statfs *)a[1])->f_bavail = 0;
        errno = saved;
        return;
    }
    if (strcmp(fault, "full") == 0 && (which == SYS_copy_file_range || which == SYS_sendfile)) {
        /* How much that will be nobody knows before. Who cannot copy so reads and writes. */
        registers[REG_RAX] = which == SYS_sendfile ? -EINVAL : -EXDEV;
        errno = saved;
        return;
    }
    if (fails && strcmp(fault, "full") == 0) {
        long bytes = size(which, a);
        fails = __sync_sub_and_fetch(&room, bytes) < 0;
        /* What has no room takes none. */
        if (fails) {
            __sync_add_and_fetch(&room, bytes);
        }
    }
    if (fails) {
        long file = call(SYS_open, (long)hits, O_WRONLY | O_APPEND | O_CREAT, 0666, 0, 0, AGAIN);
        call(SYS_write, file, (long)"+", 1, 0, 0, AGAIN);
        call(SYS_close, file, 0, 0, 0, 0, AGAIN);
        registers[REG_RAX] = -error;
    } else if (which == SYS_copy_file_range) {
        /* (It reads its sixth argument. Who cannot copy so reads and writes.) */
        registers[REG_RAX] = -EXDEV;
    } else {
        registers[REG_RAX] = call(which, a[0], a[1], a[2], a[3], a[4], AGAIN);
    }
    errno = saved;
}

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define TRAP BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP)
#define AT_CALL(number) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), TRAP

/* Each begins with: what is made again passes. Then the number of the call is loaded. */
#define BEGIN LOAD(args[5]), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AGAIN, 0, 1), ALLOW, LOAD(nr)
/* Of a call that only sometimes counts: the argument decides. */
#define AT_CALL_IF(number, argument, jump, value) \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 4), LOAD(args[argument]), \
        BPF_JUMP(BPF_JMP | jump | BPF_K, value, 0, 1), TRAP, ALLOW

static struct sock_filter renames[] = {BEGIN, AT_CALL(SYS_rename), AT_CALL(SYS_renameat), AT_CALL(SYS_renameat2), ALLOW};
static struct sock_filter locks[] = {BEGIN, AT_CALL(SYS_flock), ALLOW};
static struct sock_filter links[] = {BEGIN, AT_CALL(SYS_link), AT_CALL(SYS_linkat), ALLOW};
static struct sock_filter reflinks[] = {BEGIN, AT_CALL(SYS_copy_file_range),
                                        AT_CALL_IF(SYS_ioctl, 1, BPF_JEQ, FICLONE_REQUEST), ALLOW};
static struct sock_filter writes[] = {BEGIN, AT_CALL(SYS_write), AT_CALL(SYS_writev), AT_CALL(SYS_pwrite64),
                                      AT_CALL(SYS_copy_file_range), AT_CALL(SYS_sendfile), AT_CALL(SYS_statfs), ALLOW};
static struct sock_filter changes[] = {
    BEGIN, AT_CALL(SYS_rename), AT_CALL(SYS_renameat), AT_CALL(SYS_renameat2), AT_CALL(SYS_link), AT_CALL(SYS_linkat),
    AT_CALL(SYS_symlink), AT_CALL(SYS_symlinkat), AT_CALL(SYS_mkdir), AT_CALL(SYS_mkdirat), AT_CALL(SYS_unlink),
    AT_CALL(SYS_unlinkat), AT_CALL(SYS_rmdir), AT_CALL(SYS_chmod), AT_CALL(SYS_fchmodat), AT_CALL(SYS_creat),
    AT_CALL(SYS_truncate), AT_CALL(SYS_utimensat),
    AT_CALL_IF(SYS_open, 1, BPF_JSET, WRITES), AT_CALL_IF(SYS_openat, 2, BPF_JSET, WRITES), ALLOW};

#define SET(name, filter) {name, {sizeof(filter) / sizeof(filter[0]), filter}}
static struct {
    const char *name;
    struct sock_fprog program;
} faults[] = {SET("rename", renames),   SET("lock", locks),   SET("link", links),
              SET("reflink", reflinks), SET("full", writes), SET("readonly", changes)};

__attribute__((constructor)) static void begin(void) {
    const char *said = getenv("POOR_DISK"), *where = getenv("POOR_DISK_BELOW"), *noted = getenv("POOR_DISK_HITS");
    if (said == NULL || where == NULL || noted == NULL) {
        return;
    }
    strncpy(below, where, sizeof below - 1);
    strncpy(hits, noted, sizeof hits - 1);
    char *rest = strchr(said, ':');
    if (rest == NULL || rest - said >= (long)sizeof fault) {
        _exit(99);
    }
    memcpy(fault, said, rest - said);
    error = strtol(rest + 1, &rest, 10);
    room = *rest == ':' ? strtol(rest + 1, NULL, 10) : 0;
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESTART};
    sigaction(SIGSYS, &action, NULL);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    for (size_t at = 0; at < sizeof faults / sizeof faults[0]; at++) {
        if (strcmp(faults[at].name, fault) == 0) {
            if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &faults[at].program) != 0) {
                _exit(98);
            }
            return;
        }
    }
    _exit(99);
}
