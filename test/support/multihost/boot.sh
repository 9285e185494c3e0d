# A test's host from power on: its own tree, devices and processes; then what a host starts at boot. Runs as process 1 of new
# namespaces: boot.sh NAME FOLDER INIT, where FOLDER/upper keeps what differs from this machine's own tree, and INIT is
# sysv or systemd.
set -eu
name=$1 folder=$2 init=$3
tree=$folder/tree
mkdir -p "$tree" "$folder/upper" "$folder/work"
mount -t overlay "$name" -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" "$tree"
mount -t proc proc "$tree/proc"
mount -t sysfs -o ro sysfs "$tree/sys"
mount -t tmpfs -o mode=755 devices "$tree/dev"
for node in "null 3" "zero 5" "full 7" "random 8" "urandom 9"; do
  mknod -m 666 "$tree/dev/${node% *}" c 1 "${node#* }"
done
mknod -m 666 "$tree/dev/tty" c 5 0
mkdir "$tree/dev/pts" "$tree/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts "$tree/dev/pts"
mount -t tmpfs -o mode=1777 shm "$tree/dev/shm"
ln -s pts/ptmx "$tree/dev/ptmx"
ln -s /proc/self/fd "$tree/dev/fd"
mount -t tmpfs -o mode=755 run "$tree/run"
mount -t tmpfs -o mode=1777 tmp "$tree/tmp"
mkdir -p "$tree/run/sshd" "$tree/run/lock"
mkdir -p -m 2775 "$tree/run/postgresql"
chown postgres:postgres "$tree/run/postgresql" 2>/dev/null || true
hostname "$name"
if [ "$init" = systemd ]; then
  mount -t tmpfs -o mode=755 cgroup "$tree/sys/fs/cgroup"
  mkdir "$tree/sys/fs/cgroup/systemd"
  mount -t cgroup -o none,name=systemd cgroup "$tree/sys/fs/cgroup/systemd"
  chroot "$tree" /bin/sh /etc/pgsite-test/before-systemd
  # What it starts may wait for the network, which comes once it is there.
  chroot "$tree" /bin/sh -c '
until [ -S /run/systemd/private ]; do sleep 0.1; done
echo ready' &
  export container=pgsite-test
  exec chroot "$tree" /lib/systemd/systemd --log-target=null --unit=multi-user.target
fi
exec chroot "$tree" /bin/sh -c '
cd /
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
if [ ! -e /etc/pgsite-test/installed ]; then
  sh /etc/pgsite-test/install && touch /etc/pgsite-test/installed
fi
/usr/sbin/sshd -f /etc/pgsite-test/sshd_config -E /var/log/sshd.log
rm -f /run/booted
echo ready
until ip -o -4 address show dev eth0 up 2>/dev/null | grep -q inet; do sleep 0.05; done
for script in /etc/rc3.d/S*; do
  if [ -x "$script" ]; then "$script" start </dev/null >>/var/log/boot.log 2>&1; fi
done
: >/run/booted
# Process 1 collects what lost its parent.
while :; do sleep 1000 & wait $!; done
' boot
