# Runs once on each of a test's hosts, before its first boot: users who may log in, and what each may become.
set -eu
# Nothing of this machine's own is started at boot there: run level 3 has what a test installs.
rm -f /etc/rc[0-6S].d/*
for user in admin guest; do
  useradd --create-home --shell /bin/bash "$user"
done
keys() {
  # sshd refuses a locked user.
  usermod --password '*' "$1"
  home=$(getent passwd "$1" | cut -d: -f6)
  mkdir -p -m 700 "$home/.ssh"
  cp /etc/pgsite-test/authorized_keys "$home/.ssh/authorized_keys"
  chmod 600 "$home/.ssh/authorized_keys"
  chown -R "$1:" "$home/.ssh"
}
for user in root admin guest; do keys "$user"; done
if getent passwd postgres >/dev/null; then
  keys postgres
  echo 'admin ALL=(postgres, root) NOPASSWD: /bin/sh' >/etc/sudoers.d/pgsite
  chmod 440 /etc/sudoers.d/pgsite
fi
