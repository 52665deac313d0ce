/* The floor of the benchmark: reads the same data from the kernel as the
 * program, and parses only the headers of netlink messages, to find the end of
 * a dump: floor proc|netlink|conntrack */
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* As in the program: the bytes of one read, and a bit for each state up to
 * CLOSING (include/net/tcp_states.h). */
enum { BUFFER = 16384, STATES = 0xFFF };

static _Alignas(struct nlmsghdr) char buffer[BUFFER];

static void read_file(const char *file) {
    int table = open(file, O_RDONLY);
    if (table < 0) _exit(1);
    while (read(table, buffer, BUFFER) > 0) {}
    close(table);
}

static void read_dump(int netlink, int type, const void *request, size_t length) {
    struct { struct nlmsghdr header; char request[sizeof(struct inet_diag_req)]; } message = { 0 };
    message.header.nlmsg_len = sizeof(message.header) + length;
    message.header.nlmsg_type = type;
    message.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    memcpy(message.request, request, length);
    write(netlink, &message, message.header.nlmsg_len);
    /* The message that ends a dump may follow sockets in the same datagram. */
    for (;;) {
        ssize_t received = recv(netlink, buffer, BUFFER, 0);
        if (received <= 0) _exit(1);
        struct nlmsghdr *header = (struct nlmsghdr *)buffer;
        for (; NLMSG_OK(header, received); header = NLMSG_NEXT(header, received)) {
            if (header->nlmsg_type == NLMSG_DONE) return;
            if (header->nlmsg_type == NLMSG_ERROR) _exit(1);
        }
    }
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "netlink") == 0) {
        int netlink = socket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG);
        struct inet_diag_req tcp = { .idiag_states = STATES };
        struct inet_diag_req_v2 udp = { AF_INET, IPPROTO_UDP, .idiag_states = STATES };
        read_dump(netlink, TCPDIAG_GETSOCK, &tcp, sizeof tcp);
        read_dump(netlink, SOCK_DIAG_BY_FAMILY, &udp, sizeof udp);
        udp.sdiag_family = AF_INET6;
        read_dump(netlink, SOCK_DIAG_BY_FAMILY, &udp, sizeof udp);
        close(netlink);
    } else if (argc > 1 && strcmp(argv[1], "conntrack") == 0) {
        read_file("/proc/net/nf_conntrack");
        read_file("/proc/sys/net/netfilter/nf_conntrack_count");
        read_file("/proc/sys/net/netfilter/nf_conntrack_max");
    } else {
        read_file("/proc/net/tcp");
        read_file("/proc/net/tcp6");
        read_file("/proc/net/udp6");
        read_file("/proc/net/udp");
    }
    /* A report has about 2 KB. */
    write(STDOUT_FILENO, buffer, 2048);
}
