/* Measures commands: run ROUNDS COMMAND…
 *
 * Each round runs every command once. A COMMAND is one argument, in which
 * spaces separate the words. The standard input and output of a command are
 * /dev/null.
 *
 * For each command, the program prints a line of five numbers, separated by
 * tabs. The first four are medians of all rounds:
 *
 * 1. the microseconds from the start to the end of the command
 * 2. the microseconds of CPU, in user space and in the kernel
 * 3. the page faults
 * 4. the CPU time in thousandths of the CPU time that the first command took in
 *    the same round
 * 5. the peak of the memory, in KB
 *
 * The peak is VmHWM at the exit of the command, from one more run before the
 * rounds. ru_maxrss of wait4 would be wrong: it is at least the memory of the
 * process that forked, which is 10 MB for a parent in Python. On Linux 6.2 and
 * later, each CPU counts on its own, and ru_maxrss of a small program is 0. */
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

/* Calls vfork, because the first writes of a forked child are page faults. */
static pid_t start_command(char **command, int traced) {
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

static void check_status(char **command, int status) {
    if (status == 0) return;
    fprintf(stderr, "run: %s: wait status %#x (expected 0)\n", command[0], status);
    exit(1);
}

static long measure_peak(char **command) {
    long peak = 0;
    int status;
    pid_t child = start_command(command, 1);
    while (waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
        if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8)) {
            char text[4096], *line;
            sprintf(text, "/proc/%d/status", child);
            int file = open(text, O_RDONLY);
            text[read(file, text, sizeof text - 1)] = 0;
            close(file);
            if ((line = strstr(text, "VmHWM:"))) peak = atol(line + 6);
        }
        ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACEEXIT);
        ptrace(PTRACE_CONT, child, 0, 0);
    }
    check_status(command, status);
    return peak;
}

static void measure_command(int command, int round) {
    struct timespec before, after;
    struct rusage usage;
    int status;
    clock_gettime(CLOCK_MONOTONIC, &before);
    wait4(start_command(words[command], 0), &status, 0, &usage);
    clock_gettime(CLOCK_MONOTONIC, &after);
    check_status(words[command], status);
    long (*row)[ROUNDS] = numbers[command];
    row[WALL][round] = (after.tv_sec - before.tv_sec) * 1000000 + (after.tv_nsec - before.tv_nsec) / 1000;
    row[CPU][round] = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec
        + usage.ru_stime.tv_usec;
    row[FAULTS][round] = usage.ru_minflt + usage.ru_majflt;
    row[RATIO][round] = row[CPU][round] * 1000 / numbers[0][CPU][round];
}

static int compare_numbers(const void *a, const void *b) {
    return (*(const long *)a > *(const long *)b) - (*(const long *)a < *(const long *)b);
}

int main(int argc, char **argv) {
    int rounds = argc > 1 ? atoi(argv[1]) : 0, commands = argc - 2;
    if (rounds < 1 || rounds > ROUNDS || commands < 1 || commands > COMMANDS) {
        fprintf(stderr, "usage: run ROUNDS COMMAND...\n");
        return 2;
    }
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    long peaks[COMMANDS];
    for (int command = 0; command < commands; command++) {
        char **word = words[command];
        for (char *rest = argv[command + 2]; (*word = strtok(rest, " ")); rest = NULL) word++;
        peaks[command] = measure_peak(words[command]);
    }
    for (int round = 0; round < rounds; round++)
        for (int command = 0; command < commands; command++) measure_command(command, round);
    for (int command = 0; command < commands; command++) {
        for (int kind = 0; kind < KINDS; kind++) {
            qsort(numbers[command][kind], rounds, sizeof(long), compare_numbers);
            printf("%ld\t", numbers[command][kind][rounds / 2]);
        }
        printf("%ld\n", peaks[command]);
    }
}
