// The part of QEMU's plugin interface that the plugins in this folder use.
//
// Debian has no package with qemu-plugin.h. QEMU documents these declarations
// in its sources (include/qemu/qemu-plugin.h), and on
// https://www.qemu.org/docs/master/devel/tcg-plugins.html.
#include <inttypes.h>
#include <stdio.h>

// QEMU 7.2 of Debian 12 has the interfaces 0 and 1.
int qemu_plugin_version = 1;

typedef uint64_t qemu_plugin_id_t;
typedef uint32_t qemu_plugin_meminfo_t;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
enum qemu_plugin_mem_rw { QEMU_PLUGIN_MEM_R = 1, QEMU_PLUGIN_MEM_W, QEMU_PLUGIN_MEM_RW };

struct qemu_info;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
int qemu_plugin_install(qemu_plugin_id_t, const struct qemu_info *, int, char **);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, void (*)(unsigned, void *),
    enum qemu_plugin_cb_flags, void *);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *,
    void (*)(unsigned, qemu_plugin_meminfo_t, uint64_t, void *), enum qemu_plugin_cb_flags, enum qemu_plugin_mem_rw,
    void *);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
void qemu_plugin_outs(const char *);
