// A plugin of QEMU that tells how much stack a program uses: the bytes from the place of it that is accessed first,
// which is where the kernel has left it, to the lowest that is ever accessed.
#include "plugin.h"

enum { READ = 1, WRITE = 2 };
// Below are the program's code and data (cross/sections.ld), above is the stack. There is nothing else, except the
// descriptors of an x86's segments, which QEMU keeps below the lowest address that the stack may have.
enum { STACK = 0x1000000, STACK_LIMIT = 8 << 20 };

static uint64_t first, lowest;

static void accessed(unsigned processor, uint32_t kind, uint64_t address, void *nothing)
{
    if (address < STACK) return;
    if (first == 0) first = lowest = address;
    if (address < first && first - address > STACK_LIMIT) return;
    if (address < lowest) lowest = address;
}

static void translated(uint64_t plugin, struct block *block)
{
    for (size_t place = 0; place < qemu_plugin_tb_n_insns(block); place++)
        qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(block, place), accessed, 0, READ | WRITE, NULL);
}

static void ended(uint64_t plugin, void *nothing)
{
    char line[40];
    snprintf(line, sizeof line, "stack: %" PRIu64 "\n", first - lowest);
    qemu_plugin_outs(line);
}

int qemu_plugin_install(uint64_t plugin, const void *qemu, int argc, char **argv)
{
    qemu_plugin_register_vcpu_tb_trans_cb(plugin, translated);
    qemu_plugin_register_atexit_cb(plugin, ended, NULL);
    return 0;
}
