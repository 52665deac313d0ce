/* Runs commands, all of them in each round, and prints what they took: run ROUNDS COMMAND…
 *
 * A command is one argument, of words with blanks between, and its output is thrown away. Its line has the
 * medians of the microseconds from its start to its end, of those of CPU (user and system), of the page
 * faults, and of the CPU's ratio to the first command's in the same round, in thousandths; and the most
 * memory that it has had, in KB.
 *
 * The memory is not wait4's ru_maxrss, which is at least that of the process that has forked (10 MB for a
 * parent in Python) and on Linux 6.2 and later, where each CPU counts by itself, 0 for a small program.
 * It is VmHWM as the command exits, in a round before the others. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WALL, CPU, FAULTS, RATIO, KINDS };
enum { COMMANDS = 32, WORDS = 32, ROUNDS = 1000 };

static char *words[COMMANDS][WORDS];
static long numbers[COMMANDS][KINDS][ROUNDS];
static int null;

/* vfork, because after fork the child's first writes are page faults. */
static pid_t start(char **command, int traced) {
    pid_t child = vfork();
    if (child == 0) {
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        if (traced) ptrace(PTRACE_TRACEME, 0, 0, 0);
        execvp(command[0], command);
        _exit(127);
    }
    return child;
}

static void succeeded(char **command, int status) {
    if (status == 0) return;
    fprintf(stderr, "run: %s: wait status %#x\n", command[0], status);
    exit(1);
}

static long memory(char **command) {
    long most = 0;
    int status;
    pid_t child = start(command, 1);
    while (waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
        if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8)) {
            char text[4096], *line;
            sprintf(text, "/proc/%d/status", child);
            int file = open(text, O_RDONLY);
            text[read(file, text, sizeof text - 1)] = 0;
            close(file);
            if ((line = strstr(text, "VmHWM:"))) most = atol(line + 6);
        }
        ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACEEXIT);
        ptrace(PTRACE_CONT, child, 0, 0);
    }
    succeeded(command, status);
    return most;
}

static void measure(int command, int round) {
    struct timespec before, after;
    struct rusage usage;
    int status;
    clock_gettime(CLOCK_MONOTONIC, &before);
    wait4(start(words[command], 0), &status, 0, &usage);
    clock_gettime(CLOCK_MONOTONIC, &after);
    succeeded(words[command], status);
    long (*row)[ROUNDS] = numbers[command];
    row[WALL][round] = (after.tv_sec - before.tv_sec) * 1000000 + (after.tv_nsec - before.tv_nsec) / 1000;
    row[CPU][round] = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec
        + usage.ru_stime.tv_usec;
    row[FAULTS][round] = usage.ru_minflt + usage.ru_majflt;
    row[RATIO][round] = row[CPU][round] * 1000 / numbers[0][CPU][round];
}

static int order(const void *a, const void *b) {
    return (*(const long *)a > *(const long *)b) - (*(const long *)a < *(const long *)b);
}

int main(int argc, char **argv) {
    int rounds = argc > 1 ? atoi(argv[1]) : 0, commands = argc - 2;
    if (rounds < 1 || rounds > ROUNDS || commands < 1 || commands > COMMANDS) {
        fprintf(stderr, "usage: run ROUNDS COMMAND...\n");
        return 2;
    }
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    long most[COMMANDS];
    for (int command = 0; command < commands; command++) {
        char **word = words[command];
        for (char *rest = argv[command + 2]; (*word = strtok(rest, " ")); rest = NULL) word++;
        most[command] = memory(words[command]);
    }
    for (int round = 0; round < rounds; round++)
        for (int command = 0; command < commands; command++) measure(command, round);
    for (int command = 0; command < commands; command++) {
        for (int kind = 0; kind < KINDS; kind++) {
            qsort(numbers[command][kind], rounds, sizeof(long), order);
            printf("%ld\t", numbers[command][kind][rounds / 2]);
        }
        printf("%ld\n", most[command]);
    }
}
