package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

const (
	// The kernel's connections, with the owner of each end.
	table = "/proc/self/net/tcp"
	// The kernel's word for a connection that is open at this end.
	established = "01"
	// A pass over the table may miss an entry while others come and go.
	attempts = 3
)

// ownUser answers programs of our own OS user alone: whoever else reaches the port could have us run any command. Like
// provider/protocol/peer.ts, which says why it looks twice. Only Linux tells who is behind a connection.
type ownUser struct {
	credentials.TransportCredentials
	// Called once somebody else was turned away.
	refused func()
}

func newOwnUser(refused func()) (credentials.TransportCredentials, error) {
	if runtime.GOOS != "linux" {
		return insecure.NewCredentials(), nil
	}
	file, err := os.Open(table)
	if err != nil {
		return nil, fmt.Errorf("this answers its own OS user alone, and cannot tell who calls: %w; mount /proc", err)
	}
	return ownUser{insecure.NewCredentials(), sync.OnceFunc(refused)}, file.Close()
}

func (o ownUser) ServerHandshake(connection net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if uid, ok := userBehind(connection); !ok || uid != os.Getuid() {
		o.refused()
		return nil, nil, errors.New("a call of another OS user was turned away")
	}
	return o.TransportCredentials.ServerHandshake(connection)
}

func (o ownUser) Clone() credentials.TransportCredentials { return o }

// end is one end of a connection, as the kernel lists it.
type end struct{ state, uid, inode string }

// userBehind is who holds the other end of a connection over loopback, if that is certain.
func userBehind(connection net.Conn) (uid int, ok bool) {
	own, err := inodeOf(connection)
	if err != nil {
		return 0, false
	}
	local, isLocal := connection.LocalAddr().(*net.TCPAddr)
	remote, isRemote := connection.RemoteAddr().(*net.TCPAddr)
	if !isLocal || !isRemote {
		return 0, false
	}
	theirs, ours := pairOf(remote.Port, local.Port), pairOf(local.Port, remote.Port)
	for range attempts {
		first := listed(theirs)
		second := listed(theirs, ours)
		before, found := first[theirs]
		after, foundAgain := second[theirs]
		mine, foundMine := second[ours]
		if !found || !foundAgain || !foundMine {
			continue
		}
		if before != after || before.state != established || before.inode == "0" ||
			mine.state != established || mine.inode != own {
			return 0, false
		}
		uid, err := strconv.Atoi(before.uid)
		return uid, err == nil
	}
	return 0, false
}

func inodeOf(connection net.Conn) (string, error) {
	socket, ok := connection.(syscall.Conn)
	if !ok {
		return "", errors.New("not a socket")
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return "", err
	}
	var status syscall.Stat_t
	failed := raw.Control(func(descriptor uintptr) { err = syscall.Fstat(int(descriptor), &status) })
	return strconv.FormatUint(status.Ino, 10), errors.Join(failed, err)
}

// pairOf is both ends' addresses as they stand in the table; the one whose entry it is comes first.
func pairOf(port, otherPort int) string {
	loopback := binary.NativeEndian.Uint32([]byte{127, 0, 0, 1})
	return fmt.Sprintf("%08X:%04X %08X:%04X", loopback, port, loopback, otherPort)
}

// listed has the entries of pairs, by one pass that ends once it has them all.
func listed(pairs ...string) map[string]end {
	found := map[string]end{}
	file, err := os.Open(table)
	if err != nil {
		return found
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for len(found) < len(pairs) && lines.Scan() {
		for _, pair := range pairs {
			// After the addresses: state, queues, timer, retransmissions, uid, timeout, inode.
			if _, rest, isOf := strings.Cut(lines.Text(), " "+pair+" "); isOf {
				if words := strings.Fields(rest); len(words) > 6 {
					found[pair] = end{state: words[0], uid: words[4], inode: words[6]}
				}
			}
		}
	}
	return found
}
