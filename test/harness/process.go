// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// maxLogBytes bounds what is kept of a program's output for messages and for the
// search for secrets in logs.
const maxLogBytes = 64 << 20

// Process is a running program whose output is collected.
type Process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{}
	err  error // valid after done

	mu  sync.Mutex
	log strings.Builder
}

// StartOptions says how to run a program.
type StartOptions struct {
	Args []string
	Env  []string // added to the environment
	Dir  string
	// Line receives each line of standard output and error, in order of
	// arrival, from two goroutines under one lock. Nil means collect only.
	Line func(line string)
}

// Start runs a program. It ends when ctx does, at the latest.
func Start(ctx context.Context, path string, opt StartOptions) (*Process, error) {
	p := &Process{name: filepath.Base(path), done: make(chan struct{})}
	p.cmd = exec.CommandContext(ctx, path, opt.Args...)
	p.cmd.Env = append(os.Environ(), opt.Env...)
	p.cmd.Dir = opt.Dir
	// Its own process group, so that Ctrl-C in a terminal reaches only the
	// parent, which then stops the children in order.
	p.cmd.SysProcAttr = ownGroup()
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = 10 * time.Second
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	var readers sync.WaitGroup
	for _, r := range []io.Reader{stdout, stderr} {
		readers.Go(func() { p.collect(r, opt.Line) })
	}
	go func() {
		readers.Wait()
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

func (p *Process) collect(r io.Reader, line func(string)) {
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 64<<10), 16<<20)
	for sc.Scan() {
		p.mu.Lock()
		if p.log.Len() < maxLogBytes {
			p.log.WriteString(sc.Text())
			p.log.WriteByte('\n')
		}
		if line != nil {
			line(sc.Text())
		}
		p.mu.Unlock()
	}
	_, _ = io.Copy(io.Discard, r) // an overlong line must not block the program
}

// Log returns what the program has printed so far.
func (p *Process) Log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err returns how the program ended. It is valid after Done.
func (p *Process) Err() error { <-p.done; return p.err }

// Pid is the program's process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Memory returns the resident memory of the program in MiB, without the files that it
// has mapped and the system can take back, where the system tells (Linux).
func (p *Process) Memory() (mib int, ok bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid()))
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if v, found := strings.CutPrefix(line, "RssAnon:"); found {
			kib, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(v), " kB"))
			return kib >> 10, err == nil
		}
	}
	return 0, false
}

// Kill ends the program at once, as a crash would.
func (p *Process) Kill() { _ = p.cmd.Process.Kill(); <-p.done }

// Stop asks the program to end, waits, and kills it after grace. It returns the
// program's own error.
func (p *Process) Stop(grace time.Duration) error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(grace):
		p.Kill()
		return fmt.Errorf("%s did not end within %s", p.name, grace)
	}
	return p.err
}

// Wait polls until ready returns nil, the program ends, or ctx is done.
func (p *Process) Wait(ctx context.Context, what string, ready func() error) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended before %s (%v):\n%s", p.name, what, p.err, tail([]byte(p.Log()), 4000))
		case <-ctx.Done():
			return fmt.Errorf("%s: %s did not happen in time (%w):\n%s", p.name, what, err, tail([]byte(p.Log()), 4000))
		case <-tick.C:
		}
	}
}

// HTTPReady returns a readiness check: a GET of url answers 200.
func HTTPReady(url string) func() error {
	client := &http.Client{Timeout: time.Second}
	return func() error {
		resp, err := client.Get(url)
		if err != nil {
			return errors.New("no answer yet")
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d", resp.StatusCode)
		}
		return nil
	}
}

// FreePort returns a loopback port that was free a moment ago.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
