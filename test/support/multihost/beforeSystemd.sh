# What a test's host with systemd needs before systemd starts: the users of the others, sshd as a unit, and nothing that is
# this machine's own or wants devices.
set -eu
units=/etc/systemd/system
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
if [ ! -e /etc/pgsite-test/installed ]; then
  rm -rf "$units"/*.wants
  for unit in ssh.service ssh.socket postgresql.service getty.target systemd-logind.service systemd-udevd.service \
    systemd-udevd-kernel.socket systemd-udevd-control.socket systemd-journald-audit.socket; do
    ln -sf /dev/null "$units/$unit"
  done
  sh /etc/pgsite-test/install && touch /etc/pgsite-test/installed
fi
mkdir -p "$units/multi-user.target.wants"
cat >"$units/test-sshd.service" <<UNIT
[Service]
ExecStartPre=/bin/mkdir -p /run/sshd
ExecStart=/usr/sbin/sshd -D -f /etc/pgsite-test/sshd_config -E /var/log/sshd.log
UNIT
ln -sf ../test-sshd.service "$units/multi-user.target.wants/test-sshd.service"
