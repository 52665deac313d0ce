// A plugin of QEMU that counts the instructions of a program, and tells their number as callgrind does.
#include "plugin.h"

static uint64_t instructions;

static void executed(unsigned processor, void *number)
{
    instructions += (uintptr_t)number;
}

// A block is executed from its first instruction to its last.
static void translated(uint64_t plugin, struct block *block)
{
    qemu_plugin_register_vcpu_tb_exec_cb(block, executed, 0, (void *)qemu_plugin_tb_n_insns(block));
}

static void ended(uint64_t plugin, void *nothing)
{
    char line[40];
    snprintf(line, sizeof line, "Collected : %" PRIu64 "\n", instructions);
    qemu_plugin_outs(line);
}

int qemu_plugin_install(uint64_t plugin, const void *qemu, int argc, char **argv)
{
    qemu_plugin_register_vcpu_tb_trans_cb(plugin, translated);
    qemu_plugin_register_atexit_cb(plugin, ended, NULL);
    return 0;
}
