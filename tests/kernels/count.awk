# Prints the report that the program must print for tables of the kernel. This
# is the simplest possible implementation, to compare the program with:
# awk [-v all=yes] -f count.awk tcp tcp6 udp udp6
BEGIN {
    # The names of the states 1 to B (include/net/tcp_states.h)
    split("ESTABLISHED SYN_SENT SYN_RECV FIN_WAIT1 FIN_WAIT2 TIME_WAIT CLOSE CLOSE_WAIT LAST_ACK LISTEN" \
        " CLOSING", name)
    states = split("FIN_WAIT1 ESTABLISHED TIME_WAIT CLOSE SYN_SENT SYN_RECV FIN_WAIT2 LISTEN CLOSING" \
        " CLOSE_WAIT LAST_ACK UNKNOWN", state)
    groups = split("tcp4 tcp6 udp4 udp6 tcp udp all", group)
}

FNR > 1 && (all || $3 !~ /^0+:/) {
    protocol = substr(FILENAME, 1, 3)
    family = FILENAME ~ /6$/ ? 6 : 4
    row = name[index("123456789AB", substr($4, 2))]
    count[protocol family, row]++
    count[protocol, row]++
    count["all", row]++
}

END {
    print "{"
    for (g = 1; g <= groups; g++) {
        print "    \"" group[g] "\": {"
        for (s = 1; s <= states; s++)
            print "        \"" state[s] "\": " count[group[g], state[s]] + 0 (s < states ? "," : "")
        print "    }" (g < groups ? "," : "")
    }
    print "}"
}
