package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// How long a command may take to end by itself once it was told to. Less than Pulumi's own patience with a plugin.
	grace = 800 * time.Millisecond
	// A line that is logged is cut into pieces of this many bytes at most.
	longestLine = 16 << 10
)

// output is what a command printed, without the last line feed.
type output struct{ stdout, stderr string }

// run runs a command to its end, or until ctx is done, which ends it and all that it started. `log` gets each line that
// is to be logged, as it comes. A failure says the status, the command, and all that it printed.
func run(ctx context.Context, command string, in inputs, previous output, log func(line string)) (output, error) {
	var stdout, stderr bytes.Buffer
	var both shared
	failed := func(err error) (output, error) {
		return output{}, fmt.Errorf("%w: running %q:\n%s", err, command, strings.ToValidUTF8(both.String(), "\uFFFD"))
	}
	if err := ctx.Err(); err != nil {
		return failed(err)
	}
	if _, err := os.Stat(in.Dir); in.Dir != "" && err != nil {
		return failed(&os.PathError{Op: "chdir", Path: in.Dir, Err: errors.Unwrap(err)})
	}
	interpreter := in.Interpreter
	if len(interpreter) == 0 {
		interpreter = []string{"/bin/sh", "-c"}
	}
	cmd := exec.Command(interpreter[0], append(interpreter[1:len(interpreter):len(interpreter)], command)...)
	cmd.Dir = in.Dir
	cmd.Env = environment(in, previous)
	if in.Stdin != "" {
		cmd.Stdin = strings.NewReader(in.Stdin)
	}
	// A group of its own, so that ending the command ends what it started, and nothing else.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}

	// Like the official plugin, this waits until nothing holds the command's output open any more.
	pipes := make([]*os.File, 0, 4)
	defer func() {
		for _, pipe := range pipes {
			pipe.Close()
		}
	}()
	pipe := func() (reader, writer *os.File, err error) {
		reader, writer, err = os.Pipe()
		pipes = append(pipes, reader, writer)
		return reader, writer, err
	}
	fromStdout, toStdout, err := pipe()
	if err != nil {
		return failed(err)
	}
	fromStderr, toStderr, err := pipe()
	if err != nil {
		return failed(err)
	}
	cmd.Stdout, cmd.Stderr = toStdout, toStderr
	if err := cmd.Start(); err != nil {
		return failed(err)
	}
	toStdout.Close()
	toStderr.Close()
	ended := context.AfterFunc(ctx, func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		time.Sleep(grace)
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		// A daemon that it left may hold the output open for ever: nobody waits for that now.
		time.Sleep(grace / 8)
		fromStdout.Close()
		fromStderr.Close()
	})
	defer ended()

	var reading sync.WaitGroup
	collect := func(from io.Reader, own *bytes.Buffer, logged bool) {
		lines := bufio.NewReaderSize(io.TeeReader(from, io.MultiWriter(own, &both)), longestLine)
		reading.Go(func() {
			for {
				line, _, err := lines.ReadLine()
				if err != nil {
					return
				}
				if logged {
					log(strings.ToValidUTF8(string(line), "\uFFFD"))
				}
			}
		})
	}
	collect(fromStdout, &stdout, in.Logging == "" || in.Logging == "stdout" || in.Logging == "stdoutAndStderr")
	collect(fromStderr, &stderr, in.Logging == "" || in.Logging == "stderr" || in.Logging == "stdoutAndStderr")
	reading.Wait()
	if err := cmd.Wait(); err != nil {
		return failed(err)
	}
	return output{text(stdout), text(stderr)}, nil
}

// shared is what two streams print, as it comes.
type shared struct {
	mutex sync.Mutex
	bytes.Buffer
}

func (s *shared) Write(printed []byte) (int, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.Buffer.Write(printed)
}

func environment(in inputs, previous output) []string {
	env := os.Environ()
	for name, value := range in.Environment {
		env = append(env, name+"="+value)
	}
	if in.AddPreviousOutputInEnv != nil && !*in.AddPreviousOutputInEnv {
		return env
	}
	if previous.stdout != "" {
		env = append(env, "PULUMI_COMMAND_STDOUT="+previous.stdout)
	}
	if previous.stderr != "" {
		env = append(env, "PULUMI_COMMAND_STDERR="+previous.stderr)
	}
	return env
}

func text(printed bytes.Buffer) string {
	return strings.ToValidUTF8(strings.TrimSuffix(printed.String(), "\n"), "\uFFFD")
}
