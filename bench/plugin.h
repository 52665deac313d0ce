// What the plugins of QEMU here use of its interface.
//
// Debian has no package with qemu-plugin.h. What is declared here is documented in QEMU's sources
// (include/qemu/qemu-plugin.h), and on https://www.qemu.org/docs/master/devel/tcg-plugins.html.
#include <inttypes.h>
#include <stdio.h>

// Debian 12's QEMU (7.2) has interfaces 0 and 1.
int qemu_plugin_version = 1;

struct block;
struct instruction;
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t, void (*)(uint64_t, struct block *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct block *, void (*)(unsigned, void *), int, void *);
void qemu_plugin_register_vcpu_mem_cb(struct instruction *, void (*)(unsigned, uint32_t, uint64_t, void *), int, int,
    void *);
void qemu_plugin_register_atexit_cb(uint64_t, void (*)(uint64_t, void *), void *);
size_t qemu_plugin_tb_n_insns(const struct block *);
struct instruction *qemu_plugin_tb_get_insn(const struct block *, size_t);
void qemu_plugin_outs(const char *);
