package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// launcher starts programs as children of this process. They are killed by the kernel when the thread that started
// them ends, so its users lock themselves to the main thread.
type launcher struct {
	logs   string     // folder of the logs, one a program
	failed chan error // gets a word when a program that is kept running cannot be

	mu       sync.Mutex
	children map[int]*process
}

// process is a program that runs as a child of this one.
type process struct {
	name    string
	logFile string
	command *exec.Cmd
	ended   chan struct{} // closed once it has ended; err is set before
	err     error
}

func newLauncher(logs string) (*launcher, error) {
	return &launcher{logs: logs, failed: make(chan error, 1), children: map[int]*process{}}, os.MkdirAll(logs, 0o755)
}

// start runs a program with its output going to NAME.log.
func (l *launcher) start(name, program string, arguments ...string) (*process, error) {
	return l.startCommand(name, exec.Command(program, arguments...))
}

// startComponent runs one of Kubernetes' components.
func (l *launcher) startComponent(name string, arguments ...string) (*process, error) {
	program, err := sibling("components")
	if err != nil {
		return nil, err
	}
	return l.start(name, program, append([]string{name}, arguments...)...)
}

// A component that lives shorter than this was started wrongly; it would not get better by being started again.
const settling = 10 * time.Second

// keepComponent runs one of Kubernetes' components and starts it anew when it ends, as a service manager
// would. If it does not even come up, failed gets the reason.
func (l *launcher) keepComponent(name string, arguments ...string) (*process, error) {
	program, err := sibling("components")
	if err != nil {
		return nil, err
	}
	return l.keep(name, program, append([]string{name}, arguments...)...)
}

// keep is keepComponent for any program.
func (l *launcher) keep(name, program string, arguments ...string) (*process, error) {
	begun := time.Now()
	first, err := l.start(name, program, arguments...)
	if err != nil {
		return nil, err
	}
	go func() {
		<-first.ended
		if time.Since(begun) < settling {
			l.fail(first.failure())
			return
		}
		for p := first; err == nil; p, err = l.start(name, program, arguments...) {
			<-p.ended
			fmt.Printf("%s has ended (%v) and is started again\n", name, p.err)
			time.Sleep(time.Second)
		}
		l.fail(err)
	}()
	return first, nil
}

func (l *launcher) fail(err error) {
	select {
	case l.failed <- err:
	default: // the first failure is told already
	}
}

// startCommand runs a command that may have an input of its own.
func (l *launcher) startCommand(name string, command *exec.Cmd) (*process, error) {
	p := &process{
		name:    name,
		logFile: filepath.Join(l.logs, name+".log"),
		command: command,
		ended:   make(chan struct{}),
	}
	log, err := os.OpenFile(p.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	l.mu.Lock() // whoever reaps orphans must see a child and its entry at once
	defer l.mu.Unlock()
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("%s cannot be started: %w", name, err)
	}
	l.children[command.Process.Pid] = p
	go func() {
		p.err = command.Wait()
		l.mu.Lock()
		delete(l.children, command.Process.Pid)
		l.mu.Unlock()
		close(p.ended)
	}()
	return p, nil
}

// started says whether a process is a child that start has started and that nobody has waited for yet.
func (l *launcher) started(pid int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.children[pid]
	return ok
}

// failure says that a process has ended, why, and what its log says last.
func (p *process) failure() error {
	state := "has ended"
	if p.err != nil {
		state += " (" + p.err.Error() + ")"
	}
	return fmt.Errorf("%s %s; the end of its log %s:\n%s", p.name, state, p.logFile, tail(p.logFile, 8))
}

// stop ends a process at once: nothing here is worth a slow farewell.
func (p *process) stop() {
	if err := p.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return
	}
	<-p.ended
}

// tail gives the last lines of a log, each indented.
func tail(file string, lines int) string {
	content, err := os.ReadFile(file)
	if err != nil {
		return "  (" + err.Error() + ")"
	}
	all := strings.Split(string(bytes.TrimSpace(content)), "\n")
	return "  " + strings.Join(all[max(0, len(all)-lines):], "\n  ")
}
