package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// A machine of the cluster is the first process of namespaces of its own: processes, mounts, network, host name.
// Its file system is the host's, but what it writes outside of the cluster's folder stays in an overlay. When it ends,
// the kernel ends all that runs in it, and its mounts and network devices go with it; so killing a machine is enough
// to leave nothing behind.

// machineNamespaces are those that `kube up` gives to a machine.
const machineNamespaces = unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWUTS

// goAhead is what `kube up` writes to a machine's input once its network is laid.
const goAhead = "go"

// Host folders that a machine sees through an overlay: where containerd, the kubelet, CNI and pods write.
var overlaid = []string{"/etc", "/opt", "/var/lib", "/var/log", "/usr/libexec"}

// The settings of the kernel that the kubelet wants. It would set them for the whole host; in a machine it reads and
// writes files instead.
var kernelSettings = map[string]string{
	"vm/overcommit_memory":      "1",
	"vm/panic_on_oom":           "0",
	"kernel/panic":              "10",
	"kernel/panic_on_oops":      "1",
	"kernel/keys/root_maxkeys":  "1000000",
	"kernel/keys/root_maxbytes": "25000000",
}

// machine runs as the first process of a machine: `kube machine DIR NAME`, started by `kube up`.
func machine(arguments []string) error {
	if len(arguments) != 2 || os.Getpid() != 1 {
		return errors.New("this is started by `kube up` only")
	}
	p, found, err := readPlan(arguments[0])
	if err != nil || !found {
		return fmt.Errorf("no plan of a cluster in %s: %w", arguments[0], err)
	}
	name := arguments[1]
	runtime.LockOSThread() // children end with this thread
	if err := p.enterMachine(name); err != nil {
		return err
	}
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != goAhead {
		return errors.New("`kube up` has ended before the network was laid")
	}
	for _, family := range p.families() {
		setting := []string{"ipv4/ip_forward", "ipv6/conf/all/forwarding"}[family]
		if err := os.WriteFile("/proc/sys/net/"+setting, []byte("1"), 0); err != nil {
			return err
		}
	}
	l, err := newLauncher(filepath.Join(p.logs(), name))
	if err != nil {
		return err
	}
	go l.reapOrphans()
	if name == controlMachine {
		err = p.runControlPlane(l)
	} else {
		err = p.runNode(l, slices.Index(nodeMachines, name))
	}
	if err != nil {
		return err
	}
	return <-l.failed
}

// enterMachine makes the file system that a machine sees, and names it.
func (p plan) enterMachine(name string) error {
	home := p.file(name)
	// Nothing that is mounted here reaches the host; among the machine's own containers it does, as on a real one.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mounts cannot be made private: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("mounts cannot be shared: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("/proc: %w", err)
	}
	dir, err := os.Open(p.Dir) // is perhaps below what gets overlaid
	if err != nil {
		return err
	}
	defer dir.Close()
	for _, host := range overlaid {
		layer := filepath.Join(home, "overlay", strings.ReplaceAll(host[1:], "/", "-"))
		upper, work := filepath.Join(layer, "upper"), filepath.Join(layer, "work")
		if err := errors.Join(os.MkdirAll(upper, 0o755), os.MkdirAll(work, 0o755)); err != nil {
			return err
		}
		options := "lowerdir=" + host + ",upperdir=" + upper + ",workdir=" + work
		if err := unix.Mount("overlay", host, "overlay", 0, options); err != nil {
			return fmt.Errorf("no overlay over %s with its upper layer in %s: %w (the cluster's folder must be on a file "+
				"system of a disk such as ext4 or xfs: choose another one with --dir)", host, upper, err)
		}
	}
	if err := unix.Mount(fmt.Sprintf("/proc/self/fd/%d", dir.Fd()), p.Dir, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("%s: %w", p.Dir, err)
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return fmt.Errorf("/run: %w", err)
	}
	for setting, value := range kernelSettings {
		file := filepath.Join(home, "kernel", setting)
		err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(value+"\n"), 0o644))
		if err != nil {
			return err
		}
		err = unix.Mount(file, filepath.Join("/proc/sys", setting), "", unix.MS_BIND, "")
		if err != nil && !errors.Is(err, unix.ENOENT) { // not every kernel has every setting
			return fmt.Errorf("/proc/sys/%s: %w", setting, err)
		}
	}
	return unix.Sethostname([]byte(name))
}

// reapOrphans waits for processes whose parents have ended, which is a first process's duty: containerd's shims come
// to it.
func (l *launcher) reapOrphans() {
	changes := make(chan os.Signal, 1)
	signal.Notify(changes, syscall.SIGCHLD)
	for range changes {
		for _, pid := range processes() {
			stat, err := readStat("/proc", pid)
			if err == nil && stat.state == "Z" && stat.parent == os.Getpid() && !l.started(pid) {
				_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
			}
		}
	}
}

// stat is what /proc/PID/stat says of a process.
type stat struct {
	state  string
	parent int
}

func readStat(proc string, pid int) (stat, error) {
	content, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "stat"))
	if err != nil {
		return stat{}, err
	}
	_, after, _ := strings.Cut(string(content[strings.LastIndex(string(content), ")"):]), " ") // the name may hold anything
	fields := strings.Fields(after)
	if len(fields) < 2 {
		return stat{}, fmt.Errorf("/proc/%d/stat: %q", pid, content)
	}
	parent, err := strconv.Atoi(fields[1])
	return stat{state: fields[0], parent: parent}, err
}

// processes are the ids of all processes that this one sees.
func processes() []int {
	entries, _ := os.ReadDir("/proc")
	var pids []int
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// bind makes a folder and shows it at another path as well.
func bind(from, to string) error {
	if err := errors.Join(os.MkdirAll(from, 0o755), os.MkdirAll(to, 0o755)); err != nil {
		return err
	}
	if err := unix.Mount(from, to, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("%s at %s: %w", from, to, err)
	}
	return nil
}
