// A plugin of QEMU that prints how much stack a program uses: the bytes from
// the first stack address that the program accesses to the lowest. The first
// address is the start of the stack that the kernel has prepared.
#include "plugin.h"

// The program's code and data are below DATA_END (cross/sections.ld), and the
// stack is above. Nothing else is in memory, except that QEMU keeps the segment
// descriptors of an x86 below the lowest address that the stack may have.
enum { DATA_END = 0x1000000, STACK_LIMIT = 8 << 20 };

static uint64_t first, lowest;

static void record_access(unsigned cpu, qemu_plugin_meminfo_t info, uint64_t address, void *data)
{
    (void)cpu, (void)info, (void)data;
    if (address < DATA_END) return;
    if (first == 0) first = lowest = address;
    if (address < first && first - address > STACK_LIMIT) return;
    if (address < lowest) lowest = address;
}

static void instrument_block(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    for (size_t index = 0; index < qemu_plugin_tb_n_insns(block); index++)
        qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(block, index), record_access,
            QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, NULL);
}

static void print_stack(qemu_plugin_id_t id, void *data)
{
    (void)id, (void)data;
    char line[40];
    snprintf(line, sizeof line, "stack: %" PRIu64 "\n", first - lowest);
    qemu_plugin_outs(line);
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv)
{
    (void)info, (void)argc, (void)argv;
    qemu_plugin_register_vcpu_tb_trans_cb(id, instrument_block);
    qemu_plugin_register_atexit_cb(id, print_stack, NULL);
    return 0;
}
