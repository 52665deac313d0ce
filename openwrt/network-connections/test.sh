#!/bin/sh
# The feed's CI runs this where the package is installed: test.sh PACKAGE VERSION

[ "$1" = network-connections ] || exit 0

network-connections --version | grep -F "network-connections $2" || exit 1

# Two sockets, one of them connected.
directory=$(mktemp -d) || exit 1
trap 'rm -r "$directory"' EXIT
mkdir "$directory/net"
cat >"$directory/net/tcp" <<'END'
  sl  local_address rem_address   st
   0: 0100007F:0016 0200007F:C350 01
   1: 0100007F:0016 0200007F:C351 06
END
echo '  sl  local_address rem_address   st' >"$directory/net/udp"
network-connections -q tcp -q tcp.ESTABLISHED -q udp "$directory" | xargs echo | grep -x '2 1 0' || exit 1

# Errors of system calls arrive.
rm "$directory/net/udp"
network-connections "$directory" 2>&1 | grep -F "$directory/net/udp: No such file or directory"
