// A stand-in for Pulumi's command plugin, for machines that can't have it: command:local:Command and command:local:run as
// pulumi-command 1.2.1 has them, and nothing else. Like every plugin it writes its port to standard output and serves until the engine is gone.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
)

// How often to look whether the engine is still there.
const watch = 250 * time.Millisecond

var address = regexp.MustCompile(`^[^-].*:\d+$`)

func main() {
	leaving, leave := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	// A killed engine tells nobody, and commands must not run on beside those of the next update.
	go func() {
		for engine := os.Getppid(); os.Getppid() == engine; {
			time.Sleep(watch)
		}
		leave()
	}()
	if err := serve(leaving); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve answers until `leaving` is done, and then until the last command has ended.
func serve(leaving context.Context) error {
	stop, end := context.WithCancel(leaving)
	defer end()
	commands := &provider{stop: stop, end: end}
	// The engine's address is the last argument; an engine that attaches to a plugin that runs already tells it later.
	for _, argument := range os.Args[1:] {
		if address.MatchString(argument) {
			if err := commands.Attach(argument); err != nil {
				return err
			}
		}
	}
	callers, err := newOwnUser(commands.warnOfStranger)
	if err != nil {
		return err
	}
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Options: []grpc.ServerOption{grpc.Creds(callers)},
		Init: func(server *grpc.Server) error {
			pulumirpc.RegisterResourceProviderServer(server, plugin.NewProviderServer(commands))
			return nil
		},
	})
	if err != nil {
		return err
	}
	fmt.Printf("%d\n", handle.Port)
	select {
	case err := <-handle.Done:
		return err
	case <-leaving.Done():
		commands.running.Wait()
		return nil
	}
}
