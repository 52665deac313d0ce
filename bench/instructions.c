// A plugin of QEMU that counts the instructions of a program, and prints their
// number in the line that callgrind prints.
#include "plugin.h"

static uint64_t instructions;

static void count_block(unsigned cpu, void *length)
{
    (void)cpu;
    instructions += (uintptr_t)length;
}

// QEMU calls count_block each time that the program executes the block. A block
// is executed from its first instruction to its last.
static void instrument_block(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    void *length = (void *)qemu_plugin_tb_n_insns(block);
    qemu_plugin_register_vcpu_tb_exec_cb(block, count_block, QEMU_PLUGIN_CB_NO_REGS, length);
}

static void print_instructions(qemu_plugin_id_t id, void *data)
{
    (void)id, (void)data;
    char line[40];
    snprintf(line, sizeof line, "Collected : %" PRIu64 "\n", instructions);
    qemu_plugin_outs(line);
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv)
{
    (void)info, (void)argc, (void)argv;
    qemu_plugin_register_vcpu_tb_trans_cb(id, instrument_block);
    qemu_plugin_register_atexit_cb(id, print_instructions, NULL);
    return 0;
}
